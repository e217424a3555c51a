"""What an engine answers about a bilevel problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Status = Literal[
    "globally-optimal",
    "locally-stationary",
    "feasible",
    "not-verified",
    "infeasible",
    "unbounded",
    "no-solution",
    "error",
]
"""An engine claims; ``certificates.settle`` never lets a better word stand than the checks give.

globally-optimal: the bound proves it. locally-stationary: y solves the lower level, and no first-order step of the
upper level improves. feasible: y solves the lower level, all constraints hold. not-verified: none of that could be
shown.
"""

Limit = Literal["time", "iterations", "nodes", "memory", "cancelled", "beaten", "other"]


@dataclass(frozen=True)
class Optimum:
    """One of the local optima that many starts led to.

    Attributes:
        x, y: the point.
        objective: in the user's sense.
        starts: how many starts ended here.
        lower_residual: of the lower level's first-order conditions.
    """

    x: np.ndarray
    y: np.ndarray
    objective: float
    starts: int
    lower_residual: float


@dataclass(frozen=True)
class BilevelAnswer:
    """What an engine answers. Absent parts are None; an engine never invents one.

    Attributes:
        status, limit: how and why the solve ended.
        x, y: n and m values; None without a point.
        objective, lower_objective: at (x, y), in the user's senses.
        bound: on the optimal upper objective, claimed by the engine, in the user's sense; None if unknown.
        lower_gap: f(x, y) - v(x) as the engine sees it, in the sense of minimization; the certificate measures its own.
        hypergradient: n: total derivative of the minimized F(x, y*(x)), where the engine has one.
        stationarity: the engine's residual of the upper level's first-order conditions, or None.
        optima: what many starts found, best first.
        restart: ``"cold"`` or ``"warm"``: how the lower level was begun anew.
        statistics: iterations, evaluations, seconds, penalty... what the engine counts.
        message, engine, engine_version, why: as for programs.
    """

    status: Status
    limit: Limit | None = None
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    objective: float | None = None
    lower_objective: float | None = None
    bound: float | None = None
    lower_gap: float | None = None
    hypergradient: np.ndarray | None = None
    stationarity: float | None = None
    optima: tuple[Optimum, ...] = ()
    restart: Literal["cold", "warm"] = "warm"
    statistics: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    engine: str = ""
    engine_version: str = ""
    why: str = ""

    @property
    def gap(self) -> float | None:
        """Relative gap ``|objective - bound| / max(1, |objective|)``; None unless both are known and finite."""
        if self.objective is None or self.bound is None or not np.isfinite([self.objective, self.bound]).all():
            return None
        return abs(self.objective - self.bound) / max(1.0, abs(self.objective))
