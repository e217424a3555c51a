"""``sinkhorn``: scaling sweeps for every entropic variant, absorbed into potentials where scalings grow wide, annealed.

Stopping criterion: the mass that the next update would move (for exact marginals ``sum |P' 1 - b|``, rows being
    exact), relative to the total
mass. Convergence is linear, with a rate that falls with epsilon: at epsilon = 1e-3 of the mean cost some 1e4 sweeps
are needed for 1e-9, and ``sinkhorn-newton`` is the better choice where it takes the problem. Floor, in memory: two
products with an (n, m) matrix a sweep; at n = 1000 predicted and measured 0.8 ms on one core.

Sources: Sinkhorn (1964), Cuturi (2013); absorption and unbalanced variants: Schmitzer (2019), Chizat et al. (2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.core.engine import Context, EngineSpec
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin, stopped_early
from solvers.transport.engines.each import solve_each
from solvers.transport.numerics.finish import better, close, evaluate
from solvers.transport.numerics.passes import Passes, State
from solvers.transport.numerics.setup import Setup, passes_of, prepare
from solvers.transport.numerics.sweeps import levels, sweep
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Transport, TransportBatch

#: Sweeps at a level before it is left; between two absorptions at the last level; and stagnant absorptions that end it.
LEVEL_SWEEPS = 20
PORTION = 500
STAGNANT = 6

DEFAULT_TOLERANCE = 1e-3
SMALLEST = 1e-5


class Sinkhorn:
    """See the module."""

    spec = EngineSpec(
        id="sinkhorn",
        family="transport",
        version="1",
        title="Sinkhorn",
        summary="Annealed, stabilized scaling: every entropic variant, also unbalanced and partial",
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
        process_group="torch",
        requires=("torch",),
        citation="arXiv:1306.0895; arXiv:1607.05816; arXiv:1610.06519",
        excludes=(
            # sweeps for partial transport are too slow at small epsilon; and the entropic reference measure of
            # total variation has no mass where weights are zero
            frozenset({"unregularized", "partial"}),
            frozenset({"unregularized", "tv-on-zeros"}),
        ),
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
        setup = prepare(problem, values, flip=problem.variant == "balanced")
        run = _Run(setup, passes_of(setup, watch), values)
        try:
            run.work()
        except Stopped:
            run.reached = False
        return self._answer(run)

    def _answer(self, run: _Run) -> TransportAnswer:
        setup, watch, state = run.setup, run.passes.watch, run.state
        statistics: dict[str, Any] = {
            "iterations": run.sweeps,
            "sweeps": run.sweeps,
            "passes": run.passes.count,
            "streamed": not run.passes.keep,
            "mean_cost": setup.mean_cost,
        }
        if state is None:
            return stopped_early(self.spec, setup.problem, watch.limit, "stopped before the first pass", statistics)
        regularized = setup.epsilon is not None
        found = run.best
        if (regularized or not found) and not watch.answers_in_time():
            words = f"one pass takes {run.passes.seconds:.0f} s: no time was left to evaluate a plan"
            return stopped_early(self.spec, setup.problem, watch.limit, words, statistics)
        if regularized or not found:
            found = evaluate(setup, run.passes, state, regularized=regularized and state.epsilon == setup.epsilon)
        statistics |= {"seconds": watch.seconds, "trace": watch.trace}
        watch.end(objective=found["cost"], bound=found["bound"], marginal_error=state.error, iterations=run.sweeps)
        limit = None if run.reached else watch.limit or run.limit
        return answered(
            self.spec,
            "optimal" if run.reached else "feasible",
            limit,
            **found,
            epsilon_from=setup.epsilon_from if regularized else "tolerance",
            statistics=statistics,
            message=run.message(),
        )


class _Run:
    """One solve: levels of falling epsilon; ``state`` is the last consistent one."""

    def __init__(self, setup: Setup, passes: Passes, values: dict[str, Any]) -> None:
        self.setup, self.passes, self.values = setup, passes, values
        self.state: State | None = None
        self.best: dict[str, Any] = {}
        self.sweeps = 0
        self.reached = False
        self.limit: Any = "slow-progress"
        self.most = values["iteration_limit"] if values["iteration_limit"] is not None else 10**9
        self.mass = float(setup.a.sum())

    def work(self) -> None:
        setup = self.setup
        largest = setup.geometry.spread()
        g = torch.zeros_like(setup.b)
        start = self.values["start"]
        if start is not None and start.g is not None and len(start.g) == setup.problem.m and not setup.flipped:
            g = torch.from_numpy(start.g[setup.columns].astype("float64")).to(setup.b.device)
        if setup.epsilon is not None:
            begin = [setup.epsilon] if start is not None else levels(largest, setup.epsilon)
            for epsilon in begin[:-1]:
                g = self._level(g, epsilon, LEVEL_SWEEPS, 0.0)
            self._level(g, begin[-1], self.most, self.values["marginal_tolerance"] * self.mass)
            assert self.state is not None
            self.reached = self.state.error <= self.values["marginal_tolerance"] * self.mass
            return
        tolerance = self.values["tolerance"] or DEFAULT_TOLERANCE
        smallest = max(SMALLEST * setup.unit, 1e-13 * largest)
        for epsilon in levels(max(largest, smallest), smallest):
            g = self._level(g, epsilon, self.most, min(0.01, 0.1 * tolerance) * self.mass)
            if epsilon <= setup.unit or epsilon == smallest:
                assert self.state is not None
                found = evaluate(setup, self.passes, self.state, regularized=False)
                self.best = found = better(self.best, found)
                if close(found, setup, tolerance):
                    self.reached = True
                    return

    def _level(self, g: torch.Tensor, epsilon: float, most: int, wanted: float) -> torch.Tensor:
        """Sweeps at one epsilon until the error is reached; the state after them."""
        best, stagnant, made = float("inf"), 0, 0
        near = None
        while True:
            state = self.passes.state(g, epsilon, near)
            self.passes.release(self.state)
            self.state, near = state, state.f
            self.passes.watch.note(
                epsilon=epsilon, marginal_error=state.error, iterations=self.sweeps, sweeps=self.sweeps
            )
            if state.error <= wanted or made >= most or self.sweeps >= self.most:
                if self.sweeps >= self.most:
                    self.limit = "iterations"
                return g
            stagnant = stagnant + 1 if state.error > 0.98 * best else 0
            best = min(best, state.error)
            if stagnant >= STAGNANT:
                return g
            portion = min(PORTION if self.passes.keep else 1, most - made, self.most - self.sweeps)
            g, _, count = sweep(self.passes, state, portion, 0.5 * wanted)
            made += count
            self.sweeps += count

    def message(self) -> str:
        """How it ended, for people."""
        state = self.state
        assert state is not None
        if self.setup.epsilon is None:
            return f"gap {'reached' if self.reached else 'not reached'} at epsilon {state.epsilon:.3g}"
        text = f"marginal error {state.error:.1e} after {self.sweeps:,} sweeps"
        if self.reached:
            return text
        if state.epsilon != self.setup.epsilon:
            return f"{text}, at epsilon {state.epsilon:.3g}, before {self.setup.epsilon:.3g} was reached"
        wanted = self.values["marginal_tolerance"] * self.mass
        return f"{text}; asked for {wanted:.1e}: try sinkhorn-newton or a larger epsilon"


ENGINE = Sinkhorn()
