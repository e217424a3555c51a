"""What the bounds of the variables alone say about the rows: infeasible, redundant and forcing ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

#: A row is called infeasible only if it misses its side by more than this, relative to the size of its terms.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Activity:
    """Attributes:
    infeasible_rows: rows that no point within the bounds satisfies.
    infeasible_variables: integer variables without an integer between their bounds.
    redundant_rows: rows that every point within the bounds satisfies; free ones are not counted.
    forcing_rows: rows that hold only if every variable in them is at one of its bounds.
    """

    infeasible_rows: np.ndarray
    infeasible_variables: np.ndarray
    redundant_rows: np.ndarray
    forcing_rows: np.ndarray


def activity_of(program: Program) -> Activity:
    """Compares the smallest and largest value that each row can take with its sides. Rows with nonlinear parts are left
    out; of semi-continuous variables the value 0 counts."""
    semi = (program.integrality == SEMI_CONTINUOUS) | (program.integrality == SEMI_INTEGER)
    lower = np.where(semi, np.minimum(program.lower, 0.0), program.lower)
    upper = np.where(semi, np.maximum(program.upper, 0.0), program.upper)
    A = program.A
    positive = A.data > 0
    smallest, size_low = _sums(program, np.where(positive, lower[A.indices], upper[A.indices]), -np.inf)
    largest, size_high = _sums(program, np.where(positive, upper[A.indices], lower[A.indices]), np.inf)
    slack_low = TOLERANCE * np.maximum(1.0, size_low)
    slack_high = TOLERANCE * np.maximum(1.0, size_high)
    linear = np.ones(program.m, dtype=bool)
    if program.nonlinear is not None:
        linear[list(program.nonlinear.rows)] = False
    infeasible = linear & ((smallest > program.row_upper + slack_low) | (largest < program.row_lower - slack_high))
    bounded = np.isfinite(program.row_lower) | np.isfinite(program.row_upper)
    redundant = linear & bounded & (smallest >= program.row_lower) & (largest <= program.row_upper)
    forcing = linear & ~infeasible & ~redundant & (np.diff(A.indptr) > 0)
    forcing &= (smallest == program.row_upper) | (largest == program.row_lower)
    integer = (program.integrality == INTEGER) & (np.ceil(program.lower) > np.floor(program.upper))
    return Activity(
        np.flatnonzero(infeasible), np.flatnonzero(integer), np.flatnonzero(redundant), np.flatnonzero(forcing)
    )


def _sums(program: Program, ends: np.ndarray, infinite: float) -> tuple[np.ndarray, np.ndarray]:
    """Row sums of ``a_ij * ends`` (``infinite`` where a term is), and of the terms' absolute values."""
    A = program.A
    with np.errstate(over="ignore"):
        terms = A.data * ends
    unbounded = np.isinf(terms)
    terms[unbounded] = 0.0
    used = np.diff(A.indptr) > 0
    starts = A.indptr[:-1][used]
    total, size, endless = np.zeros(program.m), np.zeros(program.m), np.zeros(program.m, dtype=bool)
    if starts.size:
        total[used] = np.add.reduceat(terms, starts)
        size[used] = np.add.reduceat(np.abs(terms), starts)
        endless[used] = np.logical_or.reduceat(unbounded, starts)
    total[endless] = infinite
    return total, size
