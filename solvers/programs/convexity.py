"""Is a quadratic objective convex (for min) or concave (for max)?"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.csgraph
import scipy.sparse.linalg

from solvers.programs.problem import Program

#: How negative a curvature counts as rounding: convex means ``x'Qx >= -CURVATURE_TOLERANCE * sum_i Q_ii x_i^2``.
CURVATURE_TOLERANCE = 1e-8

#: Connected parts of Q up to this size are factorized as dense matrices.
DENSE_SIZE = 1000


def is_convex(program: Program) -> bool:
    """True if the quadratic part makes the objective easy: Q positive semidefinite for min, negative for max.

    The matrix is scaled to a unit diagonal (a congruence, which changes no sign of an eigenvalue), so that the answer
    does not depend on units. It is convex if every eigenvalue of the scaled matrix is at least -1e-8: data printed
    with eight digits pass, a direction of truly negative curvature does not. Cheap tests decide first: a negative
    diagonal entry, a 2 by 2 minor, diagonal dominance; then a Cholesky factorization of each connected part.
    A nonlinear part of the objective is not looked at.
    """
    if program.Q is None or not program.Q.nnz:
        return True
    return is_positive_semidefinite(program.Q if program.sense == "min" else -program.Q)


def is_positive_semidefinite(Q: sp.csr_array, tolerance: float = CURVATURE_TOLERANCE) -> bool:
    """True if the symmetric matrix, scaled to a unit diagonal, has no eigenvalue below ``-tolerance``."""
    entries = sp.coo_array(Q)
    rows, columns, values = entries.row, entries.col, entries.data
    diagonal = Q.diagonal()
    if (diagonal < 0).any() or (diagonal[rows] == 0).any():
        return False
    off = rows != columns
    if not off.any():
        return True
    rows, columns = rows[off], columns[off]
    scale = np.sqrt(diagonal)
    scaled = values[off] / scale[rows] / scale[columns]
    if (np.abs(scaled) > 1 + tolerance).any():
        return False
    if (np.bincount(rows, np.abs(scaled), minlength=diagonal.size) <= 1 + tolerance).all():
        return True
    used = np.unique(rows)
    place = np.zeros(diagonal.size, dtype=np.int64)
    place[used] = np.arange(used.size)
    unit = sp.csr_array((scaled, (place[rows], place[columns])), shape=(used.size, used.size))
    unit = sp.csr_array(unit + sp.eye_array(used.size, format="csr") * (1 + tolerance))
    parts, label = scipy.sparse.csgraph.connected_components(unit, directed=False)
    if parts == 1:
        return _positive_definite(unit)
    order = np.argsort(label, kind="stable")
    ordered = unit[order][:, order]
    ends = np.cumsum(np.bincount(label))
    if (np.bincount(label) > DENSE_SIZE).any() or parts > DENSE_SIZE:
        return _positive_definite(ordered)
    return all(_positive_definite(ordered[a:b, a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True))


def _positive_definite(matrix: sp.csr_array) -> bool:
    n = matrix.shape[0]
    if n <= DENSE_SIZE or matrix.nnz > 0.1 * n * n:
        try:
            scipy.linalg.cholesky(matrix.toarray(), lower=True, overwrite_a=True, check_finite=False)
        except scipy.linalg.LinAlgError:
            return False
        return True
    # Without pivoting, the pivots' signs are those of an LDL' factorization (Sylvester's law of inertia).
    try:
        factor = scipy.sparse.linalg.splu(
            sp.csc_array(matrix),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True, "Equil": False},
        )
    except RuntimeError:  # an exactly zero pivot
        return False
    if (factor.perm_r == factor.perm_c).all():
        return bool((factor.U.diagonal() > 0).all())
    return False
