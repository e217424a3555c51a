"""``quadratic``: transport with a quadratic regularization, whose plans are sparse; by annealed semi-smooth Newton on
the semi-dual.

Floor: a step is some 10 sweeps over the costs (the projections) and one sparse factorization; piecewise linear
gradients give finite convergence near the end. Predicted 0.5 to 1 s for n = 1000 on one core.

Sources: Blondel, Seguy, Rolet (2018); Lorenz, Manns, Meyer (2021); elimination of the targets as in
    ``numerics.projected``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from solvers.core.engine import Context, EngineSpec, LocalContext
from solvers.core.errors import OutOfMemory
from solvers.transport.answer import Limit, TransportAnswer
from solvers.transport.engines.common import answered, begin, stopped_early
from solvers.transport.engines.line import staircase
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.basis import PAIRS, basic_potentials
from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.newton import Newton
from solvers.transport.numerics.passes import Passes
from solvers.transport.numerics.projected import Projection, Projector, schedule
from solvers.transport.numerics.setup import Setup, prepare
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport

#: Marginal error at which a level that is not the last is left.
LEVEL_ERROR = 0.02

#: Gap of a repaired plan, where rounding leaves no exact marginals, that is optimal all the same.
SMALL_GAP = 1e-9


class Quadratic:
    """See the module; ``sparse`` shares it."""

    spec = EngineSpec(
        id="quadratic",
        family="transport",
        version="1",
        title="Quadratic (semi-smooth Newton)",
        summary="Quadratically regularized transport: sparse plans without the blur of entropy",
        solves=frozenset({"points", "matrix", "balanced", "quadratic"}),
        capabilities=frozenset({"potentials", "progress", "deterministic"}),
        process_group="torch",
        requires=("torch",),
        citation="arXiv:1710.06276; arXiv:1903.01112",
    )

    def solve(self, problem: Transport, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption, InvalidProblem, OutOfMemory.
        """
        values = {**begin(self.spec, problem, options), "device": "cpu"}
        torch.set_num_threads(int(values["threads"]))
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        setup = prepare(problem, values, flip=False, matrices=5.0)
        if not setup.keep:
            raise OutOfMemory(
                f"{self.spec.id} keeps plans of {problem.n:,} x {problem.m:,}",
                pointer="/memory_limit",
                hint="fewer points",
            )
        run = _Run(setup, watch, values)
        try:
            run.work()
        except Stopped:
            run.limit = watch.limit
            run.rescue()
        return self._answer(run)

    def _answer(self, run: _Run) -> TransportAnswer:
        watch, state, setup = run.watch, run.state, run.setup
        statistics = {
            "iterations": run.steps,
            "passes": run.projector.passes,
            **run.newton.counts,
            "seconds": watch.seconds,
        }
        if state is None:
            return stopped_early(self.spec, setup.problem, watch.limit, "stopped before the first level", statistics)
        reached = run.finished and state.error <= run.wanted
        limit: Limit | None = None if reached else run.limit or "slow-progress"
        if not reached and setup.problem.max_nonzeros is not None:
            return self._tied(run, state, statistics)
        text = f"marginal error {state.error:.1e} after {run.steps} Newton steps"
        repaired = run.repaired(state)
        found = run.evaluate(repaired)
        gap, size = found["objective"] - found["objective_bound"], abs(found["objective"])
        if not reached and run.finished and run.limit is None and gap <= SMALL_GAP * size:
            reached, limit, text = True, None, f"{text}, repaired"
        watch.end(objective=found["objective"], bound=found["objective_bound"], marginal_error=state.error)
        return answered(
            self.spec,
            "optimal" if reached else "feasible",
            limit,
            **found,
            epsilon_from=setup.epsilon_from,
            statistics={**statistics, "nonzeros": int(found["plan"].matrix.nnz), "trace": watch.trace},
            message=text,
        )

    def _tied(self, run: _Run, state: Projection, statistics: dict[str, Any]) -> TransportAnswer:
        """Where the dual gives no plan of the problem (ties at the optimum, where the k-sparse problem and its
        relaxation differ, or a stop), it proves the bound, and the plan comes from elsewhere."""
        most = run.setup.problem.max_nonzeros
        assert most is not None
        words = "supports are tied at the optimum, where the k-sparse problem and its relaxation differ"
        if not run.finished:
            words = "ended before the dual was solved"
        plan, impossible = run.supported(state, most)
        limit = run.limit or run.watch.limit
        statistics = {**statistics, "seconds": run.watch.seconds, "trace": run.watch.trace}
        if plan is None:
            text = f"no plan with these marginals and at most {most} non-zeros a column was found"
            if impossible:
                text = f"there is no plan with these marginals and at most {most} non-zeros a column (shown by HiGHS)"
            return answered(
                self.spec,
                "no-solution",
                limit or "other",
                statistics=statistics,
                message=f"{text}: a larger max_nonzeros is needed",
            )
        found = run.evaluate(replace(state, T=plan, error=0.0))
        run.watch.end(objective=found["objective"], bound=found["objective_bound"])
        statistics |= {"nonzeros": int(found["plan"].matrix.nnz)}
        return answered(
            self.spec,
            "feasible",
            limit,
            **found,
            epsilon_from=run.setup.epsilon_from,
            statistics=statistics,
            message=f"{words}: the plan is as good as its gap says",
        )


