"""Costs tile by tile, each with a rigorous bound on its rounding error. No n by m array is ever made.

A tile's values c are near the exact costs M: ``c (1 - relative) - E_i - F_j <= M_ij <= c (1 + relative) + E_i + F_j``
with ``row_error`` E and ``column_error`` F. Bounds: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd
ed., chapter 3: k operations on non-negative numbers leave a relative error of at most about k units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist

#: Half the distance of 1 to the next double: the largest relative error of one operation.
UNIT = 2.0**-53

#: Rows and columns of a tile: 4 MB of doubles.
ROWS, COLUMNS = 256, 2048

#: From this dimension on, squared distances come from a product of matrices, which is several times faster.
PRODUCT_DIMENSION = 12

_CHUNK = 1 << 18


class Costs:
    """The cost of a problem between chosen rows and columns.

    Args:
        cost, p: as in ``solvers.transport.problem.Transport``.
        x, y: (n, d) and (m, d) points, or None with a matrix.
        matrix: (n, m), for ``cost="matrix"``.

    Attributes:
        n, m: numbers of rows and columns.
        relative, row_error, column_error: see above.
    """

    def __init__(
        self, cost: str, x: np.ndarray | None, y: np.ndarray | None, matrix: np.ndarray | None = None, p: float = 2.0
    ) -> None:
        self.cost, self.p = cost, p
        self._matrix, self._x, self._y = matrix, x, y
        if cost == "matrix":
            assert matrix is not None
            self.n, self.m = matrix.shape
            d = 0
        else:
            assert x is not None
            assert y is not None
            self.n, self.m, d = len(x), len(y), x.shape[1]
        self.relative = _units(cost, d, p) * UNIT
        self.row_error, self.column_error = np.zeros(self.n), np.zeros(self.m)
        self._product = cost in ("sqeuclidean", "cosine") and d >= PRODUCT_DIMENSION
        if cost == "cosine":
            self._directions(d)
        if self._product:
            self._prepare_product(d)

    @cached_property
    def largest(self) -> float:
        """A bound on the size of every cost, from the box around all points."""
        if self._matrix is not None:
            return float(np.abs(self._matrix).max())
        assert self._x is not None
        assert self._y is not None
        low = np.minimum(self._x.min(axis=0), self._y.min(axis=0))
        high = np.maximum(self._x.max(axis=0), self._y.max(axis=0))
        return float(_pairs(low[None], high[None], self.cost, self.p)[0]) * (1.0 + 1e-9)

    @property
    def uncertainty(self) -> float:
        """How far a computed cost may be from the exact one."""
        separate = float(self.row_error.max() + self.column_error.max())
        return self.relative * self.largest + separate

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Values of a tile, in an array of the caller's own (a view of the user's matrix is copied)."""
        if self._matrix is not None:
            return np.array(self._matrix[rows, columns])
        if self._product:
            values = self._centred_x[rows] @ self._centred_y[columns].T
            values *= -2.0
            values += self._squares_x[rows, None]
            values += self._squares_y[None, columns]
            np.maximum(values, 0.0, out=values)
            result: np.ndarray = values
            return result
        assert self._x is not None
        assert self._y is not None
        return _distances(self._x[rows], self._y[columns], self.cost, self.p)

    def entries(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Costs of single pairs, computed from differences, and what may be added by rounding, entry by entry."""
        if self._matrix is not None:
            return self._matrix[rows, columns], np.zeros(len(rows))
        assert self._x is not None
        assert self._y is not None
        values = np.empty(len(rows))
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            values[part] = _pairs(self._x[rows[part]], self._y[columns[part]], self.cost, self.p)
        if self.cost == "cosine":
            relative = self.relative + _units(self.cost, self._x.shape[1], self.p) * UNIT
            return values, values * relative + self._direction_error
        return values, values * (_units(self.cost, self._x.shape[1], self.p) * UNIT)

    def tiles(self) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """All tiles, row by row."""
        for rows, columns in grid(self.n, self.m):
            yield rows, columns, self.tile(rows, columns)

    def _directions(self, d: int) -> None:
        """``1 - cos`` is ``|v|^2`` for the difference v of the directions, of length ``1 / sqrt(2)`` each. These are
        known up to ``e = (d / 2 + 4) u``, so costs up to ``2 |v| e + e^2 <= s |v|^2 + e^2 (1 + 1 / s)``, for any s:
        here one that makes the two parts equal at the mean of the costs."""
        assert self._x is not None
        assert self._y is not None
        self._x = self._x * (math.sqrt(0.5) / np.linalg.norm(self._x, axis=1, keepdims=True))
        self._y = self._y * (math.sqrt(0.5) / np.linalg.norm(self._y, axis=1, keepdims=True))
        error = 2.0 * (0.5 * d + 4.0) * UNIT
        centre = 0.5 * (self._x.mean(axis=0) + self._y.mean(axis=0))
        typical = float(((self._x - centre) ** 2).sum(axis=1).mean() + ((self._y - centre) ** 2).sum(axis=1).mean())
        part = min(1e-6, max(error / math.sqrt(typical), UNIT) if typical > 0.0 else 1e-6)
        self._direction_error = error * error * (1.0 + 1.0 / part)
        self.relative += part
        self.row_error += self._direction_error

    def _prepare_product(self, d: int) -> None:
        """``|x|^2 + |y|^2 - 2 x.y`` about a common centre. The errors of centring, norms and products together are at
        most ``(d + 6) u (|x| + |y|)^2 <= 2 (d + 6) u (|x|^2 + |y|^2)``: a sum of a part for the row and one for the
        column."""
        assert self._x is not None
        assert self._y is not None
        centre = 0.5 * (self._x.mean(axis=0) + self._y.mean(axis=0))
        self._centred_x, self._centred_y = self._x - centre, self._y - centre
        self._squares_x = np.einsum("ij,ij->i", self._centred_x, self._centred_x)
        self._squares_y = np.einsum("ij,ij->i", self._centred_y, self._centred_y)
        factor = 2.0 * (d + 12) * UNIT
        reach = float(np.abs(centre).max()) * UNIT
        self.row_error, self.column_error = self.row_error + factor * self._squares_x, factor * self._squares_y
        self.row_error += d * reach * reach  # of points that differ by a rounding
        self.relative -= _units(self.cost, d, self.p) * UNIT


def grid(n: int, m: int, rows: int = ROWS, columns: int = COLUMNS) -> Iterator[tuple[slice, slice]]:
    """Slices that cover an n by m array."""
    for i in range(0, n, rows):
        for j in range(0, m, columns):
            yield slice(i, min(i + rows, n)), slice(j, min(j + columns, m))


def _units(cost: str, d: int, p: float) -> float:
    """Units of relative error by dimension and power; the differences of coordinates count as one operation each."""
    known = {"sqeuclidean": d + 6.0, "cosine": d + 6.0, "euclidean": 0.5 * d + 6.0, "l1": d + 4.0, "lp": d + p + 8.0}
    return known.get(cost, 0.0)


_METRICS = {"sqeuclidean": "sqeuclidean", "euclidean": "euclidean", "l1": "cityblock", "cosine": "sqeuclidean"}


def _distances(x: np.ndarray, y: np.ndarray, cost: str, p: float) -> np.ndarray:
    if cost != "lp":
        found: np.ndarray = cdist(x, y, metric=_METRICS[cost])
        return found
    total = np.zeros((len(x), len(y)))
    for k in range(x.shape[1]):
        total += np.abs(x[:, k, None] - y[None, :, k]) ** p
    return total


def _pairs(x: np.ndarray, y: np.ndarray, cost: str, p: float) -> np.ndarray:
    differences = np.abs(x - y)
    if cost in ("sqeuclidean", "cosine"):
        squares: np.ndarray = np.einsum("ij,ij->i", differences, differences)
        return squares
    if cost == "euclidean":
        lengths = np.sqrt(np.einsum("ij,ij->i", differences, differences))
        result: np.ndarray = lengths
        return result
    sums: np.ndarray = (differences if cost == "l1" else differences**p).sum(axis=1)
    return sums
