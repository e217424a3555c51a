"""What an engine answers about a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

#: How the solve ended; the vocabulary of MathOpt's termination reasons in plain words.
#: ``imprecise``: the engine says optimal, but only within looser tolerances than asked for, or a check failed.
Status = Literal[
    "optimal",
    "feasible",
    "infeasible",
    "unbounded",
    "infeasible-or-unbounded",
    "imprecise",
    "no-solution",
    "error",
]

#: Which limit ended the solve early; None if none did.
Limit = Literal[
    "time",
    "iterations",
    "nodes",
    "solutions",
    "memory",
    "cutoff",
    "objective",
    "cancelled",
    "beaten",
    "slow-progress",
    "other",
]

#: Status of a variable or row in a basis.
BASIC, AT_LOWER, AT_UPPER, FREE, FIXED = 0, 1, 2, 3, 4
BASIS_WORDS = ("basic", "at-lower", "at-upper", "free", "fixed")


@dataclass(frozen=True)
class Basis:
    """Basis status (BASIC, AT_LOWER...) of n variables and m rows, as int8."""

    variables: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Ranging:
    """How far one number may move before the optimal basis changes: n or m entries, infinite where unbounded.

    ``cost_down[j] <= c[j] <= cost_up[j]``; ``row_down[i] <= active side of row i <= row_up[i]``, and
    ``bound_down[j] <= active bound of x[j] <= bound_up[j]``.
    """

    cost_down: np.ndarray
    cost_up: np.ndarray
    row_down: np.ndarray
    row_up: np.ndarray
    bound_down: np.ndarray
    bound_up: np.ndarray


@dataclass(frozen=True)
class InfeasibleSubsystem:
    """Rows and variable bounds that contradict each other, and (if irreducible) no proper part of them does.

    Attributes:
        rows: (index, side) with side ``"lower"`` or ``"upper"``; an equation may be listed with both sides.
        bounds: (variable, side).
        integrality: variables whose integrality is part of the contradiction.
        irreducible: the engine claims that every proper part is feasible.
    """

    rows: tuple[tuple[int, Literal["lower", "upper"]], ...]
    bounds: tuple[tuple[int, Literal["lower", "upper"]], ...]
    integrality: tuple[int, ...] = ()
    irreducible: bool = True


@dataclass(frozen=True)
class Relaxation:
    """The cheapest change of bounds that makes the program feasible (weighted sum of violations).

    Attributes:
        violation: total weighted violation.
        rows, bounds: index to signed amount by which a side is moved (negative: the lower side goes down).
    """

    violation: float
    rows: dict[int, float]
    bounds: dict[int, float]


@dataclass(frozen=True)
class Solution:
    """One feasible point of a pool."""

    objective: float
    x: np.ndarray


@dataclass(frozen=True)
class ScenarioAnswer:
    """The answer to one row of a batch (see ``solvers.programs.batch``)."""

    status: Status
    objective: float | None
    bound: float | None
    x: np.ndarray | None
    row_duals: np.ndarray | None
    certified: bool
    iterations: int | None = None


@dataclass(frozen=True)
class ProgramAnswer:
    """What an engine answers. Absent parts are None; an engine never invents one.

    Signs: ``row_duals[i]`` is the rate of change of the optimal objective per unit of row i's active side (shadow
    price) in the user's own sense, and ``reduced_costs = c + Qx - A'y`` likewise. So for ``min`` a row at its lower
    side has y >= 0 and one at its upper side y <= 0; for ``max`` the reverse.

    Attributes:
        status, limit: how and why the solve ended.
        objective: at ``x``; None without a point.
        bound: on the optimal objective (lower for min, upper for max), claimed by the engine; None if unknown.
        x: n; integral values are exactly integral where the engine's tolerance allows rounding.
        row_duals, reduced_costs: m and n; None for discrete programs.
        row_activity: m, ``A x`` (+ nonlinear).
        cone_duals: for each cone a k-vector s in the (self-dual) second-order cone, in the sense of minimization.
        primal_ray: n; for ``unbounded``: a direction of the recession cone that improves the objective without end.
        dual_ray: m; for ``infeasible``: multipliers y of the rows such that ``sup{(A'y)x : lower <= x <= upper}`` is
            below ``sum(y_i>0: y_i row_lower_i) + sum(y_i<0: y_i row_upper_i)`` (Farkas).
        pool: other feasible points, best first.
        iis, relaxation, ranging, basis: if asked for and available.
        scenarios: for a batch, one for each scenario; the answer itself is then the base problem's.
        statistics: nodes, iterations, seconds, presolved sizes... what the engine counts.
        message: the engine's own words for how it ended.
        engine, engine_version: who answered.
        why: why this engine was chosen (for ``auto``).
    """

    status: Status
    limit: Limit | None = None
    objective: float | None = None
    bound: float | None = None
    x: np.ndarray | None = None
    row_duals: np.ndarray | None = None
    reduced_costs: np.ndarray | None = None
    row_activity: np.ndarray | None = None
    cone_duals: tuple[np.ndarray, ...] | None = None
    primal_ray: np.ndarray | None = None
    dual_ray: np.ndarray | None = None
    basis: Basis | None = None
    ranging: Ranging | None = None
    pool: tuple[Solution, ...] = ()
    iis: InfeasibleSubsystem | None = None
    relaxation: Relaxation | None = None
    scenarios: tuple[ScenarioAnswer, ...] = ()
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
