"""``pot-low-rank``: plans ``Q diag(1/w) R'`` of small non-negative rank between point clouds, with POT's low-rank
Sinkhorn.

Source: Scetbon, Cuturi, Peyre, Low-rank Sinkhorn factorization, ICML 2021. Not convex: the status is ``feasible``.
Linear in the number of points in time and memory for squared distances and cosines. Other costs are factored (``M =
1 u' + v 1' - 2 X Y'``, by singular values), and then are squared distances but for parts that no plan changes. Without
regularization what POT finds is improved by exact transport from the sources to the components, and from these to the
targets, in turn: the cost can only fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import ot

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.transport.answer import Limit, TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.engines.network_simplex import of_all_nodes
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.geometry import matrix_of
from solvers.transport.numerics.reduction import balanced, dual_value
from solvers.transport.numerics.rounding import rounded
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.plan import LowRankPlan
from solvers.transport.problem import Transport

#: Largest cost matrix that is factored, in entries (a second of singular values).
FACTORED = 1_000_000

#: Dykstra's projections at each of POT's steps: more of them change the cost by less than 1e-5.
SWEEPS = 200

#: Improvements at most, of factors with at most so many entries, and the part of the largest cost that is worth one.
POLISHES, POLISHED, WORTH = 20, 1_000_000, 1e-9
MOST_PIVOTS = 10_000_000

#: Largest problem, in pairs of points, whose optimum without a limit on the rank is computed too.
BOUNDED = 250_000

#: Gap to it at which the limit on the rank costs nothing.
EXACT = 1e-10

#: Components lighter than this part of the whole carry nothing.
EMPTY = 1e-12


class PotLowRank:
    """See the module."""

    spec = EngineSpec(
        id="pot-low-rank",
        family="transport",
        version=version("POT"),
        title="Low-rank Sinkhorn (POT)",
        summary="Plans of small rank between large point clouds, in linear time and memory",
        solves=frozenset({"points", "matrix", "balanced", "unregularized", "entropic", "low-rank"}),
        capabilities=frozenset({"deterministic"}),
        process_group="torch",
        requires=("torch", "ot"),
        citation="arXiv:2103.04737",
    )

    def check(self, problem: Transport) -> None:
        """Raises UnsupportedProblem without a rank, or for a cost matrix that is too large to be factored."""
        if problem.rank is None:
            raise UnsupportedProblem("low-rank transport takes a rank", pointer="/engine", hint="engine 'auto'")
        if problem.cost not in ("sqeuclidean", "cosine") and problem.n * problem.m > FACTORED:
            raise UnsupportedProblem(
                f"a cost of {problem.n:,} x {problem.m:,} entries is too large to be factored for low-rank transport",
                pointer="/cost",
                hint="cost sqeuclidean or cosine, for which no matrix is needed",
            )

    def solve(self, problem: Transport, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption, EngineFailure.
        """
        values = begin(self.spec, problem, options)
        self.check(problem)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        rows, columns = np.flatnonzero(problem.a > 0.0), np.flatnonzero(problem.b > 0.0)
        total = float(problem.a.sum())
        a, b = problem.a[rows] / total, problem.b[columns] / problem.b[columns].sum()
        factors = _factored(problem, rows, columns)
        mean = factors.cost(a[:, None], b[:, None], np.ones(1))
        epsilon = 0.0
        if problem.regularization is not None:
            epsilon = problem.regularization.strength * (mean if problem.regularization.relative else 1.0)
        rank = min(problem.rank or 1, len(rows), len(columns))
        Q, R, weights = a[:, None], b[:, None], np.ones(1)  # the independent coupling
        limit: Limit | None = None
        try:
            watch.check()
            if rank > 1 and factors.unit > 0.0:
                given = partial(_by_pot, factors, a, b, rank, epsilon, values)
                found = aside(given, watch, "POT")
                if found is not None:
                    Q, R, weights = found
                for _ in range(POLISHES if epsilon == 0.0 and max(Q.size, R.size) <= POLISHED else 0):
                    before = factors.cost(Q, R, weights)
                    Q, R = aside(partial(_polished, factors, a, b, R, weights), watch, "POT")
                    watch.note(objective=total * factors.cost(Q, R, weights))
                    if factors.cost(Q, R, weights) >= before - WORTH * factors.unit:
                        break
        except Stopped:
            limit = watch.limit
        bound, f, g = _bound(problem) if limit is None and problem.n * problem.m <= BOUNDED else (None, None, None)
        plan = _whole(problem, rows, columns, Q, R, weights, total)
        cost = total * factors.cost(Q, R, weights)
        watch.end(objective=cost)
        regularization = problem.regularization
        return answered(
            self.spec,
            "optimal" if bound is not None and not epsilon and cost - bound <= EXACT * abs(cost) else "feasible",
            limit,
            cost=cost,
            epsilon=epsilon or None,
            bound=bound,
            f=f,
            g=g,
            epsilon_from="" if regularization is None else "relative" if regularization.relative else "problem",
            plan=plan,
            marginal_error=0.0,
            statistics={"seconds": watch.seconds, "rank": len(weights)},
            message=f"a plan of rank {len(weights)}: better ones may exist, the problem is not convex",
        )


