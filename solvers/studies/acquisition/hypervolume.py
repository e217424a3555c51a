"""Non-dominated sets, hypervolume, and expected hypervolume improvement by a partition into boxes.

All objectives are minimised; the reference bounds the dominated region from above. With independent normal posteriors
the expected improvement of a box [l, u) is the product over objectives of E[(u - Y)+] - E[(l - Y)+]; the sum over the
boxes of a partition of the non-dominated region is exact (Yang, Emmerich, Deutz, Back 2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.studies.acquisition.improvement import log_h_slope
from solvers.studies.encoding import Array

_FLOOR = -1e300


def nondominated(values: Array) -> NDArray[np.bool_]:
    """True for rows that no other row dominates (of equal rows all are kept); (n, m), minimised."""
    keep = np.ones(len(values), dtype=bool)
    for i, row in enumerate(values):
        others = values[keep] if keep[i] else values
        keep[i] = not np.any(np.all(others <= row, axis=1) & np.any(others < row, axis=1))
    return keep


def hypervolume(values: Array, reference: Array) -> float:
    """The volume that the rows dominate below the reference, for any number of objectives (by slices of the last)."""
    inside = values[np.all(values < reference, axis=1)]
    if len(inside) == 0:
        return 0.0
    if values.shape[1] == 1:
        return float(reference[0] - inside.min())
    if values.shape[1] == 2:
        return _area(inside, reference)
    order = np.argsort(inside[:, -1], kind="stable")
    inside = inside[order]
    heights = np.append(inside[1:, -1], reference[-1]) - inside[:, -1]
    volume = 0.0
    for i in np.flatnonzero(heights > 0):
        slab = inside[: i + 1, :-1]
        volume += heights[i] * hypervolume(slab[nondominated(slab)], reference[:-1])
    return float(volume)


def _area(values: Array, reference: Array) -> float:
    order = np.lexsort((values[:, 1], values[:, 0]))
    x, y = values[order, 0], np.minimum.accumulate(values[order, 1])
    widths = np.append(x[1:], reference[0]) - x
    return float(widths @ (reference[1] - y))


def boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """A partition of the region that is below the reference and not dominated: lower and upper corners, (k, m) each.

    For two or three objectives. Lower corners may be -inf.
    """
    inside = front[np.all(front < reference, axis=1)]
    inside = np.unique(inside[nondominated(inside)], axis=0) if len(inside) else inside
    if reference.size == 2:
        return _strips(inside, reference)
    order = np.argsort(inside[:, 2], kind="stable")
    inside = inside[order]
    levels = np.concatenate([[-np.inf], inside[:, 2], reference[2:]])
    lows, highs = [], []
    for i in range(len(levels) - 1):
        if levels[i + 1] <= levels[i]:
            continue
        low, high = _strips(inside[:i, :2][nondominated(inside[:i, :2])], reference[:2])
        lows.append(np.column_stack([low, np.full(len(low), levels[i])]))
        highs.append(np.column_stack([high, np.full(len(high), levels[i + 1])]))
    return np.vstack(lows), np.vstack(highs)


def _strips(front: Array, reference: Array) -> tuple[Array, Array]:
    order = np.lexsort((front[:, 1], front[:, 0]))
    x, y = front[order, 0], front[order, 1]
    edges = np.concatenate([[-np.inf], x, reference[:1]])
    tops = np.concatenate([reference[1:], y])
    wide = edges[1:] > edges[:-1]
    low = np.column_stack([edges[:-1], np.full(len(tops), -np.inf)])[wide]
    return low, np.column_stack([edges[1:], tops])[wide]


def log_expected_hypervolume_improvement(
    means: Array, deviations: Array, lows: Array, highs: Array
) -> tuple[Array, Array, Array]:
    """log EHVI at q points and its derivatives.

    Args:
        means, deviations: (q, m).
        lows, highs: (k, m), from ``boxes``.

    Returns:
        (q,), and derivatives with respect to means (q, m) and standard deviations (q, m).
    """
    mean, std = means[:, None, :], deviations[:, None, :]
    high_log, high_mean, high_std = _log_psi(highs[None], mean, std)
    low_log, low_mean, low_std = _log_psi(lows[None], mean, std)
    ratio = np.minimum(np.exp(low_log - high_log), 1.0 - 1e-12)
    side = high_log + np.log1p(-ratio)  # log(psi(high) - psi(low))
    side_mean = (high_mean - ratio * low_mean) / (1.0 - ratio)
    side_std = (high_std - ratio * low_std) / (1.0 - ratio)
    logs = np.maximum(side.sum(axis=2), _FLOOR)
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1, keepdims=True)
    weights = (weights / total)[:, :, None]
    return (
        (top + np.log(total))[:, 0],
        np.einsum("qkm,qkm->qm", weights, side_mean),
        np.einsum("qkm,qkm->qm", weights, side_std),
    )


def _log_psi(edge: Array, mean: Array, std: Array) -> tuple[Array, Array, Array]:
    """log E[(edge - Y)+] with derivatives in mean and std; an edge of -inf gives _FLOOR and zeros."""
    finite = np.isfinite(edge)
    z = (np.where(finite, edge, 0.0) - mean) / std
    value, slope = log_h_slope(z)
    finite = np.broadcast_to(finite, z.shape)
    return (
        np.where(finite, np.log(std) + value, _FLOOR),
        np.where(finite, -slope / std, 0.0),
        np.where(finite, (1.0 - z * slope) / std, 0.0),
    )
