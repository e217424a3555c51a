"""``barycenter``: measures nearest to several others, on given points (entropic, own) or on points that move (POT).

Fixed support: iterated Bregman projections in the log domain (Benamou, Carlier, Cuturi, Nenna, Peyre 2015), epsilon
falling; without a given epsilon, to 2e-3 of the mean cost. Bound: potentials whose weighted sum over measures is made
constant give ``sum_k w_k <g_k, mu_k> + min_s sum_k w_k f_k(s)`` with c-transforms g_k (Agueh & Carlier 2011,
proposition 2.2). Free support: Cuturi & Doucet 2014, exact plans in each round; a local minimum.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import ot
from scipy.special import logsumexp

from solvers.core.engine import Context, EngineSpec
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.geometry import matrix_of
from solvers.transport.numerics.sweeps import levels
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Barycenter, Transport

#: Epsilon in units of the mean cost where none is given; sweeps at each level, and at the last.
UNREGULARIZED = 2e-3
LEVEL_SWEEPS, MOST_SWEEPS = 30, 3000

#: Pairs of points for which the value is computed even after a stop.
QUICK = 40_000

#: Logarithms of scalings from which kernels are made anew.
WIDEST = 60.0

#: Change of the weights (sum of absolute values) at which the last level ends.
STEADY = 1e-8


class BarycenterEngine:
    """See the module."""

    spec = EngineSpec(
        id="barycenter",
        family="transport",
        version=version("POT"),
        title="Barycenters",
        summary="Wasserstein barycenters of measures and images: weights on given points, or points that move",
        solves=frozenset({"barycenter", "free-barycenter", "unregularized", "entropic"}),
        capabilities=frozenset({"deterministic", "progress"}),
        process_group="torch",
        requires=("torch", "ot"),
        citation="arXiv:1412.5154; arXiv:1310.4375",
        excludes=(frozenset({"free-barycenter", "entropic"}),),
    )

    def solve(self, problem: Barycenter, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption, EngineFailure.
        """
        values = begin(self.spec, problem, options)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        try:
            watch.check()
            return self._free(problem, values, watch) if problem.free else self._fixed(problem, values, watch)
        except Stopped:
            return answered(
                self.spec,
                "no-solution",
                watch.limit,
                statistics={"seconds": watch.seconds},
                message="stopped before it was done",
            )

    def _free(self, problem: Barycenter, values: dict[str, Any], watch: Watch) -> TransportAnswer:
        size = len(problem.support)
        uniform = np.full(size, 1.0 / size)

        def work() -> tuple[np.ndarray, float]:
            places = [measure.points for measure in problem.measures]
            masses = [measure.weights for measure in problem.measures]
            most = values["iteration_limit"] or 200
            found = ot.lp.free_support_barycenter(
                places, masses, problem.support, b=uniform, weights=problem.weights, numItermax=most, stopThr=1e-12
            )
            return np.asarray(found), _exact_cost(problem, np.asarray(found), uniform)

        support, cost = aside(work, watch, "POT")
        watch.end(objective=cost)
        return answered(
            self.spec,
            "feasible",
            None,
            cost=cost,
            support=support,
            weights=uniform,
            statistics={"seconds": watch.seconds},
            message="a local minimum over the points",
        )

    def _fixed(self, problem: Barycenter, values: dict[str, Any], watch: Watch) -> TransportAnswer:
        costs = [_costs(problem, measure.points) for measure in problem.measures]
        uniform = np.full(len(problem.support), 1.0 / len(problem.support))
        shares = problem.weights
        pairs = zip(shares, costs, problem.measures, strict=True)
        mean = sum(float(w * (uniform @ M @ measure.weights)) for w, M, measure in pairs)
        strength, source = UNREGULARIZED * (mean or 1.0), "tolerance"
        if problem.regularization is not None:
            relative = problem.regularization.relative
            strength = problem.regularization.strength * ((mean or 1.0) if relative else 1.0)
            source = "relative" if relative else "problem"
        potentials = [np.zeros(len(problem.support)) for _ in costs]
        weights, sweeps, change = uniform, 0, np.inf
        schedule = levels(max(float(M.max()) for M in costs), strength)
        run: _Level | None = None
        try:
            for epsilon in schedule:
                most = values["iteration_limit"] or MOST_SWEEPS
                run = _Level(problem, costs, potentials, epsilon)
                for _ in range(most if epsilon == strength else LEVEL_SWEEPS):
                    watch.check()
                    before = weights
                    weights = run.sweep()
                    sweeps += 1
                    change = float(np.abs(weights - before).sum())
                    watch.note(iterations=sweeps, change=change, epsilon=epsilon)
                    if epsilon == strength and change < STEADY:
                        break
                potentials = run.potentials()
        except Stopped:
            potentials = potentials if run is None else run.potentials()
        weights = weights / weights.sum()
        steady = change < STEADY and watch.limit is None
        exact = problem.regularization is None
        cost: float | None
        if not exact:
            cost = _plan_cost(problem, costs, potentials, strength)
        elif watch.limit is None:
            cost = aside(lambda: _exact_cost(problem, problem.support, weights), watch, "POT")
        else:
            small = max(M.size for M in costs) <= QUICK
            cost = _exact_cost(problem, problem.support, weights) if small else None
        bound = _bound(problem, costs, potentials)
        watch.end(objective=cost, bound=bound, iterations=sweeps)
        status: Any = "feasible" if exact else "optimal" if steady else "feasible"
        return answered(
            self.spec,
            status,
            watch.limit or (None if steady or exact else "iterations"),
            cost=cost,
            bound=bound,
            epsilon=strength,
            epsilon_from=source,
            support=problem.support,
            weights=weights,
            parameters={"potentials": np.stack(potentials)},
            statistics={"seconds": watch.seconds, "iterations": sweeps, "change": change},
            message=f"weights changed by {change:.1e} in the last of {sweeps} sweeps" if sweeps else "stopped at once",
        )


