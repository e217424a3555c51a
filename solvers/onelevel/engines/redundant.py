"""Affine equations that follow from others: interior-point steps on a singular Jacobian end at points that are not
stationary, so they are set aside. The answer is checked against all of them."""

from __future__ import annotations

import numpy as np
import scipy.linalg as sl

from solvers.onelevel.problem import Minimize

#: Entries of the equations' Jacobian up to which they are looked through.
MOST = 4_000_000
#: Relative to the largest pivot, and to the equations' size.
ZERO = 1e-10


def redundant(problem: Minimize, x: np.ndarray) -> np.ndarray:
    """For each equation, as the oracle stacks them, whether it follows from the others; all False if they contradict
    each other."""
    oracle = problem.oracle
    none = np.zeros(oracle.values(oracle.equalities, x).size, dtype=bool)
    if none.size < 2 or none.size * problem.n > MOST:
        return none
    sizes = [
        (int(np.prod(problem.program.operations[problem.program.outputs[c.output]].shape)), c.facts.affine)
        for c in problem.constraints
        if c.sense == "=="
    ]
    affine = np.repeat([flag for _, flag in sizes], [size for size, _ in sizes])
    values, rows = oracle.jacobian(oracle.equalities, x)
    J = rows[affine]
    if J.shape[0] < 2 or not np.isfinite(J).all():
        return none
    length = np.linalg.norm(J, axis=1)
    J = J / np.where(length > 0.0, length, 1.0)[:, None]
    _, R, order = sl.qr(J.T, mode="economic", pivoting=True)
    pivots = np.abs(np.diag(R))
    rank = int((pivots > ZERO * max(1.0, float(pivots.max(initial=0.0)))).sum())
    if rank == J.shape[0]:
        return none
    step = np.linalg.lstsq(J, -values[affine] / np.where(length > 0.0, length, 1.0), rcond=None)[0]
    left = values[affine] + rows[affine] @ step
    if np.abs(left).max() > 1e-8 * max(1.0, float(np.abs(values).max())):
        return none
    found = none.copy()
    found[np.flatnonzero(affine)[order[rank:]]] = True
    return found
