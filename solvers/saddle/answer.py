"""What an engine answers about a saddle problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from solvers.core.run import Limit
from solvers.onelevel.answer import Status

SecondOrder = Literal["local-minimax", "not-a-local-minimax", "unknown"]


@dataclass(frozen=True)
class SaddleAnswer:
    """Absent parts are None; the certificate fills in what it measured.

    Attributes:
        status, limit: how and why the solve ended. globally-optimal: the duality gap proves the saddle point;
            locally-stationary: no first-order step helps either player; feasible: both players' constraints hold.
        z: x followed by y; None without a point.
        objective: f(z).
        lower: the maximizing player gets at least this with y, whatever the other does: proved by the certificate.
        upper: the minimizing player pays at most this with x, whatever the other does: proved by the certificate.
        minimizer_residual, maximizer_residual, violation, second_order: measured by the certificate.
        statistics: what the engine counted.
        message, engine, engine_version, why: as for programs.
    """

    status: Status
    limit: Limit | None = None
    z: np.ndarray | None = None
    objective: float | None = None
    lower: float | None = None
    upper: float | None = None
    minimizer_residual: float | None = None
    maximizer_residual: float | None = None
    violation: float | None = None
    second_order: SecondOrder = "unknown"
    statistics: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    engine: str = ""
    engine_version: str = ""
    why: str = ""

    @property
    def gap(self) -> float | None:
        """``|upper - lower| / max(1, |objective|)``; None unless both bounds are known."""
        if self.objective is None or self.lower is None or self.upper is None:
            return None
        return abs(self.upper - self.lower) / max(1.0, abs(self.objective))
