"""The lower level at one x, or a mix of both objectives over its feasible set: by quadratic programs, or else
by augmented Lagrangian and Newton."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from solvers.bilevel.engines import active_set
from solvers.bilevel.engines.newton import minimize
from solvers.bilevel.problem import Bilevel, Function, tensor

#: Rounds of multipliers, and by how much the penalty grows where a round brought too little.
ROUNDS, GROWTH, ENOUGH = 40, 10.0, 0.25
LARGEST = 1e8
#: Failures in a row after which quadratic programs are no longer tried.
MOST_FAILURES = 10


@dataclass
class LowerPoint:
    """A solution of the lower level with what the next solve can begin from.

    Attributes:
        y: m.
        value: of the minimized function.
        residual: projected gradient of the Lagrangian, largest entry.
        violation: of constraints, or of complementarity.
        inequality, equality: multipliers; empty without constraints.
        penalty: of the augmented Lagrangian at the end.
        gamma: of the Newton method's rule at the end.
    """

    y: torch.Tensor
    value: float = float("nan")
    residual: float = float("inf")
    violation: float = 0.0
    inequality: torch.Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    equality: torch.Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    penalty: float = 10.0
    gamma: float = 1.0


class LowerSolver:
    """Minimizes a function of (x, y) over the y that the lower level allows.

    Args:
        objective: by default the lower level's own.
    """

    def __init__(
        self,
        problem: Bilevel,
        objective: Function | None = None,
        *,
        tolerance: float = 1e-9,
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        self._problem = problem
        self._objective = objective or problem.lower.objective
        self._tolerance = tolerance
        self._stop = stop
        self._low, self._high = bounds(problem)
        self._active_set_failures = 0

    def __call__(self, x: torch.Tensor, begin: LowerPoint) -> LowerPoint:
        """From ``begin``, whose multipliers are used too."""
        x = x.detach()
        level = self._problem.lower
        if not level.constrained:
            result = minimize(
                lambda y: self._objective(x, y),
                begin.y,
                lower=self._low,
                upper=self._high,
                tolerance=self._tolerance,
                gamma=max(1.0, min(begin.gamma, LARGEST)),
                stop=self._stop,
            )
            return LowerPoint(result.y, result.value, result.residual, gamma=result.gamma)
        found = self._by_active_set(x, begin)
        return self._augmented(x, begin) if found is None else found

    def _by_active_set(self, x: torch.Tensor, begin: LowerPoint) -> LowerPoint | None:
        """Exact at once where it ends well; None where it does not, or for a problem too large."""
        if self._active_set_failures > MOST_FAILURES or self._problem.m > active_set.MOST:
            return None
        size = self._problem.m
        found = active_set.solve(
            lambda y: self._objective(x, y),
            lambda y: constraint_values(self._problem, x, y),
            begin.y.detach().numpy(),
            begin.inequality.numpy(),
            np.full(size, -np.inf) if self._low is None else self._low.numpy(),
            np.full(size, np.inf) if self._high is None else self._high.numpy(),
            tolerance=self._tolerance,
            stop=self._stop,
        )
        if found is None:
            self._active_set_failures += 1
            return None
        self._active_set_failures = 0
        return LowerPoint(
            torch.from_numpy(found.y),
            found.value,
            found.residual,
            found.violation,
            torch.from_numpy(found.inequality),
            torch.from_numpy(found.equality),
            penalty=begin.penalty,
        )

    def _augmented(self, x: torch.Tensor, begin: LowerPoint) -> LowerPoint:
        y, penalty = begin.y, begin.penalty
        c, h = constraint_values(self._problem, x, y)
        inequality = begin.inequality if begin.inequality.shape == c.shape else torch.zeros_like(c)
        equality = begin.equality if begin.equality.shape == h.shape else torch.zeros_like(h)
        before = float("inf")
        residual = violation = float("inf")
        for _ in range(ROUNDS):
            weight = penalty

            def lagrangian(
                y: torch.Tensor,
                inequality: torch.Tensor = inequality,
                equality: torch.Tensor = equality,
                weight: float = weight,
            ) -> torch.Tensor:
                c, h = constraint_values(self._problem, x, y)
                return self._objective(x, y) + augmentation(c, h, inequality, equality, weight)

            found = minimize(
                lagrangian, y, lower=self._low, upper=self._high, tolerance=self._tolerance, stop=self._stop
            )
            y, residual = found.y, found.residual
            c, h = constraint_values(self._problem, x, y)
            # also measures complementarity: how far the multiplier is about to move
            moved = torch.maximum(c, -inequality / weight)
            violation = max(_largest(moved), _largest(h))
            inequality = torch.clamp(inequality + weight * c, min=0.0)
            equality = equality + weight * h
            if violation <= self._tolerance or self._stop():
                break
            if violation > ENOUGH * before:
                penalty = min(LARGEST, GROWTH * penalty)
            before = violation
        value = float(self._objective(x, y).detach())
        return LowerPoint(y, value, residual, violation, inequality.detach(), equality.detach(), penalty)


def bounds(problem: Bilevel) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The box of y, or (None, None)."""
    level = problem.lower
    return (tensor(level.lower), tensor(level.upper)) if level.bounded else (None, None)


def constraint_values(problem: Bilevel, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inequalities (<= 0) and equalities (= 0) of the lower level; empty where there are none."""
    level = problem.lower
    none = torch.zeros(0, dtype=torch.float64)
    c = none if level.inequalities is None else level.inequalities(x, y)
    h = none if level.equalities is None else level.equalities(x, y)
    return c, h


def augmentation(
    c: torch.Tensor, h: torch.Tensor, inequality: torch.Tensor, equality: torch.Tensor, weight: float
) -> torch.Tensor:
    """The augmented Lagrangian's terms (Powell, Hestenes, Rockafellar)."""
    above = torch.clamp(inequality + weight * c, min=0.0)
    return (
        ((above * above - inequality * inequality).sum() / (2.0 * weight))
        + (equality * h).sum()
        + 0.5 * weight * (h * h).sum()
    )


def _largest(values: torch.Tensor) -> float:
    return float(values.detach().abs().max()) if values.numel() else 0.0
