"""A feasible plan in the time of sorting, for who is stopped before anything better is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport


def stairs(problem: Transport) -> dict[str, Any]:
    """``plan`` and ``cost`` of a TransportAnswer: the north-west corner rule along the direction of largest spread (in
    the order given, without points). Nothing for problems whose marginals are free."""
    if problem.variant != "balanced" or problem.max_nonzeros is not None or problem.rank is not None:
        return {}
    first, second = _orders(problem)
    ends_a, ends_b = np.cumsum(problem.a[first]), np.cumsum(problem.b[second])
    cuts = np.unique(np.concatenate([ends_a, np.minimum(ends_b, ends_a[-1])]))
    masses = np.diff(cuts, prepend=0.0)
    starts = cuts - masses
    i = first[np.minimum(np.searchsorted(ends_a, starts, side="right"), problem.n - 1)]
    j = second[np.minimum(np.searchsorted(ends_b, starts, side="right"), problem.m - 1)]
    matrix = sp.coo_array((masses, (i, j)), shape=(problem.n, problem.m)).tocsr()
    matrix.sum_duplicates()
    return {"plan": SparsePlan(matrix), "cost": float(_costs(problem, i, j) @ masses)}


def _orders(problem: Transport) -> tuple[np.ndarray, np.ndarray]:
    x, y = problem.x, problem.y
    if x is None or y is None or problem.cost == "matrix":
        return np.arange(problem.n), np.arange(problem.m)
    middle = y.mean(axis=0)
    _, ways = np.linalg.eigh((y - middle).T @ (y - middle))
    return np.argsort(x @ ways[:, -1], kind="stable"), np.argsort(y @ ways[:, -1], kind="stable")


def _costs(problem: Transport, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    if problem.cost == "matrix":
        assert problem.M is not None
        pairs: np.ndarray = problem.M[i, j]
        return pairs
    assert problem.x is not None
    assert problem.y is not None
    x, y = problem.x[i], problem.y[j]
    if problem.cost == "cosine":
        x, y = (side / np.linalg.norm(side, axis=1, keepdims=True) * np.sqrt(0.5) for side in (x, y))
    sizes = np.abs(x - y)
    if problem.cost in ("sqeuclidean", "cosine"):
        return np.asarray((sizes**2).sum(axis=1))
    if problem.cost == "euclidean":
        return np.asarray(np.linalg.norm(sizes, axis=1))
    return np.asarray((sizes if problem.cost == "l1" else sizes**problem.p).sum(axis=1))
