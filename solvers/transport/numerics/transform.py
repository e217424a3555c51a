"""c-transforms for squared distances in low dimension, without looking at every pair.

``min_i |x_i - y_j|^2 - f_i = |y_j|^2 + min_i (h_i - 2 x_i . y_j)`` with ``h = |x|^2 - f`` is a Legendre transform. Both
clouds are divided into tiles of neighbours; each tile has the plane that fits its h best and lies below it. For a pair
of tiles, plane plus plane minus the product is bilinear, so that its least value over two boxes is at their corners; it
leaves out every pair of tiles that cannot hold a minimum. The planes matter: where the optimal map contracts, h and the
slack of a pair are both nearly flat, and bounds without a slope (those of a k-d tree) prune nothing.

Floor: (n / s)(m / s) bounds for tiles of s points, and s^2 products for each pair of tiles that is left, some ten for
each tile in the plane and some fifty in space: O(n^1.5) with s near sqrt(n) / 8.

Source: Legendre transform of potentials: Villani (2003), Topics in Optimal Transportation, section 2.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.transport.numerics.watch import Watch

#: Doubles of an array that is worked on at once.
CHUNK = 1 << 20

#: Tiles that are looked at first.
FIRST = 4


@dataclass(frozen=True)
class Tiles:
    """Points in tiles of neighbours, of the same size but for one.

    Attributes:
        order: (t, s) numbers of the points; the last one of a tile is repeated where there are fewer.
        points: (t, s, d).
        centre, radius: (t, d), of the boxes.
    """

    order: np.ndarray
    points: np.ndarray
    centre: np.ndarray
    radius: np.ndarray

    def planes(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heights and slopes with ``values >= height + slope . (point - centre)`` in each tile."""
        inner = self.points - self.centre[:, None]
        there = values[self.order]
        level = inner - inner.mean(axis=1, keepdims=True)
        square = level.transpose(0, 2, 1) @ level
        d = square.shape[1]
        ridge = 1e-10 * np.trace(square, axis1=1, axis2=2)[:, None, None] + 1e-300
        slope = np.linalg.solve(square + ridge * np.eye(d), np.einsum("tsd,ts->td", level, there)[:, :, None])[:, :, 0]
        height: np.ndarray = (there - np.einsum("tsd,td->ts", inner, slope)).min(axis=1)
        return height, slope


def tiled(points: np.ndarray, size: int) -> Tiles:
    """Halved across the widest axis until a tile has at most ``size`` points."""
    n = len(points)
    depth = max(0, int(np.ceil(np.log2(n / size))))
    ends = np.linspace(0, n, (1 << depth) + 1).astype(np.int64)
    order = np.arange(n)
    for level in range(depth):
        cuts = ends[:: 1 << (depth - level)]
        there = points[order]
        spread = np.maximum.reduceat(there, cuts[:-1]) - np.minimum.reduceat(there, cuts[:-1])
        part = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
        order = order[np.lexsort((there[np.arange(n), spread.argmax(axis=1)[part]], part))]
    most = int(np.diff(ends).max())
    where = np.minimum(ends[:-1, None] + np.arange(most), ends[1:, None] - 1)
    chosen = order[where]
    inside = points[chosen]
    low, high = inside.min(axis=1), inside.max(axis=1)
    return Tiles(chosen, inside, 0.5 * (low + high), 0.5 * (high - low))


def transform(points: np.ndarray, potential: np.ndarray, where: np.ndarray, watch: Watch) -> np.ndarray:
    """``min_i |points_i - where_j|^2 - potential_i`` for all j.

    Raises:
        Stopped: by the watch.
    """
    middle = where.mean(axis=0)
    points, where = points - middle, where - middle
    size = max(16, int(np.sqrt(max(len(points), len(where))) / 8))
    sources, targets = tiled(points, size), tiled(where, size)
    search = _Search(sources, targets, (points**2).sum(axis=1) - potential, watch)
    search.start()
    search.rest()
    found = np.empty(len(where))
    found[targets.order] = search.least
    found += (where**2).sum(axis=1)
    return found


class _Search:
    """``least``: (t, s) the smallest ``h_i - 2 x_i . y_j`` so far, for each target."""

    def __init__(self, sources: Tiles, targets: Tiles, h: np.ndarray, watch: Watch) -> None:
        self.sources, self.targets, self.watch = sources, targets, watch
        self.h = h[sources.order]
        self.height, self.slope = sources.planes(h)
        self.least = np.full(targets.order.shape, np.inf)
        self.seen = np.zeros((len(targets.order), 0), dtype=np.int64)

    def start(self) -> None:
        """The few tiles whose planes are lowest at the centre of each tile of targets."""
        few = min(FIRST, len(self.sources.order))
        seen = []
        for part in _parts(len(self.targets.order), len(self.sources.order) * self.slope.shape[1]):
            self.watch.check()
            y = self.targets.centre[part]
            worth = self.height - 2.0 * y @ self.sources.centre.T
            for k in range(y.shape[1]):
                worth -= np.abs(self.slope[:, k] - 2.0 * y[:, k, None]) * self.sources.radius[:, k]
            seen.append(np.argpartition(worth, few - 1, axis=1)[:, :few])
        self.seen = np.concatenate(seen)
        for column in self.seen.T:
            self._look(np.arange(len(column)), column)

    def rest(self) -> None:
        """All pairs of tiles that could still hold something lower."""
        values = np.empty(self.targets.order.max() + 1)
        values[self.targets.order] = -self.least
        height, slope = self.targets.planes(values)
        for part in _parts(len(self.targets.order), len(self.sources.order)):
            self.watch.check()
            bound = height[part, None] + self.height - 2.0 * self.targets.centre[part] @ self.sources.centre.T
            for k in range(slope.shape[1]):
                r, s = self.sources.radius[:, k], self.targets.radius[part, k, None]
                u = (self.slope[:, k] - 2.0 * self.targets.centre[part, k, None]) * r
                v = (slope[part, k, None] - 2.0 * self.sources.centre[:, k]) * s
                both = 2.0 * r * s
                bound += np.minimum(-np.abs(u + v) - both, both - np.abs(u - v))
            bound[np.arange(len(bound))[:, None], self.seen[part]] = np.inf
            rows, columns = np.nonzero(bound < 0.0)
            self._look(rows + part.start, columns)

    def _look(self, rows: np.ndarray, columns: np.ndarray) -> None:
        """Every pair of points in these pairs of tiles, which are in order of their targets."""
        for part in _parts(len(rows), self.h[0].size * self.least[0].size):
            self.watch.check()
            t, c = rows[part], columns[part]
            values = self.sources.points[c] @ (-2.0 * self.targets.points[t]).transpose(0, 2, 1)
            values += self.h[c][:, :, None]
            lowest = values.min(axis=1)
            first = np.concatenate([[0], np.flatnonzero(np.diff(t)) + 1])
            self.least[t[first]] = np.minimum(self.least[t[first]], np.minimum.reduceat(lowest, first))


def _parts(count: int, width: int) -> list[slice]:
    step = max(1, CHUNK // width)
    return [slice(first, min(first + step, count)) for first in range(0, count, step)]
