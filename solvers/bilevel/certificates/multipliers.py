"""The multipliers that fit best: least squares with signs."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls


def best_residual(gradient: np.ndarray, signed: np.ndarray, free: np.ndarray) -> np.ndarray:
    """``gradient + signed a + free b`` with a >= 0 and b of any sign, as small as it can be (Euclidean).

    Args:
        gradient: k.
        signed, free: k rows; a column for each multiplier.
    """
    matrix = np.hstack([signed, free, -free])
    if not matrix.shape[1]:
        return gradient
    sizes = np.linalg.norm(matrix, axis=0)
    matrix = matrix[:, sizes > 0.0] / sizes[sizes > 0.0]
    if not matrix.shape[1]:
        return gradient
    multipliers, _ = nnls(matrix, -gradient, maxiter=50 * matrix.shape[1])
    return np.asarray(gradient + matrix @ multipliers)
