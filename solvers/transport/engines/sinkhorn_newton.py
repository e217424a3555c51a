"""``sinkhorn-newton``: entropic transport to machine precision by an annealed semi-dual Newton method.

Floor, in memory: a Newton step is one pass (one exponential an element) and 10 to 100 products with a sparse matrix;
    some 3 + 1 to 2
steps at each of log4(cost / epsilon) levels. Predicted 0.2 s for n = 1000 at epsilon = 1e-2 and 1e-3 of the mean cost
on one core; measured 0.17 to 0.4 s. Streamed, a Newton step costs as many passes as CG takes iterations.

Sources: Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying (ICLR 2024) for the sparse Newton stage,
    which ``method =
"published"`` runs literally; annealing, elimination of one side, error-controlled sparsification and the choice
between CG and direct solves are Kantor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import InvalidOption, OutOfMemory
from solvers.transport.answer import Limit, Status, TransportAnswer
from solvers.transport.engines.common import answered, begin, stopped_early
from solvers.transport.engines.each import solve_each
from solvers.transport.numerics.anneal import LEVEL_ERROR, Anneal
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.basis import PAIRS, basic_potentials
from solvers.transport.numerics.coarse import coarse
from solvers.transport.numerics.finish import better, close, evaluate
from solvers.transport.numerics.free import FreeNewton
from solvers.transport.numerics.newton import Newton
from solvers.transport.numerics.passes import State
from solvers.transport.numerics.published import published
from solvers.transport.numerics.setup import Setup, passes_of, prepare
from solvers.transport.numerics.sweeps import levels
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Transport, TransportBatch

#: Without a given epsilon: relative gap, and smallest epsilon as a multiple of the mean cost.
DEFAULT_TOLERANCE = 1e-3
SMALLEST = 1e-6

#: Costs of at most so many epsilons need no annealing.
EASY = 250.0

#: Marginal error at the last level then, where only rounding is left between cost and bound.
LAST_ERROR = 1e-10


class SinkhornNewton:
    """See the module."""

    spec = EngineSpec(
        id="sinkhorn-newton",
        family="transport",
        version="1",
        title="Sinkhorn-Newton",
        summary="Entropic transport to machine precision, and a small certified gap without regularization",
        solves=frozenset(
            {
                "batch",
                "points",
                "matrix",
                "entropic",
                "unregularized",
                "balanced",
                "partial",
                "unbalanced-kl",
                "unbalanced-tv",
                "semi-relaxed-kl",
                "semi-relaxed-tv",
                "tv-on-zeros",
            }
        ),
        capabilities=frozenset({"potentials", "warm-start", "progress", "deterministic", "streaming", "cuda"}),
        options=(
            Option(
                "method",
                "string",
                "annealed",
                "annealed, or the published Sinkhorn-Newton-Sparse literally",
                choices=("annealed", "published"),
            ),
            Option("sweeps", "integer", 20, "published: Sinkhorn sweeps before the Newton stage", minimum=0),
            Option(
                "density",
                "float",
                None,
                "published: share of Hessian entries kept; default 2 / n",
                minimum=0.0,
                maximum=1.0,
            ),
        ),
        process_group="torch",
        requires=("torch",),
        citation="arXiv:2401.12253",
        # the entropic reference measure has no mass where weights are zero, total variation may make some there
        excludes=(frozenset({"unregularized", "tv-on-zeros"}),),
    )

    def solve(
        self, problem: Transport | TransportBatch, options: Mapping[str, Any], context: Context
    ) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption, InvalidProblem, OutOfMemory.
        """
        values = begin(self.spec, problem, options)
        if isinstance(problem, TransportBatch):
            return solve_each(self.spec, self.solve, problem, options, context)
        torch.set_num_threads(int(values["threads"]))
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        if values["method"] == "published":
            values["device"] = "cpu"
        setup = prepare(problem, values, flip=problem.variant == "balanced", matrices=4.0)
        passes = passes_of(setup, watch)
        newton = Newton(passes) if passes.exact else FreeNewton(passes)
        if values["method"] == "published" and not setup.keep:
            raise OutOfMemory("the published method keeps the plan", pointer="/method", hint="method 'annealed'")
        if values["method"] == "published" and not passes.exact:
            words = f"the published method is for balanced problems, not {problem.variant} ones"
            raise InvalidOption(words, pointer="/method", hint="method 'annealed'")
        run = Anneal(passes, newton, _mass(setup), most_steps=_or_infinite(values["iteration_limit"]))
        found: dict[str, Any] = {}
        try:
            if values["method"] == "published" and setup.epsilon is not None:
                run.state = published(passes, setup.epsilon, values, run)
                reached = run.state.error <= values["marginal_tolerance"] * _mass(setup)
            elif setup.epsilon is not None:
                reached = _to_marginals(setup, run, values)
            else:
                reached, found = _to_gap(setup, run, values)
        except Stopped:
            reached = False
        return self._answer(setup, run, reached, found, values)

    def _answer(
        self, setup: Setup, run: Anneal, reached: bool, found: dict[str, Any], values: dict[str, Any]
    ) -> TransportAnswer:
        passes, watch = run.passes, run.passes.watch
        statistics: dict[str, Any] = {
            "iterations": run.newton_steps,
            "sweeps": run.sweeps,
            "passes": passes.count,
            **run.newton.counts,
            "streamed": not passes.keep,
            "mean_cost": setup.mean_cost,
        }
        state = run.state
        if state is None:
            return stopped_early(self.spec, setup.problem, watch.limit, "stopped before the first pass", statistics)
        regularized = setup.epsilon is not None
        if not found and not watch.answers_in_time():
            words = f"one pass takes {passes.seconds:.0f} s: no time was left to evaluate a plan"
            return stopped_early(self.spec, setup.problem, watch.limit, words, statistics)
        if (not found or found["epsilon"] != state.epsilon) and watch.answers_in_time():
            latest = evaluate(setup, passes, state, regularized=regularized and state.epsilon == setup.epsilon)
            found = latest if regularized else better(found, latest)
        if not regularized and not reached:  # the last marginals may be rounding, and the gap none
            reached = close(found, setup, values["tolerance"] or DEFAULT_TOLERANCE)
        statistics |= {"seconds": watch.seconds, "trace": watch.trace}
        status, limit, message = self._ending(setup, run, state, reached, values)
        source = setup.epsilon_from if regularized else "tolerance"
        watch.end(objective=found["cost"], bound=found["bound"], marginal_error=state.error, epsilon=found["epsilon"])
        return answered(self.spec, status, limit, **found, epsilon_from=source, statistics=statistics, message=message)

    def _ending(
        self, setup: Setup, run: Anneal, state: State, reached: bool, values: dict[str, Any]
    ) -> tuple[Status, Limit | None, str]:
        watch = run.passes.watch
        if setup.epsilon is None:
            if reached:
                return "optimal", None, f"gap reached at epsilon {state.epsilon:.3g}"
            return (
                "feasible",
                watch.limit or "slow-progress",
                f"the gap was not reached; smallest epsilon {state.epsilon:.3g}",
            )
        if reached:
            return "optimal", None, f"marginal error {state.error:.1e} after {run.newton_steps} Newton steps"
        if state.epsilon != setup.epsilon:
            text = (
                f"ended at epsilon {state.epsilon:.3g}, before {setup.epsilon:.3g}: the plan belongs to the larger one"
            )
        else:
            text = f"marginal error {state.error:.1e}; asked for {values['marginal_tolerance']:.1e}"
        limit: Limit = watch.limit or ("iterations" if run.newton_steps >= run.most_steps else "slow-progress")
        if limit == "slow-progress":
            floor = 2e-16 * setup.geometry.spread() / setup.epsilon
            text += f"; double precision reaches about {floor:.0e} at this epsilon"
        return "feasible", limit, text


