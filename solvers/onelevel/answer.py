"""What an engine answers about a problem of one level."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from solvers.core.run import Limit

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

globally-optimal: a bound proves it. locally-stationary: feasible, and no first-order step improves. feasible: all
constraints and bounds hold. not-verified: a point, of which none of that could be shown.
"""


@dataclass(frozen=True)
class MinimizeAnswer:
    """Absent parts are None; an engine never invents one.

    Attributes:
        status, limit: how and why the solve ended.
        x: n values; None without a point.
        objective: at x, in the user's sense.
        bound: on the optimal objective, in the user's sense; None if unknown.
        multipliers: for each constraint an array of its shape, >= 0 for inequalities: the Lagrangian of the minimized
            objective is f + sum(multiplier * (left - right)), with (right - left) for constraints ``>=``.
        ray: of an unbounded problem, n values: from x in this direction the objective has no end.
        stationarity: residual of the first-order conditions, measured by the certificate.
        violation: of constraints and bounds, measured by the certificate.
        statistics: what the engine counted.
        message, engine, engine_version, why: as for programs.
    """

    status: Status
    limit: Limit | None = None
    x: np.ndarray | None = None
    objective: float | None = None
    bound: float | None = None
    multipliers: tuple[np.ndarray, ...] | None = None
    ray: np.ndarray | None = None
    stationarity: float | None = None
    violation: float | None = None
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
