"""Marginals of a dense plan made exact (Altschuler, Weed, Rigollet 2017, algorithm 2)."""

from __future__ import annotations

import numpy as np


def rounded(P: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A non-negative plan near P with row sums a and column sums b, which have the same total."""
    P = np.maximum(P, 0.0)
    P = P * np.minimum(1.0, a / np.maximum(P.sum(axis=1), 1e-300))[:, None]
    P = P * np.minimum(1.0, b / np.maximum(P.sum(axis=0), 1e-300))
    left_a, left_b = np.maximum(a - P.sum(axis=1), 0.0), np.maximum(b - P.sum(axis=0), 0.0)
    total = left_b.sum()
    if total > 0.0 and left_a.sum() > 0.0:
        P = P + np.outer(left_a * (total / left_a.sum()), left_b / total)
    return P
