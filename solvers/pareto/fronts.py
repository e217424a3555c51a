"""Sets of points in objective space, all objectives minimized: dominance, spread, hypervolume."""

from __future__ import annotations

import moocore
import numpy as np

#: A reference point is so much worse than the worst of the front, relative to its range.
MARGIN = 0.1
GAIN, LOSS = 1e-4, 1e-7


def nondominated(values: np.ndarray) -> np.ndarray:
    """True for rows that no other row betters; of equal rows the first stays."""
    if not values.shape[0]:
        return np.zeros(0, dtype=bool)
    flags: np.ndarray = moocore.is_nondominated(np.ascontiguousarray(values), keep_weakly=False)
    return flags


def worthwhile(values: np.ndarray) -> np.ndarray:
    """True for rows that no other one betters by more than ``GAIN`` while being worse by no more than ``LOSS``, of the
    ranges: weakly optimal points that only rounding saves from being dominated are no use."""
    scaled = normalized(values)
    alive = np.ones(values.shape[0], dtype=bool)
    for j, row in enumerate(scaled):
        others = scaled[alive]
        better = (others <= row + LOSS).all(axis=1) & (others < row - GAIN).any(axis=1)
        alive[j] = not better.any()
    return alive


def reference_for(values: np.ndarray) -> np.ndarray:
    """A tenth of the front's range beyond its worst value of each objective."""
    worst, best = values.max(axis=0), values.min(axis=0)
    size = np.where(worst > best, worst - best, np.maximum(1.0, np.abs(worst)))
    return np.asarray(worst + MARGIN * size)


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """Of what rows dominate within the reference point, exactly (Fonseca, Paquete, Lopez-Ibanez 2006)."""
    if not values.shape[0]:
        return 0.0
    return float(moocore.hypervolume(np.ascontiguousarray(values), ref=reference))


def normalized(values: np.ndarray) -> np.ndarray:
    """Each objective's range becomes [0, 1]."""
    low, high = values.min(axis=0), values.max(axis=0)
    return np.asarray((values - low) / np.where(high > low, high - low, 1.0))


def spread(values: np.ndarray, count: int) -> np.ndarray:
    """Positions of ``count`` rows that leave the largest distances: one of the closest pair goes, again and again;
    the best row of each objective stays."""
    keep = list(range(values.shape[0]))
    if len(keep) <= count:
        return np.array(keep, dtype=int)
    scaled = normalized(values)
    distances = np.linalg.norm(scaled[:, None, :] - scaled[None, :, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    best = set(np.argmin(values, axis=0).tolist())
    alive = np.ones(len(keep), dtype=bool)
    while int(alive.sum()) > max(count, len(best)):
        near = np.sort(distances[np.ix_(alive, alive)], axis=1)[:, : min(2, int(alive.sum()) - 1)]
        order = np.lexsort(near.T[::-1])
        places = np.flatnonzero(alive)[order]
        alive[next(int(place) for place in places if int(place) not in best)] = False
    return np.flatnonzero(alive)


def outer_hypervolume(weights: np.ndarray, bounds: np.ndarray, reference: np.ndarray) -> float | None:
    """Hypervolume of everything that ``weights @ f >= bounds`` allows, for two objectives: none can have more.

    The half planes with both weights positive cut a triangle from the corner at the reference; the others cut it
    further. None if there is no such half plane.
    """
    inner = np.flatnonzero((weights > 1e-12).all(axis=1))
    if not inner.size or weights.shape[1] != 2:
        return None
    w, b = weights[inner[0]], float(bounds[inner[0]])
    slack = float(w @ reference) - b
    if slack <= 0.0:
        return 0.0
    polygon = [reference, reference - np.array([slack / w[0], 0.0]), reference - np.array([0.0, slack / w[1]])]
    for w, b in zip(weights, bounds, strict=True):
        polygon = _cut(polygon, w, float(b))
        if len(polygon) < 3:
            return 0.0
    xs, ys = np.array(polygon).T
    return 0.5 * abs(float(xs @ np.roll(ys, -1) - ys @ np.roll(xs, -1)))


def _cut(polygon: list[np.ndarray], w: np.ndarray, b: float) -> list[np.ndarray]:
    """The part of a convex polygon where ``w . f >= b``."""
    result = []
    heights = [float(w @ point) - b for point in polygon]
    for i, point in enumerate(polygon):
        ahead = (i + 1) % len(polygon)
        if heights[i] >= 0.0:
            result.append(point)
        if (heights[i] > 0.0) != (heights[ahead] > 0.0) and heights[i] != heights[ahead]:
            share = heights[i] / (heights[i] - heights[ahead])
            result.append(point + share * (polygon[ahead] - point))
    return result


def directions(k: int, count: int) -> np.ndarray:
    """At least ``count`` weights >= 0 that sum to 1, evenly spread (simplex lattice: Das, Dennis 1998)."""
    parts = 1
    while _lattice_size(k, parts) < count:
        parts += 1
    rows: list[list[int]] = []

    def fill(prefix: list[int], left: int) -> None:
        if len(prefix) == k - 1:
            rows.append([*prefix, left])
            return
        for value in range(left + 1):
            fill([*prefix, value], left - value)

    fill([], parts)
    return np.array(rows, dtype=float) / parts


def _lattice_size(k: int, parts: int) -> int:
    from math import comb

    return comb(parts + k - 1, k - 1)