class _Factors(NamedTuple):
    """Costs ``unit * |x_i - y_j|^2 + u_i + v_j``; x (n, d) and y (m, d) of size 1."""

    x: np.ndarray
    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    unit: float

    def cost(self, Q: np.ndarray, R: np.ndarray, weights: np.ndarray) -> float:
        """Of the plan ``Q diag(1 / weights) R'``: O((n + m) r d)."""
        a, b = Q.sum(axis=1), R.sum(axis=1)
        cross = ((Q.T @ self.x) * (R.T @ self.y)).sum(axis=1) / weights
        squares = float(a @ (self.x * self.x).sum(axis=1) + b @ (self.y * self.y).sum(axis=1) - 2.0 * cross.sum())
        return self.unit * squares + float(a @ self.u + b @ self.v)

    def to_components(self, side: np.ndarray, other: np.ndarray, weights: np.ndarray, far: np.ndarray) -> np.ndarray:
        """Costs from the points of one side to the components that ``other`` (m, r) makes of the far points."""
        found: np.ndarray = (side * side).sum(axis=1)[:, None] - 2.0 * side @ (far.T @ (other / weights))
        return found


def _factored(problem: Transport, rows: np.ndarray, columns: np.ndarray) -> _Factors:
    u, v = np.zeros(len(rows)), np.zeros(len(columns))
    if problem.cost in ("sqeuclidean", "cosine"):
        assert problem.x is not None
        assert problem.y is not None
        x, y = problem.x[rows], problem.y[columns]
        if problem.cost == "cosine":
            x, y = (side * (0.5**0.5 / np.linalg.norm(side, axis=1, keepdims=True)) for side in (x, y))
        middle = y.mean(axis=0)
        x, y = x - middle, y - middle
    else:
        M = matrix_of(problem)[np.ix_(rows, columns)]
        u = M.mean(axis=1)
        v = (M - u[:, None]).mean(axis=0)
        left, sizes, right = np.linalg.svd(-0.5 * (M - u[:, None] - v), full_matrices=False)
        kept = sizes > 1e-14 * (float(np.abs(M).max()) or 1.0)
        x, y = left[:, kept] * np.sqrt(sizes[kept]), right[kept].T * np.sqrt(sizes[kept])
        u, v = u - (x * x).sum(axis=1), v - (y * y).sum(axis=1)
    unit = float(max((x * x).sum(axis=1).max(initial=0.0), (y * y).sum(axis=1).max(initial=0.0)))
    scale = unit**0.5 or 1.0
    return _Factors(x / scale, y / scale, u, v, unit)


def _by_pot(
    factors: _Factors, a: np.ndarray, b: np.ndarray, rank: int, epsilon: float, values: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Factors with exact marginals, without components that carry nothing; None if POT's iteration broke down."""
    with np.errstate(all="ignore"):
        Q, R, weights = ot.lowrank.lowrank_sinkhorn(
            factors.x,
            factors.y,
            a,
            b,
            reg=epsilon / factors.unit,
            rank=rank,
            seed_init=values["seed"],
            numItermax=values["iteration_limit"] or SWEEPS,
            warn=False,
        )
    if not (np.isfinite(Q).all() and np.isfinite(R).all() and np.isfinite(weights).all()):
        return None
    kept = weights > EMPTY * weights.sum()
    weights = weights[kept] / weights[kept].sum()
    return rounded(Q[:, kept], a, weights), rounded(R[:, kept], b, weights), weights


def _polished(
    factors: _Factors, a: np.ndarray, b: np.ndarray, R: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Exact transport from the sources to the components, then from the targets to the new ones."""
    Q = ot.emd(a, weights, factors.to_components(factors.x, R, weights, factors.y), numItermax=MOST_PIVOTS)
    R = ot.emd(b, weights, factors.to_components(factors.y, Q, weights, factors.x), numItermax=MOST_PIVOTS)
    return rounded(np.asarray(Q), a, weights), rounded(np.asarray(R), b, weights)


def _bound(problem: Transport) -> tuple[float, np.ndarray, np.ndarray]:
    """The optimum without a limit on the rank, which no plan with one is below, and the potentials that prove it."""
    form = balanced(problem)
    unit, mass = float(np.abs(form.M).max()) or 1.0, float(form.a.sum())
    log = ot.emd(form.a / mass, form.b / mass, form.M / unit, numItermax=MOST_PIVOTS, log=True)[1]
    f, g = of_all_nodes(form, log["u"] * unit, log["v"] * unit)
    return dual_value(problem, form.M, f, g), f, g


def _whole(
    problem: Transport,
    rows: np.ndarray,
    columns: np.ndarray,
    Q: np.ndarray,
    R: np.ndarray,
    weights: np.ndarray,
    total: float,
) -> LowRankPlan:
    left, right = np.zeros((problem.n, len(weights))), np.zeros((problem.m, len(weights)))
    left[rows], right[columns] = Q * total, R * total
    return LowRankPlan(left, right, weights * total)


ENGINE = PotLowRank()
