"""Rows that are flow balances of a network."""

from __future__ import annotations

import numpy as np

from solvers.programs.problem import Program

_ROUNDS = 10


def network_rows(program: Program) -> np.ndarray:
    """True for rows that together describe flows: equations whose coefficients have one absolute value, such that every
    variable occurs in at most one of them with a positive and in at most one with a negative sign, and every row shares
    a variable with another one.

    Rows that do not fit are left out and the rest looked at again, a few times: a network hidden behind changed signs
    is not found.
    """
    A = program.A
    size = np.diff(A.indptr)
    used = size > 1
    used &= (program.row_lower == program.row_upper) & np.isfinite(program.row_lower)
    starts = A.indptr[:-1][size > 0]
    same = np.zeros(program.m, dtype=bool)
    if starts.size:
        magnitude = np.abs(A.data)
        same[size > 0] = np.minimum.reduceat(magnitude, starts) == np.maximum.reduceat(magnitude, starts)
    found = used & same
    row = np.repeat(np.arange(program.m), size)
    for _ in range(_ROUNDS):
        entry = found[row]
        columns, positive = A.indices[entry], A.data[entry] > 0
        into = np.bincount(columns[positive], minlength=program.n)
        out = np.bincount(columns[~positive], minlength=program.n)
        shared = (into == 1) & (out == 1)
        crowded = (into > 1) | (out > 1)
        bad = np.bincount(row[entry], crowded[columns], minlength=program.m) > 0
        linked = np.bincount(row[entry], shared[columns], minlength=program.m) > 0
        kept = found & ~bad & linked
        if (kept == found).all():
            break
        found = kept
    return found if np.count_nonzero(found) > 1 else np.zeros_like(found)
