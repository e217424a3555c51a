"""The bilevel problem on flat float64 vectors, stated by plain torch functions.

``min_{x in X} F(x, y)`` subject to upper constraints, where ``y`` solves ``min_{y in Y} f(x, y)`` subject to lower
constraints. Where the lower solution is not unique, the best one for the upper level is meant (optimistic).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from solvers.core.errors import InvalidProblem

if TYPE_CHECKING:
    from solvers.bilevel.forms import Forms
    from solvers.bilevel.sampling import Sampler
    from solvers.bilevel.sources import Sources

Function = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""Of x (n) and y (m), both float64: a scalar, or k values for constraints. Pure, twice differentiable by autograd, and
of operations that ``torch.func.vmap`` takes."""

Sense = Literal["min", "max"]


@dataclass(frozen=True)
class Level:
    """One level. Build it with ``Level.build``.

    Attributes:
        objective: minimized.
        start, lower, upper: n values each; bounds may be infinite.
        inequalities: k values that must be <= 0, or None.
        equalities: k values that must be 0, or None.
        integrality: n of bool: which must be whole numbers.
        sense: of the user's objective: with ``"max"``, ``objective`` is its negative.
    """

    objective: Function
    start: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    inequalities: Function | None = None
    equalities: Function | None = None
    integrality: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    sense: Sense = "min"

    @classmethod
    def build(
        cls,
        objective: Function,
        start: Any,
        *,
        lower: Any = -np.inf,
        upper: Any = np.inf,
        inequalities: Function | None = None,
        equalities: Function | None = None,
        integrality: Any = False,
        sense: Sense = "min",
    ) -> Level:
        """A checked level; scalars are spread over the variables.

        Raises:
            InvalidProblem: a start that is not finite, bounds that cross or are NaN.
        """
        point = np.array(start, dtype=np.float64).reshape(-1)
        low = np.array(np.broadcast_to(np.asarray(lower, dtype=np.float64), point.shape))
        high = np.array(np.broadcast_to(np.asarray(upper, dtype=np.float64), point.shape))
        if not point.size:
            raise InvalidProblem("a level needs at least one variable", pointer="/variables")
        if not np.isfinite(point).all():
            k = int(np.argmin(np.isfinite(point)))
            raise InvalidProblem(f"start[{k}] is {point[k]}", pointer=f"/start/{k}", hint="a finite number")
        crossed = ~(low <= high)
        if crossed.any():
            k = int(np.argmax(crossed))
            raise InvalidProblem(f"lower bound {low[k]} above upper bound {high[k]}", pointer=f"/lower/{k}")
        return cls(
            objective=objective,
            start=np.clip(point, low, high),
            lower=low,
            upper=high,
            inequalities=inequalities,
            equalities=equalities,
            integrality=np.array(np.broadcast_to(np.asarray(integrality, dtype=bool), point.shape)),
            sense=sense,
        )

    @property
    def n(self) -> int:
        """Number of variables."""
        return int(self.start.shape[0])

    @property
    def bounded(self) -> bool:
        """True if any variable has a finite bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @property
    def constrained(self) -> bool:
        """True if there is more than bounds."""
        return self.inequalities is not None or self.equalities is not None


@dataclass(frozen=True)
class Structure:
    """What is known for certain about the functions; what is not known is None or False.

    Attributes:
        quadratic: every function of both levels is a polynomial of degree at most two in (x, y) together.
        lower_quadratic: the lower objective is one, and lower constraints are affine in y for every x.
        lower_convex: the lower level is convex in y for every x (its equalities affine).
        lower_strongly_convex: also strongly, so that its solution is unique.
        notes: in words, for people: what the structure was inferred from.
    """

    quadratic: bool = False
    lower_quadratic: bool = False
    lower_convex: bool | None = None
    lower_strongly_convex: bool | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bilevel:
    """A bilevel problem. Arrays must not be changed later.

    Attributes:
        upper, lower: the two levels; ``upper.objective`` is F, ``lower.objective`` is f.
        structure: what is known about the functions.
        name: for people.
        sources: the expressions that the functions were compiled from, if they were.
        sampler: draws both objectives on mini-batches, if the problem says how.
    """

    upper: Level
    lower: Level
    structure: Structure = Structure()
    name: str = ""
    sources: Sources | None = None
    sampler: Sampler | None = None

    @property
    def n(self) -> int:
        """Number of upper variables."""
        return self.upper.n

    @property
    def m(self) -> int:
        """Number of lower variables."""
        return self.lower.n

    @cached_property
    def forms(self) -> Forms | None:
        """The coefficients of all functions, if ``structure.quadratic``; found by differentiation at the origin."""
        from solvers.bilevel.forms import recover

        return recover(self) if self.structure.quadratic else None

    @cached_property
    def lower_convex(self) -> bool | None:
        """Whether the lower level is convex in y for every x: known, computed from the coefficients, or None."""
        if self.lower.integrality.any():
            return False
        if self.structure.lower_convex is not None:
            return self.structure.lower_convex
        if self.forms is not None:
            return self.forms.lower_convex
        return None if self._lower_curvature is None else self._lower_curvature[0]

    @cached_property
    def lower_strongly_convex(self) -> bool | None:
        """Whether the lower objective is strongly convex in y for every x, and y continuous."""
        if self.lower.integrality.any():
            return False
        if self.structure.lower_strongly_convex is not None:
            return self.structure.lower_strongly_convex
        if self.forms is not None:
            return self.forms.lower_strongly_convex
        return None if self._lower_curvature is None else self._lower_curvature[1] > 0.0

    @cached_property
    def _lower_curvature(self) -> tuple[bool, float] | None:
        """Whether the Hessian of a lower level that is quadratic is positive semidefinite, and its least eigenvalue."""
        from solvers.bilevel.forms import curvature

        return curvature(self) if self.structure.lower_quadratic else None

    @cached_property
    def features(self) -> frozenset[str]:
        """What an engine must take: ``"nonlinear"`` (beyond quadratic), ``"integer"`` (above), ``"integer-lower"``,
        ``"lower-bounds"``,
        ``"lower-constraints"``, ``"upper-constraints"``, ``"nonconvex-lower"`` (not known to be convex)."""
        found = set()
        if not self.structure.quadratic:
            found.add("nonlinear")
        if self.upper.integrality.any():
            found.add("integer")
        if self.lower.bounded:
            found.add("lower-bounds")
        if self.lower.constrained:
            found.add("lower-constraints")
        if self.upper.constrained:
            found.add("upper-constraints")
        if self.lower.integrality.any():
            found.add("integer-lower")
        elif not self.lower_convex:
            found.add("nonconvex-lower")
        return frozenset(found)

    def signed(self, value: float, level: Literal["upper", "lower"] = "upper") -> float:
        """A minimized objective's value in the user's own sense, and back."""
        return -value if getattr(self, level).sense == "max" else value


def tensor(array: np.ndarray) -> torch.Tensor:
    """A float64 tensor of its own memory."""
    return torch.tensor(np.asarray(array, dtype=np.float64))
