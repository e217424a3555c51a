"""A problem as the checker sees it: without points that can bear no mass, and with the rules of its marginals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solvers.transport.certificates.costs import UNIT, Costs
from solvers.transport.certificates.sums import dot, down, total
from solvers.transport.problem import Transport


@dataclass(frozen=True)
class Side:
    """What is asked of one marginal r of a plan.

    Attributes:
        weights: positive; zeros only where total variation lets mass be made at points that have none.
        strength: of the penalty ``strength * D(r | weights)``; infinite where the marginal is fixed.
        divergence: ``"kl"`` or ``"tv"``.
        mass: of a partial plan, whose marginals are at most the weights; else None.
    """

    weights: np.ndarray
    strength: float = math.inf
    divergence: str = "kl"
    mass: float | None = None

    @property
    def fixed(self) -> bool:
        """The marginal must be the weights."""
        return self.mass is None and math.isinf(self.strength)

    def clip(self, potential: np.ndarray) -> np.ndarray:
        """The potential within the limits that total variation sets; values beyond them are worth nothing more."""
        if self.divergence == "tv" and math.isfinite(self.strength):
            result: np.ndarray = np.clip(potential, -self.strength, self.strength)
            return result
        if self.mass is not None:
            lowered: np.ndarray = np.minimum(potential, self._level(potential))
            return lowered
        return potential

    def value(self, potential: np.ndarray) -> tuple[float, float]:
        """The part of the dual value that a potential f brings: the least of ``<f, r> + penalty(r)`` over all
        marginals r, and a bound on the rounding error."""
        if self.mass is not None:
            # r <= weights with total mass: the cheapest part; any level gives a lower bound (weak duality)
            level = self._level(potential)
            value, error = dot(np.minimum(potential - level, 0.0), self.weights)
            spread = float(np.abs(potential).max(initial=0.0)) + abs(level)
            return value + level * self.mass, error + 4 * UNIT * spread * (total(self.weights) + self.mass)
        if math.isinf(self.strength):
            return dot(potential, self.weights)
        if self.divergence == "tv":
            return dot(np.minimum(potential, self.strength), self.weights)
        # KL: -strength * weights * (exp(-f / strength) - 1)
        terms = -self.strength * np.expm1(np.maximum(-potential / self.strength, -745.0))
        value, error = dot(terms, self.weights)
        steepness = (np.abs(terms) + self.strength) * (np.abs(potential) / self.strength + 8.0)
        return value, error + 4 * UNIT * dot(steepness, self.weights)[0]

    def penalty(self, marginal: np.ndarray, relative_error: float) -> tuple[float, float]:
        """``strength * D(marginal | weights)`` at the worst of the values that the marginal may have, and a bound on
        the rounding error of that."""
        if self.mass is not None or math.isinf(self.strength):
            return 0.0, 0.0
        ends = [self._divergence(marginal * (1.0 + sign * relative_error)) for sign in (-1.0, 1.0)]
        worst = np.maximum(*ends)
        ratio = np.maximum(marginal, 1e-300) / np.maximum(self.weights, 1e-300)
        scale = np.abs(marginal) * (2.0 + np.abs(np.log(ratio))) + self.weights
        return self.strength * total(worst), self.strength * 8 * UNIT * total(scale)

    def _divergence(self, marginal: np.ndarray) -> np.ndarray:
        if self.divergence == "tv":
            distance: np.ndarray = np.abs(marginal - self.weights)
            return distance
        ratio = np.maximum(marginal, 1e-300) / self.weights
        result: np.ndarray = np.where(marginal > 0.0, marginal * np.log(ratio), 0.0) - marginal + self.weights
        return result

    def _level(self, potential: np.ndarray) -> float:
        """The potential below which a share ``mass`` of the weights lies."""
        assert self.mass is not None
        order = np.argsort(potential, kind="stable")
        reached = np.cumsum(self.weights[order])
        return float(potential[order[min(int(np.searchsorted(reached, self.mass)), len(order) - 1)]])


@dataclass(frozen=True)
class Case:
    """A problem without the points of zero weight that bear no mass and bind no potential: all, but those where mass
    may be made for a price (total variation, without entropy, whose reference measure has nothing there).

    Attributes:
        rows, columns: which points of the problem are left.
        a, b: the two sides.
        costs: between them.
        mass: of the plan where it is fixed (balanced, semi-relaxed, partial), else None.
        epsilon: of the regularization ``kind``, 0 without.
    """

    problem: Transport
    rows: np.ndarray
    columns: np.ndarray
    a: Side
    b: Side
    costs: Costs
    mass: float | None
    epsilon: float
    kind: str

    @property
    def whole(self) -> bool:
        """No point was left out."""
        return len(self.rows) == self.problem.n and len(self.columns) == self.problem.m

    @property
    def scale(self) -> float:
        """Mass that a rounding error is compared with."""
        return max(total(self.a.weights), total(self.b.weights))

    def dual_value(self, f: np.ndarray, g: np.ndarray) -> float:
        """A rigorous lower bound on the optimum from potentials with ``f_i + g_j <= M_ij`` (exactly)."""
        left, left_error = self.a.value(f)
        right, right_error = self.b.value(g)
        error = left_error + right_error + self.imbalance * abs(right) + 2 * UNIT * (abs(left) + abs(right))
        return down(left + right, error)

    @property
    def imbalance(self) -> float:
        """Two totals that are meant to be equal differ by rounding: b is taken as scaled to the total of a."""
        if self.problem.variant != "balanced":
            return 0.0
        left, right = total(self.a.weights), total(self.b.weights)
        return abs(left - right) / right + 4 * UNIT


def case_of(problem: Transport, epsilon: float) -> Case:
    """``epsilon``: strength of the problem's own regularization in units of the cost; 0 if it has none."""
    rows = np.flatnonzero((problem.a > 0.0) | _may_be_made(problem, problem.strength_a))
    columns = np.flatnonzero((problem.b > 0.0) | _may_be_made(problem, _strength_b(problem)))
    whole = len(rows) == problem.n and len(columns) == problem.m
    matrix = problem.M
    if matrix is not None and not whole:
        matrix = matrix[np.ix_(rows, columns)]
    x = None if problem.x is None else problem.x if whole else problem.x[rows]
    y = None if problem.y is None else problem.y if whole else problem.y[columns]
    costs = Costs(problem.cost, x, y, matrix if problem.cost == "matrix" else None, problem.p)
    partial = problem.mass if problem.variant == "partial" else None
    a, b = problem.a[rows], problem.b[columns]
    mass = partial if partial is not None else total(a) if problem.variant in ("balanced", "semi-relaxed") else None
    return Case(
        problem,
        rows,
        columns,
        Side(a, problem.strength_a if problem.variant == "unbalanced" else math.inf, problem.divergence, partial),
        Side(b, _strength_b(problem), problem.divergence, partial),
        costs,
        mass,
        epsilon,
        "" if problem.regularization is None else problem.regularization.kind,
    )


def _may_be_made(problem: Transport, strength: float) -> bool:
    """Mass at points without weight."""
    soft = problem.variant in ("unbalanced", "semi-relaxed") and math.isfinite(strength)
    entropic = problem.regularization is not None and problem.regularization.kind == "entropic"
    return soft and problem.divergence == "tv" and not entropic


def _strength_b(problem: Transport) -> float:
    return problem.strength_b if problem.variant in ("unbalanced", "semi-relaxed") else math.inf