def _to_marginals(setup: Setup, run: Anneal, values: dict[str, Any]) -> bool:
    """The regularized problem, to the asked marginal error."""
    epsilon = setup.epsilon
    assert epsilon is not None
    wanted = values["marginal_tolerance"] * _mass(setup)
    start = _start(setup, values)
    if start is None:
        sampled = coarse(setup, epsilon, values, run.passes.watch)
        start = None if sampled is None or sampled.epsilon != epsilon else sampled.g
    if start is not None:
        if run.run(start, [epsilon], lambda _: wanted):
            return True
        run.newton.direct = False
    schedule = levels(setup.geometry.spread(), epsilon)
    if setup.geometry.spread() < EASY * epsilon:
        schedule = [epsilon]
    errors = {epsilon: wanted}
    zeros = torch.zeros_like(setup.b)
    if run.run(zeros, schedule, lambda e: errors.get(e, LEVEL_ERROR * _mass(setup))):
        return True
    dense = setup.geometry.dense
    if dense is None or not run.passes.exact or dense.numel() > PAIRS or run.newton_steps >= run.most_steps:
        return False
    arrays = (dense.cpu().numpy(), setup.a.cpu().numpy(), setup.b.cpu().numpy())
    g = torch.from_numpy(aside(partial(basic_potentials, *arrays, epsilon), run.passes.watch, "POT")[1])
    found, run.state = run.state, None
    reached = run.run(g.to(setup.b.device), [epsilon], lambda _: wanted)
    if found is not None and found.epsilon == epsilon and (run.state is None or found.error < run.state.error):
        run.passes.release(run.state)
        run.state = found
    return reached