def _costs(problem: Barycenter, points: np.ndarray) -> np.ndarray:
    return matrix_of(Transport.build(problem.support, points, cost=problem.cost, p=problem.p))


class _Level:
    """Sweeps at one epsilon, on kernels that hold the potentials so far; changes are scalings, until they grow wide."""

    def __init__(
        self, problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray], epsilon: float
    ) -> None:
        self.shares, self.epsilon = problem.weights, epsilon
        self.kept = [measure.weights > 0.0 for measure in problem.measures]
        self.masses = [one.weights[kept] for one, kept in zip(problem.measures, self.kept, strict=True)]
        self.costs = [M[:, kept] for M, kept in zip(costs, self.kept, strict=True)]
        self.held = potentials
        self.absorb()

    def absorb(self) -> None:
        """Kernels anew, with columns that sum to their masses."""
        self.kernels = []
        for M, f, masses in zip(self.costs, self.held, self.masses, strict=True):
            scaled = (f[:, None] - M) / self.epsilon
            scaled -= scaled.max(axis=0)
            np.exp(scaled, out=scaled)
            scaled *= masses / scaled.sum(axis=0)
            self.kernels.append(scaled)
        self.logs = [np.zeros_like(f) for f in self.held]

    def sweep(self) -> np.ndarray:
        """One round of projections: marginals mu_k, then a common one (their geometric mean), which is returned."""
        rows = []
        for kernel, log_u, masses in zip(self.kernels, self.logs, self.masses, strict=True):
            u = np.exp(log_u)
            v = masses / np.maximum(u @ kernel, 1e-290)
            rows.append(log_u + np.log(np.maximum(kernel @ v, 1e-290)))
        log_q = sum(w * one for w, one in zip(self.shares, rows, strict=True))
        self.logs = [log_u + log_q - one for log_u, one in zip(self.logs, rows, strict=True)]
        if max(float(np.abs(one).max()) for one in self.logs) > WIDEST:
            self.held = self.potentials()
            self.absorb()
        return np.asarray(np.exp(log_q))

    def potentials(self) -> list[np.ndarray]:
        return [f + self.epsilon * one for f, one in zip(self.held, self.logs, strict=True)]


def _exact_cost(problem: Barycenter, support: np.ndarray, weights: np.ndarray) -> float:
    total = 0.0
    for share, measure in zip(problem.weights, problem.measures, strict=True):
        M = matrix_of(Transport.build(support, measure.points, cost=problem.cost, p=problem.p))
        masses = measure.weights * (weights.sum() / measure.weights.sum())
        total += float(share * ot.emd2(weights, masses, M, numItermax=10_000_000))
    return total


def _plan_cost(problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray], epsilon: float) -> float:
    """``sum_k w_k <M_k, P_k>`` of the entropic plans."""
    total = 0.0
    for share, M, f, measure in zip(problem.weights, costs, potentials, problem.measures, strict=True):
        kept = measure.weights > 0.0
        scaled = (f[:, None] - M[:, kept]) / epsilon
        P = np.exp(scaled - logsumexp(scaled, axis=0) + np.log(measure.weights[kept]))
        total += float(share * (P * M[:, kept]).sum())
    return total


def _bound(problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray]) -> float:
    total, common = 0.0, np.zeros(len(problem.support))
    for share, M, f, measure in zip(problem.weights, costs, potentials, problem.measures, strict=True):
        total += float(share * (measure.weights @ (M - f[:, None]).min(axis=0)))
        common += share * f
    return total + float(common.min())


ENGINE = BarycenterEngine()
