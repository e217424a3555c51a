"""The multipliers that fit best: least squares with signs."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls


def residual_and_terms(gradient: np.ndarray, signed: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``gradient + signed a + free b`` with a >= 0 and b of any sign, as small as it can be (Euclidean); and of each
    entry the sum of the absolute terms with multipliers.

    Args:
        gradient: k.
        signed, free: k rows; a column for each multiplier.
    """
    matrix = np.hstack([signed, free, -free])
    sizes = np.linalg.norm(matrix, axis=0)
    matrix = matrix[:, sizes > 0.0] / sizes[sizes > 0.0]
    if not matrix.shape[1]:
        return gradient, np.zeros_like(gradient)
    multipliers, _ = nnls(matrix, -gradient, maxiter=50 * matrix.shape[1])
    return np.asarray(gradient + matrix @ multipliers), np.asarray(np.abs(matrix) @ multipliers)
