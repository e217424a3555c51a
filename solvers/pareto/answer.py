"""What an engine answers about several objectives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.core.run import Limit
from solvers.onelevel.answer import Status


@dataclass(frozen=True)
class PointFacts:
    """What the certificate found of one point.

    Attributes:
        stationarity: min |J'w|, projected where bounds or constraints are active.
        gap: proved, for convex problems: no feasible point is better in all objectives by more than this.
        weights: the w of ``stationarity``.
        weak: true if an objective has (next to) no weight, and so may be better at another point that is as good in
            all others: the point is only known to be weakly optimal.
    """

    status: Status
    stationarity: float | None
    gap: float | None
    weights: np.ndarray
    weak: bool = False


@dataclass(frozen=True)
class ParetoAnswer:
    """Absent parts are None; the certificate fills in what it measured.

    Attributes:
        status, limit: how and why the solve ended; the status is that of the worst point.
        X: (points, n), sorted by the first objective; None without points.
        values: (points, objectives), minimized.
        points: one for each row, by the certificate.
        hypervolume: of what lies between the front and ``reference``, by the certificate.
        hypervolume_bound: no front has more: proved by the certificate for convex problems of two objectives.
        reference: of the minimized objectives.
        violation: largest one of constraints and bounds.
        statistics: what the engine counted.
        message, engine, engine_version, why: as for programs.
    """

    status: Status
    limit: Limit | None = None
    X: np.ndarray | None = None
    values: np.ndarray | None = None
    points: tuple[PointFacts, ...] = ()
    hypervolume: float | None = None
    hypervolume_bound: float | None = None
    reference: np.ndarray | None = None
    violation: float | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    engine: str = ""
    engine_version: str = ""
    why: str = ""
