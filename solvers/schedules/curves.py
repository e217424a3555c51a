"""Piecewise linear curves: knots (step, value), few enough to be sent around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Knots = list[tuple[float, float]]


def values(knots: Sequence[Sequence[float]], steps: Array) -> Array:
    """The curve at steps; constant beyond its ends."""
    table = np.asarray(knots, dtype=float)
    found: Array = np.interp(steps, table[:, 0], table[:, 1])
    return found


def compress(steps: Array, curve: Array, *, tolerance: float = 1e-3, most: int = 256) -> Knots:
    """Knots of a piecewise linear curve within ``tolerance`` times the largest value (Douglas and Peucker 1973); at
    most ``most`` of them: those whose absence would do the most harm.

    Args:
        steps: (n,) ascending. curve: (n,).
    """
    n = len(steps)
    if n <= 2:
        return [(float(s), float(v)) for s, v in zip(steps, curve, strict=True)]
    scale = max(float(np.max(np.abs(curve))), 1e-300)
    kept = {0, n - 1}
    pieces = [_worst(steps, curve, 0, n - 1)]
    while pieces and len(kept) < most:
        pieces.sort(key=lambda piece: piece[0])
        error, left, middle, right = pieces.pop()
        if error <= tolerance * scale:
            break
        kept.add(middle)
        pieces += [_worst(steps, curve, left, middle), _worst(steps, curve, middle, right)]
    return [(float(steps[i]), float(curve[i])) for i in sorted(kept)]


def _worst(steps: Array, curve: Array, left: int, right: int) -> tuple[float, int, int, int]:
    """Where a straight piece misses the curve the most: (error, left, index, right)."""
    if right - left < 2:
        return 0.0, left, left, right
    inner = slice(left + 1, right)
    straight = np.interp(steps[inner], [steps[left], steps[right]], [curve[left], curve[right]])
    miss = np.abs(curve[inner] - straight)
    worst = int(np.argmax(miss))
    return float(miss[worst]), left, left + 1 + worst, right
