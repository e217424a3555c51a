"""One answer under examination: the problem, the claimed point, and the lower level solved anew at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.certificates import sizes
from solvers.bilevel.certificates.functions import Functions
from solvers.bilevel.certificates.lower_level import LowerLevel
from solvers.bilevel.certificates.resolved import Resolved
from solvers.bilevel.problem import Bilevel


@dataclass(frozen=True)
class Tolerances:
    """Attributes:

    feasibility: of constraints, relative to the largest coefficient (at most one) or a thousandth of the side;
        of bounds, relative to ``1 + |bound|``.
    objective: of a claimed objective value, relative to ``u + |value|``, u being F's largest coefficient, at most one.
    lower_gap: f(x, y) - v(x), relative to what f's terms with y sum up to.
    stationarity: each entry of the projected hypergradient, relative to the slopes of F around the point.
    hypergradient: against finite differences, relative to the derivative plus these slopes, of them at most one.
    """

    feasibility: float = 1e-6
    objective: float = 1e-8
    lower_gap: float = 1e-6
    stationarity: float = 1e-4
    hypergradient: float = 1e-3

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> Tolerances:
        """The defaults, with the tolerances that the user asked for where these are looser."""
        given = options or {}
        return cls(
            feasibility=max(cls.feasibility, float(given.get("feasibility_tolerance") or 0.0)),
            stationarity=max(cls.stationarity, 10.0 * float(given.get("tolerance") or 0.0)),
        )


@dataclass(frozen=True)
class Case:
    """What the checks look at. ``x`` and ``y`` are float64 copies of the claimed point."""

    problem: Bilevel
    answer: BilevelAnswer
    x: np.ndarray
    y: np.ndarray
    tolerances: Tolerances

    @cached_property
    def functions(self) -> Functions:
        return Functions(self.problem)

    @cached_property
    def rounded(self) -> tuple[np.ndarray, np.ndarray]:
        """The point with its integers rounded."""
        parts = ((self.x, self.problem.upper.integrality), (self.y, self.problem.lower.integrality))
        x, y = (np.where(whole, np.round(part), part) for part, whole in parts)
        return x, y

    @cached_property
    def upper_unit(self) -> float:
        """What is small for F: its largest coefficient, at most one."""
        return sizes.unit(self.problem, "upper", self.x, self.y)

    @cached_property
    def upper_slopes(self) -> np.ndarray:
        """Sizes of F's derivatives by each x, those by y included, whichever way they reach it."""
        by_x, by_y = sizes.slopes(self.problem, "upper", self.x, self.y)
        return np.asarray(by_x + by_y.max())

    @cached_property
    def lower_slopes(self) -> np.ndarray:
        """Sizes of f's derivatives by each y."""
        return sizes.slopes(self.problem, "lower", self.x, self.y)[1]

    @cached_property
    def lower_level(self) -> LowerLevel:
        return LowerLevel(self.problem)

    @cached_property
    def resolved(self) -> Resolved:
        """The lower level at the claimed x."""
        return self.lower_level.solve(self.x, (self.y,))

    @cached_property
    def integer(self) -> bool:
        """True if some lower variables are integer."""
        return bool(self.problem.lower.integrality.any())

    @cached_property
    def unique(self) -> bool:
        """True if the lower solution is known to be unique."""
        return bool(self.problem.lower_strongly_convex)


def read(problem: Bilevel, answer: BilevelAnswer, options: Mapping[str, Any] | None) -> Case | str:
    """The case, or why the claimed point is none."""
    if answer.x is None or answer.y is None:
        return "the answer has no point"
    try:
        x, y = (np.array(part, dtype=np.float64).reshape(-1) for part in (answer.x, answer.y))
    except (TypeError, ValueError):
        return "the point is not made of numbers"
    if x.shape != (problem.n,) or y.shape != (problem.m,):
        return f"the point has {x.size} upper and {y.size} lower values, not {problem.n} and {problem.m}"
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return "the point holds values that are not finite"
    return Case(problem, answer, x, y, Tolerances.of(options))
