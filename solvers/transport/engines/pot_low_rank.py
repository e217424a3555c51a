"""``pot-low-rank``: plans ``Q diag(1/w) R'`` of small non-negative rank between point clouds, with POT's low-rank
Sinkhorn.

Source: Scetbon, Cuturi, Peyre, Low-rank Sinkhorn factorization, ICML 2021. Not convex: a local minimum, so the status
is ``feasible``. Linear in the number of points in time and memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import ot

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.rounding import rounded
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.plan import LowRankPlan
from solvers.transport.problem import Transport


class PotLowRank:
    """See the module."""

    spec = EngineSpec(
        id="pot-low-rank",
        family="transport",
        version=version("POT"),
        title="Low-rank Sinkhorn (POT)",
        summary="Plans of small rank between large point clouds, in linear time and memory",
        solves=frozenset({"points", "balanced", "unregularized", "entropic", "low-rank"}),
        capabilities=frozenset({"deterministic"}),
        process_group="torch",
        requires=("torch", "ot"),
        citation="arXiv:2103.04737",
    )

    def check(self, problem: Transport) -> None:
        """Raises UnsupportedProblem without a rank, or for another cost than the squared distance."""
        if problem.rank is None or problem.cost != "sqeuclidean":
            raise UnsupportedProblem(
                "low-rank transport takes points, cost sqeuclidean and a rank", pointer="/engine", hint="engine 'auto'"
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
        a, b = problem.a[rows] / total, problem.b[columns] / total
        assert problem.x is not None
        assert problem.y is not None
        x, y = problem.x[rows], problem.y[columns]
        epsilon = 0.0
        if problem.regularization is not None:
            mean = float(a @ (x * x).sum(1) + b @ (y * y).sum(1) - 2.0 * (a @ x) @ (b @ y))
            epsilon = problem.regularization.strength * (mean if problem.regularization.relative else 1.0)
        rank = min(problem.rank or 1, len(rows), len(columns))

        def work() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            most = values["iteration_limit"] or 2000
            found: tuple[np.ndarray, np.ndarray, np.ndarray] = ot.lowrank.lowrank_sinkhorn(
                x, y, a, b, reg=epsilon, rank=rank, seed_init=values["seed"], numItermax=most, warn=False
            )
            return found

        try:
            watch.check()
            Q, R, weights = aside(work, watch, "POT")
        except Stopped:
            return answered(
                self.spec,
                "no-solution",
                watch.limit,
                statistics={"seconds": watch.seconds},
                message="stopped before a local minimum",
            )
        weights = np.maximum(weights, 1e-300)
        weights = weights / weights.sum()
        plan = _whole(problem, rows, columns, rounded(Q, a, weights), rounded(R, b, weights), weights, total)
        cost = _cost(problem, plan)
        watch.end(objective=cost)
        return answered(
            self.spec,
            "feasible",
            None,
            cost=cost,
            epsilon=epsilon or None,
            epsilon_from=""
            if problem.regularization is None
            else "relative"
            if problem.regularization.relative
            else "problem",
            plan=plan,
            marginal_error=0.0,
            statistics={"seconds": watch.seconds, "rank": rank},
            message=f"a local minimum of rank {rank}",
        )


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


def _cost(problem: Transport, plan: LowRankPlan) -> float:
    """``<M, P>`` for squared distances, from moments: O((n + m) r d)."""
    assert problem.x is not None
    assert problem.y is not None
    middle = problem.y.mean(axis=0)
    x, y = problem.x - middle, problem.y - middle
    cross = ((plan.Q.T @ x) * (plan.R.T @ y)).sum(axis=1) / plan.weights
    return float(problem.a @ (x * x).sum(axis=1) + problem.b @ (y * y).sum(axis=1) - 2.0 * cross.sum())


ENGINE = PotLowRank()
