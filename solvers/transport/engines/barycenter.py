"""``barycenter``: measures nearest to several others, on given points (entropic, own) or on points that move (POT).

Fixed support: iterated Bregman projections in the log domain (Benamou, Carlier, Cuturi, Nenna, Peyre 2015), epsilon
falling; without a given epsilon, to 2e-3 of the mean cost. Bound: potentials whose weighted sum over measures is made
constant give ``sum_k w_k <g_k, mu_k> + min_s sum_k w_k f_k(s)`` with c-transforms g_k (Agueh & Carlier 2011,
proposition 2.2). Free support: Cuturi & Doucet 2014, exact plans in each round; a local minimum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from itertools import combinations
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.bregman import MOST_SWEEPS, Found, Level, dual_bound, finer, plan_cost, smoothed
from solvers.transport.numerics.fixed_support import exact_weights
from solvers.transport.numerics.free_support import Coupling, coupled, pair_potentials, rounds
from solvers.transport.numerics.geometry import matrix_of
from solvers.transport.numerics.sweeps import levels
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Barycenter, Transport

#: Epsilon in units of the mean cost where none is given, and the smallest for a tolerance; sweeps at levels before the
#: last.
UNREGULARIZED, SMALLEST = 2e-3, 5e-5
LEVEL_SWEEPS = 30

#: Pairs of points for which the value is computed even after a stop.
QUICK = 40_000

#: Rounds of moving points; seconds that a bound may take, if it takes longer than they did; gap that is none.
MOST_ROUNDS, QUICK_PAIRS, OPTIMAL = 500, 1.0, 1e-6

#: Gap of a smooth barycenter that is exact all the same.
EXACT = 1e-8


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
        moved = rounds(problem, problem.support, values["iteration_limit"] or MOST_ROUNDS, watch)
        parameters = {
            "couplings": _stacked(moved.couplings),
            "transport_potentials": np.stack([one.f for one in moved.couplings]),
        }
        bound = None
        try:
            if _seconds_of_pairs(problem) <= max(QUICK_PAIRS, watch.seconds):
                pairs = pair_potentials(problem, watch)
                parameters["pair_potentials"] = np.concatenate([np.zeros(0), *(f for f, _ in pairs)])
                bound = sum(cost for _, cost in pairs)
        except Stopped:
            pass
        watch.end(objective=moved.cost, bound=bound)
        exact = bound is not None and moved.cost - bound <= (values["tolerance"] or OPTIMAL) * moved.cost
        bound = None if bound is None else min(bound, moved.cost)  # rounding
        limit = None if moved.settled or exact else watch.limit or "iterations"
        words = "the points are at the means of their partners" if moved.settled else "the points have not settled"
        return answered(
            self.spec,
            "optimal" if exact else "feasible",
            limit,
            cost=moved.cost,
            bound=bound,
            support=moved.points,
            weights=np.full(size, 1.0 / size),
            parameters=parameters,
            statistics={"seconds": watch.seconds, "iterations": moved.rounds, "residual": moved.residual},
            message=f"{words} after {moved.rounds} rounds: {'optimal' if exact else 'a local minimum over the points'}",
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
        sweeps = 0
        schedule = levels(max(float(M.max()) for M in costs), strength)
        run: Level | None = None
        try:
            for epsilon in schedule:
                most = values["iteration_limit"] or MOST_SWEEPS
                run = Level(problem, costs, potentials, epsilon)
                for _ in range(most if epsilon == strength else LEVEL_SWEEPS):
                    watch.check()
                    run.sweep()
                    sweeps += 1
                    watch.note(iterations=sweeps, change=run.change, epsilon=epsilon)
                    if epsilon == strength and run.steady:
                        break
                potentials = run.potentials()
        except Stopped:
            potentials = potentials if run is None else run.potentials()
        if run is None or not run.weights.any():
            weights, change, steady = uniform, math.inf, False
        else:
            weights, change = run.weights / run.weights.sum(), run.change
            steady = run.steady and run.epsilon == strength and watch.limit is None
        state = Found(weights, potentials, strength, sweeps, change, steady)
        if problem.regularization is None:
            return self._unregularized(problem, costs, state, values, watch)
        cost, bound = plan_cost(problem, costs, potentials, strength), dual_bound(problem, costs, potentials)
        watch.end(objective=cost, bound=bound, iterations=sweeps)
        return answered(
            self.spec,
            "optimal" if steady else "feasible",
            watch.limit or (None if steady else "iterations"),
            cost=cost,
            bound=bound,
            epsilon=strength,
            epsilon_from=source,
            support=problem.support,
            weights=weights,
            parameters={"potentials": np.stack(potentials)},
            statistics={"seconds": watch.seconds, "iterations": sweeps, "change": change},
            message=_ended(state),
        )

    def _unregularized(
        self, problem: Barycenter, costs: list[np.ndarray], found: Found, values: dict[str, Any], watch: Watch
    ) -> TransportAnswer:
        """From the entropic barycenter: the exact one where it is small enough, else smaller epsilons as long as the
        gap is too wide, and exact couplings to the measures."""
        tolerance = values["tolerance"]
        couplings, bound = None, dual_bound(problem, costs, found.potentials)
        exact = None
        try:
            exact = exact_weights(problem, costs, watch)
            if exact is not None:
                bound = dual_bound(problem, costs, exact.potentials)
                found = found._replace(weights=exact.weights, potentials=exact.potentials, epsilon=0.0)
            couplings = _couplings(problem, costs, found.weights, watch)
            if exact is not None:
                smooth = smoothed(problem, costs, exact.potentials, watch)
                others = _couplings(problem, costs, smooth, watch)
                if _value(problem, others) - bound <= EXACT * _value(problem, others):
                    found, couplings = found._replace(weights=smooth), others
            smallest = SMALLEST * found.epsilon / UNREGULARIZED
            while exact is None and tolerance is not None and found.epsilon > smallest:
                if _value(problem, couplings) - bound <= tolerance * _value(problem, couplings):
                    break
                smaller = finer(problem, costs, found, values["iteration_limit"], watch)
                trial = _couplings(problem, costs, smaller.weights, watch)
                higher = dual_bound(problem, costs, smaller.potentials)
                found = smaller._replace(potentials=smaller.potentials if higher >= bound else found.potentials)
                bound = max(bound, higher)
                if _value(problem, trial) <= _value(problem, couplings):
                    couplings = trial
                else:
                    found = found._replace(weights=_first_marginal(couplings, len(problem.support)))
        except Stopped:
            pass
        if couplings is None and max(M.size for M in costs) <= QUICK:
            couplings = [
                coupled(problem.support, found.weights, one, M) for one, M in zip(problem.measures, costs, strict=True)
            ]
        cost = None if couplings is None else _value(problem, couplings)
        reached = cost is not None and cost - bound <= (tolerance or OPTIMAL) * cost
        bound = bound if cost is None else min(bound, cost)  # rounding
        parameters = {"potentials": np.stack(found.potentials)}
        if couplings is not None:
            parameters["couplings"] = _stacked(couplings)
        watch.end(objective=cost, bound=bound, iterations=found.sweeps)
        return answered(
            self.spec,
            "optimal" if reached else "feasible",
            None if reached else watch.limit,
            cost=cost,
            bound=bound,
            epsilon=found.epsilon or None,
            epsilon_from="tolerance" if found.epsilon else "",
            support=problem.support,
            weights=found.weights,
            parameters=parameters,
            statistics={"seconds": watch.seconds, "iterations": found.sweeps, "change": found.change},
            message="exact, by the linear program" if exact is not None else _ended(found),
        )


def _ended(found: Found) -> str:
    if not found.sweeps:
        return "stopped at once"
    return f"weights changed by {found.change:.1e} in the last of {found.sweeps} sweeps"


def _couplings(problem: Barycenter, costs: list[np.ndarray], weights: np.ndarray, watch: Watch) -> list[Coupling]:
    """Exact, to every measure.

    Raises:
        Stopped: by the watch.
    """
    pairs = zip(problem.measures, costs, strict=True)
    return [aside(partial(coupled, problem.support, weights, measure, M), watch, "POT") for measure, M in pairs]


def _value(problem: Barycenter, couplings: list[Coupling]) -> float:
    return float(sum(share * one.cost for share, one in zip(problem.weights, couplings, strict=True)))


def _first_marginal(couplings: list[Coupling], size: int) -> np.ndarray:
    weights = np.bincount(couplings[0].rows, couplings[0].mass, size)
    return np.asarray(weights / weights.sum())


def _stacked(couplings: list[Coupling]) -> np.ndarray:
    """Rows of measure, point of the barycenter, point of the measure, mass."""
    parts = [
        np.column_stack([np.full(len(one.mass), float(k)), one.rows, one.columns, one.mass])
        for k, one in enumerate(couplings)
    ]
    return np.concatenate(parts)


def _seconds_of_pairs(problem: Barycenter) -> float:
    """Predicted, for exact transport between all pairs of measures."""
    sizes = [len(measure.weights) for measure in problem.measures]
    return sum(0.15 * math.pow(n * m / 1e6, 1.3) for n, m in combinations(sizes, 2))


def _costs(problem: Barycenter, points: np.ndarray) -> np.ndarray:
    return matrix_of(Transport.build(problem.support, points, cost=problem.cost, p=problem.p))


ENGINE = BarycenterEngine()
