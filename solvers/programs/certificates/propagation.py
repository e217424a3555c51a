"""Bounds of variables that follow from the linear rows, rounded outwards: no feasible point is cut off.

The classical tightening (T. Achterberg et al., Presolve reductions in mixed integer programming, INFORMS J. Comput. 32
(2020), section 3.2), done for all rows at once and with rigorous error bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.certificates.arithmetic import UNIT, Entries
from solvers.programs.certificates.discrete import integral_variables
from solvers.programs.problem import SEMI_CONTINUOUS, Program

#: Rounds over all rows. More find more, and cost O(nnz) each.
ROUNDS = 6

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
    if not semi.any():
        return Box(problem.lower, problem.upper)
    return Box(
        np.where(semi, np.minimum(problem.lower, 0.0), problem.lower),
        np.where(semi, np.maximum(problem.upper, 0.0), problem.upper),
    )


def implied_box(problem: Program, entries: Entries, rounds: int = ROUNDS) -> Box:
    """The box after some rounds of propagation of the linear rows, those with nonlinear parts left out.

    It ends early when nothing moves any more, or when a contradiction shows.
    """
    box = own_box(problem)
    lower, upper = box.lower.copy(), box.upper.copy()
    whole = integral_variables(problem)
    row_lower, row_upper = problem.row_lower, problem.row_upper
    if problem.nonlinear is not None and problem.nonlinear.rows:
        loose = list(problem.nonlinear.rows)
        row_lower, row_upper = row_lower.copy(), row_upper.copy()
        row_lower[loose], row_upper[loose] = -np.inf, np.inf
    a, rows, columns = entries.values, entries.rows, entries.columns
    if (a == 0).any():
        a, rows, columns = a[a != 0], rows[a != 0], columns[a != 0]
    positive = a > 0
    for _ in range(rounds):
        at_lower, at_upper = a * lower[columns], a * upper[columns]
        least, least_others = _least(np.where(positive, at_lower, at_upper), rows, entries)
        most, most_others = _least(-np.where(positive, at_upper, at_lower), rows, entries)
        broken = np.flatnonzero((least > row_upper) | (-most < row_lower))
        if broken.size:
            return Box(lower, upper, f"row {problem.constraint_name(int(broken[0]))!r}")
        # a x_j <= row_upper - (least sum of the others), a x_j >= row_lower - (greatest sum of the others)
        top, bottom = row_upper[rows] - least_others, row_lower[rows] + most_others
        top, bottom = top + 4 * UNIT * np.abs(top), bottom - 4 * UNIT * np.abs(bottom)
        above, below = np.where(positive, top, bottom) / a, np.where(positive, bottom, top) / a
        new_lower, new_upper = lower.copy(), upper.copy()
        np.minimum.at(new_upper, columns, above + 4 * UNIT * np.abs(above))
        np.maximum.at(new_lower, columns, below - 4 * UNIT * np.abs(below))
        new_lower[whole], new_upper[whole] = np.ceil(new_lower[whole]), np.floor(new_upper[whole])
        new_lower = np.where(new_lower > -_USELESS, new_lower, lower)
        new_upper = np.where(new_upper < _USELESS, new_upper, upper)
        crossed = np.flatnonzero(new_lower > new_upper)
        if crossed.size:
            return Box(lower, upper, f"variable {problem.variable_name(int(crossed[0]))!r}")
        moved = _moved(lower, new_lower) or _moved(upper, new_upper)
        lower, upper = new_lower, new_upper
        if not moved:
            break
    return Box(lower, upper)


def _moved(old: np.ndarray, new: np.ndarray) -> bool:
    """Did any bound become finite, or tighter by more than a thousandth of its size?"""
    gained = np.isfinite(new) & ~np.isfinite(old)
    return bool(gained.any() or (np.abs(new - old) > 1e-3 * np.maximum(1.0, np.abs(old)))[np.isfinite(old)].any())


def _least(terms: np.ndarray, rows: np.ndarray, entries: Entries) -> tuple[np.ndarray, np.ndarray]:
    """A lower bound of each row's sum of terms, and for each entry one of the sum of the other entries of its row."""
    unbounded = np.isinf(terms)
    finite = np.where(unbounded, 0.0, terms)
    sums = np.bincount(rows, finite, minlength=entries.m)
    errors = (entries.row_counts + 4) * 1.01 * UNIT * np.bincount(rows, np.abs(finite), minlength=entries.m)
    open_terms = np.bincount(rows, unbounded, minlength=entries.m)
    whole = np.where(open_terms > 0, -np.inf, sums - errors)
    others = np.where(open_terms[rows] - unbounded > 0, -np.inf, (sums - errors)[rows] - finite)
    return whole, others
