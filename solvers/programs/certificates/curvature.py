"""How strongly a quadratic form bends upwards, at least: a verified bound, not an estimate.

S. M. Rump, Verification of positive definiteness, BIT 46 (2006): if a floating-point Cholesky factorization of M runs
to its end, the smallest eigenvalue of M is at least -gamma/(1-gamma) * trace(M) with gamma = gamma_{n+1}.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from solvers.programs.certificates.arithmetic import UNIT

#: Smallest eigenvalue of the matrix, scaled to a unit diagonal, that counts as convex: data may have eight digits.
LEAST = -1e-8

#: A lower bound of that eigenvalue which is tried first: it lets curvature absorb leftovers of reduced costs.
_CURVED = 1e-6

#: Largest matrix that is factorized as a dense one.
_DENSE = 1500


def curvature(Q: sp.csr_array) -> np.ndarray | None:
    """n numbers k with ``x'Qx >= sum_j k_j x_j^2`` for all x; None if Q is not positive semidefinite up to rounding.

    Exact (nothing below zero) for diagonal and diagonally dominant matrices; otherwise ``k_j = t * Q_jj`` where t is a
    verified bound of the smallest eigenvalue of the matrix scaled to a unit diagonal, possibly a little below zero.
    """
    entries = sp.coo_array(Q)
    diagonal = Q.diagonal()
    off = entries.row != entries.col
    rows, columns, values = entries.row[off], entries.col[off], entries.data[off]
    if (diagonal < 0).any() or (diagonal[rows] == 0).any():
        return None
    counts = np.bincount(rows, minlength=diagonal.size)
    rest = np.bincount(rows, np.abs(values), minlength=diagonal.size) * (1 + (counts + 2) * 1.01 * UNIT)
    dominance: np.ndarray = diagonal - np.where(counts > 0, rest, 0.0)
    if (dominance >= 0).all():
        return dominance * (1 - 4 * UNIT)
    used = np.unique(rows)
    place = np.zeros(diagonal.size, dtype=np.int64)
    place[used] = np.arange(used.size)
    scale = np.sqrt(diagonal)
    scaled = values / scale[rows] / scale[columns]
    unit = sp.csc_array((scaled, (place[rows], place[columns])), shape=(used.size, used.size))
    # the scaled entries are off by at most four units each, a row by that times its sum
    scaling_error = 6 * UNIT * (1.0 + float(np.abs(unit).sum(axis=1).max()))
    rounding = 2 * UNIT * used.size**2  # a singular matrix, as sums of squares give them, fails by about that much
    for trial in (_CURVED, -rounding, LEAST / 2):
        shortfall = _shortfall(unit, trial)
        if shortfall is not None and trial - shortfall - scaling_error >= LEAST:
            bound = trial - shortfall - scaling_error
            result: np.ndarray = diagonal * (1 - 4 * UNIT)
            result[used] = diagonal[used] * (bound * (1 - 4 * UNIT) if bound > 0 else bound * (1 + 4 * UNIT))
            return result
    return None


def _shortfall(off_diagonal: sp.csc_array, trial: float) -> float | None:
    """How far the smallest eigenvalue of (identity + off_diagonal - trial * identity) may at most lie below zero."""
    n = off_diagonal.shape[0]
    gamma = (n + 1) * UNIT / (1 - (n + 1) * UNIT)
    if n <= _DENSE:
        dense = off_diagonal.toarray()
        dense[np.diag_indices(n)] = 1.0 - trial
        try:
            scipy.linalg.cholesky(dense, lower=True, overwrite_a=True, check_finite=False)
        except scipy.linalg.LinAlgError:
            return None
        return float(gamma / (1 - gamma) * n * (1.0 + abs(trial)) * 1.01 + 4 * UNIT)
    matrix = sp.csc_array(off_diagonal + sp.eye_array(n, format="csc") * (1.0 - trial))
    return _sparse_shortfall(matrix)


def _sparse_shortfall(matrix: sp.csc_array) -> float | None:
    """M = L D L' + E with D > 0 found by a sparse factorization: the norm of E, with a bound of its own rounding."""
    try:
        factor = scipy.sparse.linalg.splu(
            matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True, "Equil": False}
        )
    except RuntimeError:  # an exactly zero pivot
        return None
    pivots = factor.U.diagonal()
    if not (factor.perm_r == factor.perm_c).all() or not (pivots > 0).all():
        return None
    lower = sp.csc_array(factor.L)
    product = sp.csr_array(lower @ sp.diags_array(pivots) @ lower.T)
    order = np.argsort(factor.perm_r)
    residual = sp.csr_array(matrix)[order][:, order] - product
    sizes = sp.csr_array(abs(lower) @ sp.diags_array(pivots) @ abs(lower).T)
    longest = int(np.diff(sp.csr_array(lower).indptr).max())
    norm = float(np.abs(residual).sum(axis=1).max()) + (longest + 4) * 2 * UNIT * float(sizes.sum(axis=1).max())
    return norm * (1 + 1e-9) if np.isfinite(norm) else None