class _Run:
    """One solve. Targets are rows here: the geometry is transposed."""

    def __init__(self, setup: Setup, watch: Watch, values: dict[str, Any]) -> None:
        self.setup, self.watch = setup, watch
        dense = setup.geometry.dense
        assert dense is not None
        #: Costs are kept less these parts of sources and targets, which change no plan and would hide its digits.
        self.shift_b = dense.amin(0)
        reduced = dense - self.shift_b
        self.shift_a = reduced.amin(1)
        reduced -= self.shift_a[:, None]
        self.geometry = Geometry(
            None, None, np.ascontiguousarray(reduced.numpy().T), "matrix", 2.0, device=dense.device, keep=True
        )
        assert setup.epsilon is not None
        self.epsilon = (
            setup.epsilon * setup.scale
        )  # weights are divided by the scale: e |P|^2 / 2 = scale * (e scale) |P'|^2 / 2
        self.projector = Projector(self.geometry, setup.b, setup.a, None, watch)
        self.newton = Newton(Passes(self.geometry, setup.b, setup.a, watch, keep=True))
        self.wanted = float(values["marginal_tolerance"])
        self.most = values["iteration_limit"]
        self.seed = int(values["seed"])
        self.state: Projection | None = None
        self.alpha: torch.Tensor | None = None
        self.steps = 0
        self.finished = False
        self.limit: Any = None

    def work(self) -> None:
        setup = self.setup
        alpha = torch.zeros_like(setup.a)
        levels = schedule(self.geometry.spread(), self.epsilon, min(self.geometry.n, self.geometry.m))
        for epsilon in levels:
            last = epsilon == self.epsilon
            state, steps = self.projector.solve(alpha, epsilon, self.wanted if last else LEVEL_ERROR, self.newton)
            self.steps += steps
            if last and state.error > self.wanted and self.geometry.n * self.geometry.m <= PAIRS:
                state = self._from_basis(state)
            self.alpha = alpha = state.alpha
            if self.most is not None and self.steps >= self.most and not last:
                self.limit = "iterations"
                return self.rescue()
        self.projector.limit_to(setup.problem.max_nonzeros)
        k = self.projector.k
        if k is not None and int((state.T > 0.0).sum(1).max()) > k:
            # from the potentials of the problem without the limit, whose plan is not so sparse
            state, steps = self.projector.solve(alpha, self.epsilon, self.wanted, self.newton)
            self.steps += steps
        self.state, self.finished = state, True
        return None

    def _from_basis(self, state: Projection) -> Projection:
        """The state, or a better one from the potentials of a basis, where epsilon is next to nothing."""
        dense = self.geometry.dense
        assert dense is not None
        arrays = (dense.numpy().T, self.setup.a.numpy(), self.setup.b.numpy())
        f, _, flow = aside(partial(basic_potentials, *arrays, self.epsilon, entropic=False), self.watch, "POT")
        alpha, T = torch.from_numpy(f), torch.from_numpy(np.ascontiguousarray(flow.T))
        other, steps = self.projector.solve(alpha, self.epsilon, self.wanted, self.newton)
        self.steps += steps
        if other.error > self.wanted:  # its plan may be all rounding, the flow is none
            flown = replace(self.projector.at(alpha, self.epsilon), T=T, error=0.0)
            value = float((T * dense).sum()) + 0.5 * self.epsilon * float((T * T).sum())
            other = flown if value - flown.value <= SMALL_GAP * abs(value) else other
        return other if other.error < state.error else state

    def rescue(self) -> None:
        """A plan at the latest potentials, after a stop; of a k-sparse problem at any: its plan is made from less."""
        most = self.setup.problem.max_nonzeros
        if self.alpha is None and most is not None:
            self.alpha = torch.zeros_like(self.setup.a)
        if self.state is None and self.alpha is not None:
            self.projector.limit_to(most)
            self.projector.watch = Watch(LocalContext())
            self.state = self.projector.at(self.alpha, self.epsilon)

    def supported(self, state: Projection, most: int) -> tuple[torch.Tensor | None, bool]:
        """A plan of the problem with at most so many non-zeros a target, (target, source), by its supports; and whether
        it is known that there is none."""
        from solvers.transport.numerics.tied import supported

        M = self.geometry.dense
        assert M is not None
        arrays = (M.numpy().T, self.setup.a.numpy(), self.setup.b.numpy(), state.T.numpy().T)
        found = supported(*arrays, most, self.epsilon, self.watch, self.seed)
        plan = None if found.plan is None else torch.from_numpy(np.ascontiguousarray(found.plan.T))
        return plan, found.impossible

    def repaired(self, state: Projection) -> Projection:
        """With exact marginals: entries of what has too much are scaled down, and what is then missing follows a
        staircase, which adds at most n + m - 1 entries."""
        a, b, T = self.setup.a, self.setup.b, state.T
        off = float((T.sum(0) - a).abs().sum() + (T.sum(1) - b).abs().sum())
        if off <= self.wanted or self.setup.problem.max_nonzeros is not None:
            return state
        T = T * (a / T.sum(0).clamp_min(1e-290)).clamp(max=1.0)
        T *= (b / T.sum(1).clamp_min(1e-290)).clamp(max=1.0)[:, None]
        missing_a, missing_b = (a - T.sum(0)).clamp_min(0.0), (b - T.sum(1)).clamp_min(0.0)
        if float(missing_a.sum()) > 0.0 and float(missing_b.sum()) > 0.0:
            i, j, mass = staircase(missing_a.numpy(), missing_b.numpy())
            T.index_put_((torch.from_numpy(j), torch.from_numpy(i)), torch.from_numpy(mass), accumulate=True)
        return replace(state, T=T)

    def evaluate(self, state: Projection) -> dict[str, Any]:
        """The numerical fields of the answer."""
        setup, scale = self.setup, self.setup.scale
        problem = setup.problem
        T = state.T.numpy()
        M = self.geometry.dense
        assert M is not None
        shifts = float(torch.dot(setup.a, self.shift_a) + torch.dot(setup.b, self.shift_b))
        cost = float((state.T * M).sum()) + shifts
        lowest = (M - state.alpha).amin(1)
        f, g = np.full(problem.n, np.nan), np.full(problem.m, np.nan)
        f[setup.rows] = (state.alpha + self.shift_a).numpy()
        g[setup.columns] = (self.shift_b - state.beta).numpy()
        _fill(problem, f, g)
        entries = sp.coo_array(T.T * scale)
        where = (setup.rows[entries.coords[0]], setup.columns[entries.coords[1]])
        matrix = sp.csr_array(sp.coo_array((entries.data, where), shape=(problem.n, problem.m)))
        matrix.sort_indices()
        return {
            "cost": scale * cost,
            "bound": scale * (float(torch.dot(setup.a, state.alpha) + torch.dot(setup.b, lowest)) + shifts),
            "objective": scale * (cost + 0.5 * self.epsilon * float((state.T * state.T).sum())),
            "objective_bound": scale * (state.value + shifts),
            "epsilon": setup.epsilon,
            "marginal_error": scale * state.error,
            "plan": SparsePlan(matrix),
            "f": f,
            "g": g,
        }


def _fill(problem: Transport, f: np.ndarray, g: np.ndarray) -> None:
    """Potentials of nodes without mass: so low that they carry nothing."""
    from solvers.transport.numerics.geometry import matrix_of

    if np.isnan(f).any() or np.isnan(g).any():
        M = matrix_of(problem)
        rows, columns = np.isnan(f), np.isnan(g)
        g[columns] = (M[~rows][:, columns] - f[~rows, None]).min(axis=0)
        f[rows] = (M[rows] - g).min(axis=1)


ENGINE = Quadratic()
