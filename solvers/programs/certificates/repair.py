"""Multipliers corrected by as little as it takes for reduced costs to have the signs that bounds of variables ask for.

Interior-point and first-order methods stop with reduced costs that are wrong by their tolerance. Where a variable has
no bound to absorb that, the multipliers prove nothing as they are, although some that do are next to them
(C. Jansson, Rigorous lower and upper bounds in linear programming, SIAM J. Optim. 14 (2004), perturbs the program for
that reason). What comes out is a guess like any other: the bound is worked out from it anew.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg

from solvers.programs.certificates.arithmetic import Bounded, Entries
from solvers.programs.problem import Program

#: Most reduced costs to correct, and most iterations of the least squares (each costs their columns' entries).
MOST, ITERATIONS = 2000, 500

#: How much an equation's multiplier may move that is zero, beside the largest one.
_IDLE = 1e-6


def repaired(
    problem: Program, entries: Entries, y: np.ndarray, reduced: Bounded, columns: np.ndarray
) -> np.ndarray | None:
    """The multipliers y + d with d small beside y, for which the reduced costs of these columns have the right signs.

    With weights w = |y|, the d of least ``sum (d_i / w_i)^2`` among those with ``A_j'd = shift_j``; the multiplier of
    an inequality that is zero stays so.

    Args:
        y: m multipliers (sense of minimization).
        reduced: n reduced costs that belong to y, with their error bounds.
        columns: whose reduced costs are wrong.

    Returns:
        None if there is nothing to correct with.
    """
    largest = float(np.abs(y).max(initial=0.0))
    if not 0 < columns.size <= MOST or largest == 0:
        return None
    weights = np.where(problem.row_lower == problem.row_upper, np.maximum(np.abs(y), _IDLE * largest), np.abs(y))
    clear = 8 * reduced.error[columns]
    aim = np.where(np.isposinf(problem.upper[columns]), clear, -clear)
    aim = np.where(np.isneginf(problem.lower[columns]) & np.isposinf(problem.upper[columns]), 0.0, aim)
    shift = reduced.value[columns] - aim
    matrix = sp.csr_array(entries.by_columns[:, columns].T) @ sp.diags_array(weights)
    rows = scipy.sparse.linalg.norm(matrix, axis=1)
    if not (rows > 0).all():
        return None
    scaled, goal = sp.csr_array(sp.diags_array(1 / rows) @ matrix), shift / rows
    step = np.zeros(weights.size)
    for _ in range(3):  # the second and third make up for the rounding of those before
        left = goal - scaled @ step
        step = step + scipy.sparse.linalg.lsmr(scaled, left, atol=1e-14, btol=1e-14, maxiter=ITERATIONS)[0]
    result: np.ndarray = y + weights * step
    return result if np.isfinite(result).all() else None
