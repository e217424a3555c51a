"""The cost between two sets of points, in tiles of rows: kept as a matrix if it fits, otherwise computed where
needed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from solvers.transport.problem import Transport

#: Elements of a tile: on a CPU it stays in the second-level cache, on a GPU it fills the machine.
CPU_TILE, GPU_TILE = 1 << 15, 1 << 26

#: A cost matrix is kept if it has at most this many elements (and the caller allows it).
LARGEST_DENSE = 200_000_000


class Geometry:
    """Costs M_ij as float64 tiles.

    Attributes:
        n, m: shape of the cost matrix.
        dense: (n, m) matrix, or None if it is computed in tiles.
        device: where tiles live.
    """

    def __init__(
        self,
        x: np.ndarray | None,
        y: np.ndarray | None,
        M: np.ndarray | None,
        cost: str,
        p: float,
        *,
        device: torch.device,
        keep: bool,
    ) -> None:
        """``keep``: hold the whole matrix. x, y or M are as in Transport and are not changed."""
        self.device = device
        self._cost = cost
        self._squares = cost in ("sqeuclidean", "cosine")
        self._p = p
        self.dense: torch.Tensor | None = None
        self._spread: float | None = None
        if M is not None:
            self.n, self.m = M.shape
            self.dense = torch.from_numpy(np.ascontiguousarray(M)).to(device)
        else:
            assert x is not None
            assert y is not None
            self.n, self.m = len(x), len(y)
            self._prepare(torch.from_numpy(x).to(device), torch.from_numpy(y).to(device))
            if keep:
                whole = torch.empty((self.n, self.m), dtype=torch.float64, device=device)
                for rows in self.tiles():
                    whole[rows] = self.tile(rows)
                self.dense = whole

    def _prepare(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Brings points into the form from which tiles are computed; see ``tile``."""
        if self._cost == "cosine":
            # 1 - cos is half the squared distance of unit vectors, which cancels less where they are near
            x = x * (math.sqrt(0.5) / torch.linalg.vector_norm(x, dim=1, keepdim=True))
            y = y * (math.sqrt(0.5) / torch.linalg.vector_norm(y, dim=1, keepdim=True))
        if self._squares:
            centre = y.mean(0)  # |x|^2 + |y|^2 - 2xy cancels least around the middle
            x, y = x - centre, y - centre
            self._x_square, self._y_square = (x * x).sum(1), (y * y).sum(1)
        self._x, self._y = x, y

    def tiles(self) -> Iterator[slice]:
        """Row ranges that cover 0..n."""
        size = GPU_TILE if self.device.type == "cuda" else CPU_TILE
        step = max(1, size // self.m)
        for begin in range(0, self.n, step):
            yield slice(begin, min(begin + step, self.n))

    def tile(self, rows: slice) -> torch.Tensor:
        """Costs of these rows: (rows, m). Callers must not change what they get."""
        if self.dense is not None:
            return self.dense[rows]
        x, y = self._x[rows], self._y
        if self._squares:
            if x.shape[1] <= 4:
                out = torch.zeros((len(x), self.m), dtype=torch.float64, device=self.device)
                for k in range(x.shape[1]):
                    difference = x[:, k, None] - y[None, :, k]
                    out.addcmul_(difference, difference)
                return out
            out = torch.addmm(self._y_square[None, :], x, y.T, alpha=-2.0)
            return out.add_(self._x_square[rows, None]).clamp_(min=0.0)
        if self._cost == "euclidean":
            return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
        if self._cost == "l1":
            return torch.cdist(x, y, p=1.0)
        return torch.cdist(x, y, p=self._p).pow_(self._p)

    def spread(self) -> float:
        """The difference of the largest and the smallest cost: what a plan can gain or lose by a unit of mass. Where
        costs are not kept, which may mean a minute for all pairs, a bound on it by the triangle inequality."""
        if self._spread is None and self.dense is None:
            self._spread = self._reach()
        elif self._spread is None:
            ends = [torch.aminmax(self.tile(rows)) for rows in self.tiles()]
            self._spread = max(float(end.max) for end in ends) - min(float(end.min) for end in ends)
        return self._spread

    def _reach(self) -> float:
        """No cost is larger: the way over the middle of y."""
        centre = self._y.mean(0)
        order = {"l1": 1.0, "euclidean": 2.0}.get(self._cost, 2.0 if self._squares else self._p)
        ends = [float(torch.linalg.vector_norm(z - centre, ord=order, dim=1).max()) for z in (self._x, self._y)]
        return float(sum(ends) ** (1.0 if self._cost in ("l1", "euclidean") else order))

    def mean(self, a: torch.Tensor, b: torch.Tensor) -> float:
        """``sum_ij a_i b_j M_ij`` for weights of total 1."""
        if self.dense is None and self._squares:
            cross = torch.dot(a @ self._x, b @ self._y)
            return float(a @ self._x_square + b @ self._y_square - 2.0 * cross)
        return float(sum(torch.dot(a[rows], self.tile(rows) @ b) for rows in self.tiles()))


def matrix_of(problem: Transport) -> np.ndarray:
    """The whole cost matrix (n, m); for engines that need it."""
    if problem.M is not None:
        return problem.M
    geometry = Geometry(problem.x, problem.y, None, problem.cost, problem.p, device=torch.device("cpu"), keep=True)
    assert geometry.dense is not None
    return geometry.dense.numpy()
