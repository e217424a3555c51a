"""Reading a plan without building it: products, rows, tiles, largest entries, a sparse approximation.

Every function takes the problem whose plan it is; costs are computed in tiles of rows where they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch

from solvers.core.errors import InvalidProblem
from solvers.transport.numerics.geometry import Geometry
from solvers.transport.plan import LowRankPlan, Plan, PotentialPlan, SparsePlan
from solvers.transport.problem import Transport

#: Elements of a tile of rows.
TILE = 1 << 18


def rows(problem: Transport, plan: Plan, begin: int, end: int) -> np.ndarray:
    """Rows begin..end of the plan: (end - begin, m).

    Raises:
        InvalidProblem: a range outside 0..n.
    """
    if not 0 <= begin <= end <= problem.n:
        raise InvalidProblem(f"rows {begin} to {end}", pointer="/rows", hint=f"a range within 0 to {problem.n}")
    if isinstance(plan, SparsePlan):
        dense: np.ndarray = plan.matrix[begin:end].toarray()
        return dense
    if isinstance(plan, LowRankPlan):
        product: np.ndarray = (plan.Q[begin:end] / plan.weights) @ plan.R.T
        return product
    logs = plan.f[begin:end, None] + plan.g - _costs(problem, begin, end)
    found: np.ndarray = problem.a[begin:end, None] * problem.b * np.exp(logs / plan.epsilon)
    if plan.row_rest[begin:end].any():
        found += plan.row_rest[begin:end, None] * plan.column_rest
    return found


def tile(problem: Transport, plan: Plan, rows_: slice, columns: slice) -> np.ndarray:
    """A block of the plan; slices with step 1."""
    begin, end, _ = rows_.indices(problem.n)
    return rows(problem, plan, begin, max(begin, end))[:, columns]


def tiles(problem: Transport, plan: Plan) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows) over the whole plan, in blocks of bounded size."""
    step = max(1, TILE // problem.m)
    for begin in range(0, problem.n, step):
        yield begin, rows(problem, plan, begin, min(begin + step, problem.n))


def apply(problem: Transport, plan: Plan, v: np.ndarray) -> np.ndarray:
    """``P v`` for v of shape (m,) or (m, k): O((n + m) rank) or O(non-zeros), otherwise one pass over the costs."""
    if len(v) != problem.m:
        raise InvalidProblem(f"v has {len(v)} entries", pointer="/v", hint=f"{problem.m}, one for each target")
    if isinstance(plan, SparsePlan):
        return np.asarray(plan.matrix @ v)
    if isinstance(plan, LowRankPlan):
        inner = plan.R.T @ v
        return np.asarray(plan.Q @ (inner.T / plan.weights).T)
    return np.concatenate([block @ v for _, block in tiles(problem, plan)])


def apply_transposed(problem: Transport, plan: Plan, u: np.ndarray) -> np.ndarray:
    """``P' u`` for u of shape (n,) or (n, k)."""
    if len(u) != problem.n:
        raise InvalidProblem(f"u has {len(u)} entries", pointer="/u", hint=f"{problem.n}, one for each source")
    if isinstance(plan, SparsePlan):
        return np.asarray(plan.matrix.T @ u)
    if isinstance(plan, LowRankPlan):
        inner = plan.Q.T @ u
        return np.asarray(plan.R @ (inner.T / plan.weights).T)
    found = np.zeros((problem.m, *np.shape(u)[1:]))
    for begin, block in tiles(problem, plan):
        found += block.T @ u[begin : begin + len(block)]
    return found


def top(problem: Transport, plan: Plan, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest entries of each row: target indices and masses, both (n, min(k, m)), largest first."""
    k = min(k, problem.m)
    indices, masses = np.empty((problem.n, k), dtype=np.int64), np.empty((problem.n, k))
    for begin, block in tiles(problem, plan):
        found = np.argpartition(-block, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(block, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        indices[begin : begin + len(block)] = np.take_along_axis(found, order, axis=1)
        masses[begin : begin + len(block)] = np.take_along_axis(values, order, axis=1)
    return indices, masses


def to_sparse(problem: Transport, plan: Plan, threshold: float = 1e-9) -> sp.csr_array:
    """The plan without the entries below ``threshold`` times their row's mass, as CSR.

    Dropped mass is at most ``threshold * m`` of each row.
    """
    if isinstance(plan, SparsePlan):
        return plan.matrix
    parts = []
    for _, block in tiles(problem, plan):
        block = np.where(block >= threshold * block.sum(axis=1, keepdims=True), block, 0.0)
        parts.append(sp.csr_array(block))
    return sp.csr_array(sp.vstack(parts, format="csr"))


def barycentric_map(problem: Transport, plan: Plan) -> np.ndarray:
    """Where each source goes on average, ``(P y)_i / (P 1)_i``: (n, d). NaN for sources without mass.

    Raises:
        InvalidProblem: the targets have no points.
    """
    if problem.y is None:
        raise InvalidProblem(
            "the targets have no points", pointer="/y", hint="a problem with points, not only a matrix"
        )
    moved = apply(problem, plan, np.column_stack([problem.y, np.ones(problem.m)]))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: np.ndarray = moved[:, :-1] / moved[:, -1:]
    return mean


def extend(problem: Transport, plan: PotentialPlan, points: np.ndarray) -> np.ndarray:
    """The entropic map at new points: ``sum_j y_j w_j(x)``, ``w_j ~ b_j exp((g_j - c(x, y_j)) / epsilon)`` (Pooladian,
    Niles-Weed 2021): (k, d) for points (k, d). At the sources it is the barycentric map of the unrepaired plan.

    Raises:
        InvalidProblem: the problem has no points.
    """
    if problem.y is None or problem.cost == "matrix":
        raise InvalidProblem("only costs between points extend to new points", pointer="/cost")
    points = np.ascontiguousarray(np.atleast_2d(points), dtype=np.float64)
    found = np.empty((len(points), problem.y.shape[1]))
    step = max(1, TILE // problem.m)
    with np.errstate(divide="ignore"):
        log_b = np.log(problem.b)
    for begin in range(0, len(points), step):
        part = points[begin : begin + step]
        costs = _between(problem, part)
        logs = (plan.g - costs) / plan.epsilon + log_b
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        found[begin : begin + step] = (shares @ problem.y) / shares.sum(axis=1, keepdims=True)
    return found


def _costs(problem: Transport, begin: int, end: int) -> np.ndarray:
    if problem.M is not None and problem.cost == "matrix":
        return problem.M[begin:end]
    assert problem.x is not None
    return _between(problem, problem.x[begin:end])


def _between(problem: Transport, points: np.ndarray) -> np.ndarray:
    geometry = Geometry(points, problem.y, None, problem.cost, problem.p, device=torch.device("cpu"), keep=False)
    return geometry.tile(slice(0, len(points))).numpy()