def _to_gap(setup: Setup, run: Anneal, values: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """The unregularized problem: epsilon falls until cost and bound are close enough."""
    tolerance = values["tolerance"] or DEFAULT_TOLERANCE
    best: dict[str, Any] = {}

    def enough(state: State) -> bool:
        nonlocal best
        if state.epsilon > setup.unit:
            return False
        found = evaluate(setup, run.passes, state, regularized=False)
        best = found = better(best, found)
        run.passes.watch.note(objective=found["cost"], bound=found["bound"], epsilon=state.epsilon)
        return close(found, setup, tolerance)

    run.enough = enough
    largest = setup.geometry.spread()
    smallest = max(SMALLEST * setup.unit, 1e-13 * largest)
    schedule = levels(max(largest, smallest), smallest)
    g = _start(setup, values)
    if g is None:
        # where the bias of entropy comes near the tolerance; from there epsilon falls on all points
        sampled = coarse(setup, max(tolerance * setup.unit, smallest), values, run.passes.watch)
        if sampled is not None:
            g, schedule = sampled.g, levels(8.0 * sampled.epsilon, smallest)
    if g is None:
        g = torch.zeros_like(setup.b)
    errors = min(LEVEL_ERROR, 0.1 * tolerance) * _mass(setup), LAST_ERROR * _mass(setup)
    run.run(g, schedule, lambda e: errors[e == smallest])
    return bool(best) and close(best, setup, tolerance), best


def _mass(setup: Setup) -> float:
    """What marginal errors are relative to."""
    problem = setup.problem
    if problem.variant == "unbalanced":
        return float(min(setup.a.sum(), setup.b.sum()))
    return problem.mass if problem.mass is not None else float(setup.a.sum())


def _start(setup: Setup, values: dict[str, Any]) -> torch.Tensor | None:
    """The warm potentials of the geometry's columns."""
    start = values["start"]
    if start is None:
        return None
    side = start.f if setup.flipped else start.g
    if side is None or len(side) != (setup.problem.n if setup.flipped else setup.problem.m):
        return None
    return torch.from_numpy(side[setup.columns].astype("float64")).to(setup.b.device)


def _or_infinite(limit: int | None) -> float:
    return float("inf") if limit is None else float(limit)


ENGINE = SinkhornNewton()
