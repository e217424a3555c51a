"""A bound of the optimal objective that holds whatever the rounding: weak duality with every error on the safe side.

A. Neumaier and O. Shcherbina, Safe bounds in linear and mixed-integer linear programming, Math. Program. 99 (2004);
C. Jansson, Rigorous lower and upper bounds in linear programming, SIAM J. Optim. 14 (2004). Any multipliers y give the
bound ``min over the box of (c - A'y)x + sides(y)``: what is left of a reduced cost is absorbed by the bounds of x.

Where a variable has no bound on the side to which a leftover points, bounds that follow from the rows are tried. Where
there are none, the proof covers all points within a multiple of the answer's own size, and says so: for a convex
program that still means that no point nearby is better, and that none further away gains more than in proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solvers.programs.certificates.arithmetic import UNIT, Bounded, Entries, some, total
from solvers.programs.certificates.propagation import implied_box, own_box
from solvers.programs.problem import Program

#: How many times larger than the answer (or than 1) a variable without bounds may be for the proof to cover it.
REACHES = (1e6, 1e3, 10.0)

#: Largest leftover of a variable without bounds, relative to what it is made of, that counts as what multipliers of
#: limited precision leave (of one whose bounds are only far away: as rounding). A larger one is a way to better points,
#: however far away they are.
IMPRECISE, ROUNDED = 1e-6, 1e-9

#: Below what underflow leaves of errors.
TINY = 1e-300

#: Most columns whose leftover is worked out exactly.
MOST_EXACT = 2000


@dataclass(frozen=True, slots=True)
class SafeBound:
    """Attributes:
    value: no feasible point has a smaller objective (sense of minimization) ...
    reach: ... of those whose variables without bounds (or with bounds a million times further) are at most
        ``reach * max(1, |x_j|)``; infinite: of all.
    implied: bounds that follow from the rows were needed.
    open: the variables that have no bound where one would be needed.
    arithmetic_exact: some leftovers had to be worked out exactly.
    leans: of limited reach, and what is left of slopes beyond it is more than rounding: points there may be better.
    """

    value: float
    reach: float = np.inf
    implied: bool = False
    open: tuple[int, ...] = ()
    arithmetic_exact: bool = False
    leans: bool = False


@dataclass(slots=True)
class Lagrangian:
    """The function ``base + sum_j (slope_j x_j + curvature_j/2 (x_j - center_j)^2)``: on the feasible set it nowhere
    exceeds the objective.

    Attributes:
        base, base_error: the constant.
        slope: n leftovers (reduced costs) with their error bounds.
        sizes: n sums of the sizes of what each leftover is made of.
        curvature: n numbers, or None for zeros.
        center: the point at which a quadratic objective was linearized, or None.
        exact_slope: gives slope j correctly rounded.
    """

    base: float
    base_error: float
    slope: Bounded
    sizes: np.ndarray
    curvature: np.ndarray | None
    center: np.ndarray | None
    exact_slope: Callable[[int], float]

    def least_terms(self, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """For each variable the least value of its term over the box: minus infinity where the box is open there."""
        spread = 2.5 * self.slope.error
        low, high = self.slope.value - spread, self.slope.value + spread
        # a slope of exactly zero times an infinite bound would be NaN
        at_low = np.where(low == 0, 0.0, low * np.where(low > 0, lower, upper))
        at_high = np.where(high == 0, 0.0, high * np.where(high > 0, lower, upper))
        terms: np.ndarray = np.minimum(at_low, at_high)
        if self.curvature is not None and self.center is not None:
            steepest = np.maximum(np.abs(low), np.abs(high))
            valley = np.minimum(low * self.center, high * self.center)
            curved = self.curvature > 0
            valley = np.where(curved, valley - steepest**2 / (2 * self.curvature) * (1 + 8 * UNIT), -np.inf)
            sagging = self.curvature < 0
            farthest = np.maximum(np.abs(lower - self.center), np.abs(upper - self.center))
            terms = np.where(sagging, terms + 0.5 * self.curvature * farthest**2 * (1 + 8 * UNIT), terms)
            terms = np.maximum(terms, valley)
        return terms

    def leftover(self, columns: np.ndarray) -> float:
        """The largest leftover of these columns, relative to what it is made of: by how much the multipliers miss."""
        sizes = np.abs(self.slope.value[columns]) + 2.5 * self.slope.error[columns]
        return float((sizes / np.maximum(self.sizes[columns], np.finfo(float).tiny)).max(initial=0.0))

    def least(self, terms: np.ndarray) -> float:
        value, error = total(terms)
        return float(self.base + value - (self.base_error + 4 * error + 4 * UNIT * (abs(self.base) + abs(value))))

    def sharpen(self, columns: np.ndarray) -> None:
        """Replace slopes by correctly rounded ones."""
        value, error = self.slope.value.copy(), self.slope.error.copy()
        for j in columns.tolist():
            value[j] = self.exact_slope(j)
            error[j] = UNIT * abs(value[j])
        self.slope = Bounded(value, error)


def safe_bound(
    lagrangian: Lagrangian,
    problem: Program,
    entries: Entries,
    goal: float,
    size: np.ndarray | None,
    slack: float,
) -> SafeBound:
    """The best of what can be proved, with no more effort than it takes to reach ``goal``.

    Args:
        size: |x_j| of the answer, for proofs of limited reach; None: only unconditional ones.
        slack: tolerance of the rows when bounds are derived from them.
    """
    box = own_box(problem)
    terms = lagrangian.least_terms(box.lower, box.upper)
    open_columns = np.flatnonzero(np.isneginf(terms))
    if not open_columns.size:
        best = SafeBound(lagrangian.least(terms))
        if best.value >= goal:
            return best
    rising = lagrangian.slope.value[open_columns] > 0
    box = implied_box(problem, entries, (open_columns[rising], open_columns[~rising]), slack)
    terms = lagrangian.least_terms(box.lower, box.upper)
    exact = False
    open_columns = np.flatnonzero(np.isneginf(terms))
    zeros = open_columns[lagrangian.slope.value[open_columns] == 0]
    if 0 < zeros.size <= MOST_EXACT:
        lagrangian.sharpen(zeros)
        exact = True
        terms = lagrangian.least_terms(box.lower, box.upper)
        open_columns = np.flatnonzero(np.isneginf(terms))
    without = tuple(open_columns.tolist())
    value = -np.inf if without else lagrangian.least(terms)
    best = SafeBound(value, np.inf, True, without, exact)
    if size is None or best.value >= goal:
        return best
    below, above, leans = _without_bounds(lagrangian, problem, size)
    if not some(below | above):
        return best
    for reach in REACHES:
        radius = reach * np.maximum(1.0, size)
        lower = np.where(below, np.maximum(box.lower, -radius), box.lower)
        upper = np.where(above, np.minimum(box.upper, radius), box.upper)
        value = lagrangian.least(lagrangian.least_terms(lower, upper))
        within = SafeBound(value, reach, True, without, exact, leans)
        if within.value >= goal:
            return within
    return within if best.value == -np.inf else best


def _without_bounds(lagrangian: Lagrangian, problem: Program, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Which variables a proof of limited reach may take as limited from below, and which from above: those without a
    bound; and those whose bound is so far away that it was written for none, where the leftover that points there may
    be rounding (curvature that is a little below zero counts in full within bounds). And whether it leans.
    """
    own, spread = own_box(problem), 2.5 * lagrangian.slope.error
    far = REACHES[0] * np.maximum(1.0, size)
    leans = False

    def limited(downhill: np.ndarray, endless: np.ndarray, distant: np.ndarray) -> np.ndarray:
        nonlocal leans
        rounding = distant & (downhill <= ROUNDED * lagrangian.sizes + TINY)
        if lagrangian.curvature is not None:
            rounding &= lagrangian.curvature >= 0
        leans |= some(endless & (downhill > IMPRECISE * lagrangian.sizes + TINY))
        return endless | rounding

    below = limited(lagrangian.slope.value + spread, np.isneginf(own.lower), own.lower < -far)
    above = limited(spread - lagrangian.slope.value, np.isposinf(own.upper), own.upper > far)
    return below, above, leans
