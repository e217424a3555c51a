"""Bounds of variables that follow from the linear rows, rounded outwards: no feasible point is cut off.

The classical tightening (T. Achterberg et al., Presolve reductions in mixed integer programming, INFORMS J. Comput. 32
(2020), section 3.2), done for all rows at once and with rigorous error bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.certificates.arithmetic import UNIT, Entries, some
from solvers.programs.certificates.discrete import integral_variables
from solvers.programs.problem import SEMI_CONTINUOUS, Program

#: Rounds over all rows, and entries looked at in all rounds together: more find more, but take their time.
ROUNDS, ENTRIES = 6, 600_000

#: A bound beyond this is no better than none.
_USELESS = 1e15


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds that every feasible point satisfies. ``empty`` names a row or variable with no choice left, or is ""."""

    lower: np.ndarray
    upper: np.ndarray
    empty: str = ""


def own_box(problem: Program) -> Box:
    """The convex hull of each variable's own values: zero is one of them where a variable is semi-continuous."""
    semi = problem.integrality >= SEMI_CONTINUOUS
    if not some(semi):
        return Box(problem.lower, problem.upper)
    return Box(
        np.where(semi, np.minimum(problem.lower, 0.0), problem.lower),
        np.where(semi, np.maximum(problem.upper, 0.0), problem.upper),
    )


def implied_box(
    problem: Program,
    entries: Entries,
    wanted: tuple[np.ndarray, np.ndarray] | None = None,
    slack: float = 0.0,
    effort: int = ENTRIES,
) -> Box:
    """The box after some rounds of propagation of the linear rows, those with nonlinear parts left out.

    It ends early when nothing moves any more, when a contradiction shows, or when all that is wanted was found.

    Args:
        wanted: columns whose lower, and columns whose upper bound should become finite.
        slack: sides and bounds count with this tolerance, so that no point is lost that satisfies them so far. Else a
            program that is infeasible by a rounding of its data alone would prove anything.
        effort: largest number of entries to look at; a matrix with more gives the variables' own box.
    """
    box = own_box(problem)
    rounds = min(ROUNDS, effort // max(1, entries.values.size))
    if not rounds:
        return box
    lower, upper = box.lower, box.upper
    whole = integral_variables(problem) if some(problem.integrality) else None
    row_lower, row_upper = problem.row_lower, problem.row_upper
    if problem.nonlinear is not None and problem.nonlinear.rows:
        loose = list(problem.nonlinear.rows)
        row_lower, row_upper = row_lower.copy(), row_upper.copy()
        row_lower[loose], row_upper[loose] = -np.inf, np.inf
    if slack:
        row_lower, row_upper = _widened(row_lower, -slack), _widened(row_upper, slack)
        lower, upper = _widened(lower, -slack), _widened(upper, slack)
    a, rows, columns = entries.values, entries.rows, entries.columns
    if np.count_nonzero(a) < a.size:
        a, rows, columns = a[a != 0], rows[a != 0], columns[a != 0]
    positive = a > 0
    for _ in range(rounds):
        new_lower, new_upper = lower.copy(), upper.copy()
        at_lower, at_upper = a * lower[columns], a * upper[columns]
        for side, terms, sign in (
            (row_upper, np.where(positive, at_lower, at_upper), 1.0),
            (-row_lower, -np.where(positive, at_upper, at_lower), -1.0),
        ):
            # sign * a x_j <= side - (the least that the other terms of the row can sum up to)
            if not some(np.isfinite(side)):
                continue
            least, others = _least(terms, rows, entries)
            broken = least > side
            if some(broken):
                return Box(lower, upper, f"row {problem.constraint_name(int(broken.argmax()))!r}")
            room = side[rows] - others
            limits = (room + 4 * UNIT * np.abs(room)) / (sign * a)
            above = positive if sign > 0 else ~positive
            limits += np.where(above, 4 * UNIT, -4 * UNIT) * np.abs(limits)
            np.minimum.at(new_upper, columns, np.where(above, limits, np.inf))
            np.maximum.at(new_lower, columns, np.where(above, -np.inf, limits))
        if whole is not None:
            new_lower[whole], new_upper[whole] = np.ceil(new_lower[whole]), np.floor(new_upper[whole])
        new_lower = np.where(new_lower > -_USELESS, new_lower, lower)
        new_upper = np.where(new_upper < _USELESS, new_upper, upper)
        crossed = new_lower > new_upper
        if some(crossed):
            return Box(lower, upper, f"variable {problem.variable_name(int(crossed.argmax()))!r}")
        if wanted is not None and not (some(np.isinf(new_lower[wanted[0]])) or some(np.isinf(new_upper[wanted[1]]))):
            return Box(np.maximum(new_lower, box.lower), np.minimum(new_upper, box.upper))
        moved = _moved(lower, new_lower) or _moved(upper, new_upper)
        lower, upper = new_lower, new_upper
        if not moved:
            break
    return Box(np.maximum(lower, box.lower), np.minimum(upper, box.upper))


def _widened(sides: np.ndarray, slack: float) -> np.ndarray:
    """Lower sides with a negative slack, upper ones with a positive: infinite ones stay what they are."""
    widened: np.ndarray = sides + slack * np.maximum(1.0, np.abs(sides))
    return widened


def _moved(old: np.ndarray, new: np.ndarray) -> bool:
    """Did any bound become finite, or tighter by more than a thousandth of its size?"""
    had = np.isfinite(old)
    before = np.where(had, old, 0.0)
    change = np.abs(np.where(had, new, 0.0) - before)
    return some(np.isfinite(new) & ~had) or some(change > 1e-3 * np.maximum(1.0, np.abs(before)))


def _least(terms: np.ndarray, rows: np.ndarray, entries: Entries) -> tuple[np.ndarray, np.ndarray]:
    """A lower bound of each row's sum of terms, and for each entry one of the sum of the other entries of its row."""
    unbounded = np.isinf(terms)
    finite = np.where(unbounded, 0.0, terms)
    sums = np.bincount(rows, finite, minlength=entries.m)
    errors = (entries.row_counts + 4) * 1.01 * UNIT * np.bincount(rows, np.abs(finite), minlength=entries.m)
    open_terms = np.bincount(rows, unbounded, minlength=entries.m)
    whole = np.where(open_terms > 0, -np.inf, sums - errors)
    others = np.where(open_terms[rows] > unbounded, -np.inf, (sums - errors)[rows] - finite)
    return whole, others
