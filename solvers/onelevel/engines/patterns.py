"""Sparse Jacobians and Hessians of a problem: where their nonzeros are, and their values by few products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from solvers.expression.coefficients import CHUNK
from solvers.onelevel.problem import Minimize

SAMPLES = 3
#: Up to so many variables the pattern is looked for; beyond, everything counts as nonzero.
LOOK = 5000


class Derivatives:
    """Of objective and constraints (inequalities, then equations).

    Attributes:
        jacobian_pattern, hessian_pattern: rows and columns of the entries; the Hessian's lower triangle.
        jacobian_groups, hessian_groups: how many products give all entries.
    """

    def __init__(self, problem: Minimize, seed: int) -> None:
        self._problem = problem
        oracle = problem.oracle
        self._rows = sum(oracle.values(which, problem.start).size for which in (oracle.inequalities, oracle.equalities))
        random = np.random.default_rng(seed)
        points = _inside(problem, random)
        multipliers = random.normal(size=self._rows)
        self._m = oracle.values(oracle.inequalities, problem.start).size
        n = problem.n
        hessians = [self._dense_hessian(x, 1.0, multipliers) for x in points] if n <= LOOK else []
        full = _union(hessians, (n, n)) if hessians else np.ones((n, n), dtype=bool)
        jacobians = [self._dense_jacobian(x) for x in points] if self._rows else []
        used = _union(jacobians, (self._rows, n))
        self._hessian = _Compressed(full | full.T)
        self._jacobian = _Compressed(used.T)
        lower = np.tril(full | full.T)
        self.hessian_pattern = _places(lower)
        self.jacobian_pattern = _places(used)
        self.hessian_groups = self._hessian.groups
        self.jacobian_groups = self._jacobian.groups

    def _constraints(self, x: torch.Tensor) -> torch.Tensor:
        oracle = self._problem.oracle
        return torch.cat([oracle.inequalities(x), oracle.equalities(x)])

    def _lagrangian(self, x: torch.Tensor, factor: float, multipliers: np.ndarray) -> torch.Tensor:
        value = factor * self._problem.oracle.objective(x)
        return value + torch.from_numpy(multipliers) @ self._constraints(x) if self._rows else value

    def _dense_hessian(self, x: np.ndarray, factor: float, multipliers: np.ndarray) -> np.ndarray:
        return self._products(x, factor, multipliers, np.eye(x.size))

    def _products(self, x: np.ndarray, factor: float, multipliers: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        point = torch.tensor(x, requires_grad=True)
        value = self._lagrangian(point, factor, multipliers)
        if not value.requires_grad:
            return np.zeros_like(seeds)
        (slope,) = torch.autograd.grad(value, point, create_graph=True)
        return _pulled(slope, point, seeds)

    def _dense_jacobian(self, x: np.ndarray) -> np.ndarray:
        point = torch.tensor(x, requires_grad=True)
        return _pulled(self._constraints(point), point, np.eye(self._rows))

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Values in the order of ``jacobian_pattern``."""
        if not self._rows:
            return np.zeros(0)
        self._problem.oracle.work += 2
        point = torch.tensor(x, requires_grad=True)
        products = _pulled(self._constraints(point), point, self._jacobian.seeds)
        rows, columns = self.jacobian_pattern
        values: np.ndarray = products[self._jacobian.group[rows], columns]
        return values

    def hessian(self, x: np.ndarray, factor: float, mu: np.ndarray, lam: np.ndarray) -> np.ndarray:
        """Values in the order of ``hessian_pattern`` of ``factor f + mu.g + lam.h``."""
        self._problem.oracle.work += 5
        products = self._products(x, factor, np.concatenate([mu, lam]), self._hessian.seeds)
        rows, columns = self.hessian_pattern
        values: np.ndarray = products[self._hessian.group[rows], columns]
        return values


class _Compressed:
    """Rows of a pattern in groups without common columns: one product with a group's sum gives all its rows.

    Args:
        pattern: (columns, rows) of bool: transposed for a Jacobian, symmetric for a Hessian.
    """

    def __init__(self, pattern: np.ndarray) -> None:
        count = pattern.shape[1]
        by_row = pattern.T if pattern.shape[0] != count or not np.array_equal(pattern, pattern.T) else pattern
        self.group = np.zeros(count, dtype=int)
        if not count:
            self.groups, self.seeds = 0, np.zeros((0, 0))
            return
        sparse = sp.csr_array(by_row.astype(np.int8))
        meet = sp.csr_array((sparse @ sparse.T) > 0)
        taken: np.ndarray = np.full(count, -1)
        for row in np.argsort(-np.diff(meet.indptr), kind="stable"):
            near = taken[meet.indices[meet.indptr[row] : meet.indptr[row + 1]]]
            colours = set(near[near >= 0].tolist())
            colour = 0
            while colour in colours:
                colour += 1
            taken[row] = colour
        self.group = taken
        self.groups = int(taken.max()) + 1
        self.seeds = np.zeros((self.groups, count))
        self.seeds[taken, np.arange(count)] = 1.0


def _union(matrices: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Where any of them is not zero (or has no value)."""
    found = np.zeros(shape, dtype=bool)
    for matrix in matrices:
        found |= matrix != 0.0
    return found


def _places(pattern: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero(pattern)
    return rows.astype(np.int64), columns.astype(np.int64)


def _pulled(values: torch.Tensor, point: torch.Tensor, seeds: np.ndarray) -> np.ndarray:
    """``seeds @ Jacobian``, some rows at a time."""
    result = np.zeros((seeds.shape[0], point.numel()))
    if not values.requires_grad:
        return result
    for begin in range(0, seeds.shape[0], CHUNK):
        end = min(begin + CHUNK, seeds.shape[0])
        block: Any
        (block,) = torch.autograd.grad(
            values,
            point,
            torch.from_numpy(seeds[begin:end]),
            retain_graph=True,
            is_grads_batched=True,
            allow_unused=True,
        )
        if block is not None:
            result[begin:end] = block.numpy()
    return result


def _inside(problem: Minimize, random: np.random.Generator) -> list[np.ndarray]:
    """Points around the start, within the bounds."""
    size = np.maximum(1.0, np.abs(problem.start))
    draw: Callable[[], np.ndarray] = lambda: problem.start + size * random.uniform(-0.5, 0.5, size=problem.n)  # noqa: E731
    return [np.clip(draw(), problem.lower, problem.upper) for _ in range(SAMPLES)]
