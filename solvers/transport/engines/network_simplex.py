"""``network-simplex``: exact plans, with POT's network simplex (Bonneel, van de Panne, Paris, Heidrich 2011).

The simplex runs without the interpreter lock in a thread of its own, so that stop requests are heard; it cannot be
interrupted, but is given its iterations in growing portions and ends after the portion at hand. It has no plan before
its end: where a deadline is near, ``sinkhorn-newton`` makes one first, whose potentials it begins from. Floor: O(n m)
memory; measured by the authors of the design notes at n = 1000, 2000, 5000: 0.14, 0.5 to 1.0, 5.6 to 11 s on one core.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import ot
import scipy.sparse as sp

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import EngineFailure, OutOfMemory
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin, stopped_early
from solvers.transport.engines.each import Quiet, solve_each
from solvers.transport.engines.sinkhorn_newton import ENGINE as SINGLE
from solvers.transport.memory import budget
from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.finish import penalty_rounding
from solvers.transport.numerics.reduction import Balanced, balanced, dual_value
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport, TransportBatch
from solvers.transport.start import Start

#: Pivots of the first portion for each node; later portions are twice as long as the one before.
FIRST_PORTION = 500

#: Seconds of the simplex for a million pairs of points; the part of the time left in which it surely ends; and where it
#: may not: the part of the time for a first plan, and its gap.
SECONDS = 0.15
SURE = 0.1
FIRST_SHARE = 0.4
FIRST_GAP = 1e-2

#: Entries below this part of the lighter of their ends are rounding.
DUST = 1e-13

#: Relative gap at which the simplex' own end counts as optimal: what rounding leaves.
EXACT = 1e-9


class NetworkSimplex:
    """See the module."""

    spec = EngineSpec(
        id="network-simplex",
        family="transport",
        version=version("POT"),
        title="Network simplex (POT)",
        summary="Exact plans with at most n + m - 1 non-zeros; the fastest way for up to some thousand points",
        solves=frozenset(
            {
                "batch",
                "points",
                "matrix",
                "unregularized",
                "balanced",
                "partial",
                "unbalanced-tv",
                "semi-relaxed-tv",
                "tv-on-zeros",
            }
        ),
        capabilities=frozenset({"exact", "potentials", "warm-start", "deterministic"}),
        process_group="torch",
        requires=("torch", "ot"),
        citation="doi:10.1145/2070781.2024192; pythonot.github.io",
    )

    def solve(
        self, problem: Transport | TransportBatch, options: Mapping[str, Any], context: Context
    ) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption, OutOfMemory, EngineFailure.
        """
        values = begin(self.spec, problem, options)
        if isinstance(problem, TransportBatch):
            return solve_each(self.spec, self.solve, problem, options, context)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        needed = 8.0 * 4.0 * (problem.n + 1) * (problem.m + 1)
        if needed > budget(values):
            raise OutOfMemory(
                f"the network simplex needs about {needed / 1e6:,.0f} MB for {problem.n:,} x {problem.m:,} costs",
                pointer="/memory_limit",
                hint="engine sinkhorn-newton, which can do without the matrix; or more memory",
            )
        if watch.stopped():
            return self._without_basis(problem, None, watch)
        first = _first(problem, values, watch, context)
        if first is not None and first.status == "optimal" and values["tolerance"] is not None:
            watch.end(objective=first.cost, bound=first.bound)
            return replace(first, engine=self.spec.id, engine_version=self.spec.version)
        if first is not None and values["start"] is None:
            values["start"] = Start(f=first.f, g=first.g)
        form = balanced(problem)
        flow, log = self._run(form, values, watch)
        if flow is None:
            return self._without_basis(problem, first, watch)
        matrix = _without_dust(form, flow)
        f, g = form.potentials(*of_all_nodes(form, log["u"], log["v"]))
        M = form.M[: problem.n, : problem.m]
        plan = form.plan(matrix)
        cost = float(plan.multiply(M).sum()) + penalties(problem, plan)
        bound = dual_value(problem, M, f, g)
        error = 0.0 if form.extended else _marginal_error(problem, plan)
        tolerance = max(values["tolerance"] or EXACT, EXACT) * max(abs(cost), abs(bound))
        rounding = 1e-12 * float(np.abs(M).max()) * float(problem.a.sum()) + penalty_rounding(problem)
        exact = cost - bound <= max(tolerance, rounding)
        exact = exact and math.isfinite(bound)
        watch.end(objective=cost, bound=bound)
        return answered(
            self.spec,
            "optimal" if exact else "feasible",
            None if exact else "slow-progress",
            cost=cost,
            bound=bound,
            plan=SparsePlan(plan),
            f=f,
            g=g,
            marginal_error=error,
            statistics={"seconds": watch.seconds, "nonzeros": int(plan.nnz)},
            message="optimal basis" if exact else "the basis is not optimal to the asked gap",
        )

    def _without_basis(self, problem: Transport, first: TransportAnswer | None, watch: Watch) -> TransportAnswer:
        """When stopped: the plan that was made first, or one in the time of sorting."""
        words = "stopped before an optimal basis was found"
        limit = watch.limit or "iterations"
        watch.end(objective=None if first is None else first.cost, bound=None if first is None else first.bound)
        if first is not None and first.plan is not None:
            found = replace(first, status="feasible", limit=limit, engine=self.spec.id)
            text = f"{words}; this is the plan that Sinkhorn-Newton made before"
            return replace(found, engine_version=self.spec.version, message=text)
        return stopped_early(self.spec, problem, limit, words, {"seconds": watch.seconds})

    def _run(self, form: Balanced, values: dict[str, Any], watch: Watch) -> tuple[np.ndarray | None, dict[str, Any]]:
        """The flow and POT's log; None if told to stop, or at the iteration limit."""
        start = values["start"]
        potentials = None
        if start is not None and start.f is not None and start.g is not None and not form.extended:
            potentials = (np.asarray(start.f, dtype=np.float64), np.asarray(start.g, dtype=np.float64))
        most = values["iteration_limit"]
        portion = FIRST_PORTION * sum(form.M.shape)
        done = 0
        began = watch.seconds
        while True:
            portion = portion if most is None else min(portion, most - done)
            if portion <= 0:
                return None, {}
            found = _in_thread(form, portion, potentials, watch)
            if found is None:
                return None, {}
            flow, log = found
            if log["result_code"] == 1:
                return flow, log
            if log["result_code"] != 3:
                raise EngineFailure(f"network simplex: {log['warning']}")
            done += portion
            began, portion = _next(began, portion, watch)
            potentials = (log["u"], log["v"])


def _first(problem: Transport, values: dict[str, Any], watch: Watch, context: Context) -> TransportAnswer | None:
    """A plan with a gap, in a part of the time, where the simplex may not end in time; None otherwise."""
    left = watch.deadline - time.monotonic()
    expected = SECONDS * (problem.n * problem.m / 1e6) ** 1.3
    if expected < SURE * left or not SINGLE.spec.accepts(problem.features):
        return None
    tolerance = max(values["tolerance"] or FIRST_GAP, 1e-4)
    given = {name: values[name] for name in ("memory_limit", "threads", "seed", "start")}
    options = {**given, "tolerance": tolerance, "time_limit": FIRST_SHARE * left, "device": "cpu"}
    found = SINGLE.solve(problem, options, Quiet(context, watch.deadline))
    if found.cost is None or found.bound is None:
        return None
    watch.note(objective=found.cost, bound=found.bound)
    return found


def _next(began: float, portion: int, watch: Watch) -> tuple[float, int]:
    """When the next portion begins, and its pivots: twice as many, but no more than there seems to be time for."""
    rate = portion / max(watch.seconds - began, 1e-3)
    left = watch.deadline - time.monotonic()
    most = portion * 2 if math.isinf(left) else int(min(portion * 2, rate * max(left, 0.1)))
    return watch.seconds, max(most, 1000)


def _in_thread(
    form: Balanced, portion: int, potentials: tuple[np.ndarray, np.ndarray] | None, watch: Watch
) -> tuple[np.ndarray, dict[str, Any]] | None:
    """POT's flow and log in the units of the form; None if told to stop."""
    mass, unit = float(form.a.sum()), float(np.abs(form.M).max()) or 1.0
    start = None if potentials is None else (potentials[0] / unit, potentials[1] / unit)

    def work() -> tuple[np.ndarray, dict[str, Any]]:
        found: tuple[np.ndarray, dict[str, Any]] = ot.emd(
            form.a / mass,
            form.b / mass,
            form.M / unit,
            numItermax=portion,
            log=True,
            center_dual=False,
            check_marginals=False,
            potentials_init=start,
        )
        return found

    try:
        flow, log = aside(work, watch, "network simplex")
    except Stopped:
        return None
    return flow * mass, {**log, "u": log["u"] * unit, "v": log["v"] * unit}


def _without_dust(form: Balanced, flow: np.ndarray) -> sp.csr_array:
    """The flow's entries, but for those that are rounding: next to nothing of both ends' masses."""
    rows, columns = np.nonzero(flow)
    mass = np.asarray(flow[rows, columns])
    kept = mass > DUST * np.minimum(form.a[rows], form.b[columns])
    matrix = sp.csr_array(sp.coo_array((mass[kept], (rows[kept], columns[kept])), shape=flow.shape))
    matrix.sort_indices()
    return matrix


def of_all_nodes(form: Balanced, f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Feasible potentials for the nodes without mass, of which the simplex knows nothing."""
    f, g = f.copy(), g.copy()
    rows, columns = form.a > 0.0, form.b > 0.0
    if not columns.all():
        g[~columns] = (form.M[rows][:, ~columns] - f[rows, None]).min(axis=0)
    if not rows.all():
        f[~rows] = (form.M[~rows] - g).min(axis=1)
    return f, g


def penalties(problem: Transport, plan: sp.csr_array) -> float:
    """What the marginals cost (total variation)."""
    if problem.variant not in ("unbalanced", "semi-relaxed"):
        return 0.0
    total = 0.0
    for strength, weights, marginal in (
        (problem.strength_a, problem.a, plan.sum(axis=1)),
        (problem.strength_b, problem.b, plan.sum(axis=0)),
    ):
        if np.isfinite(strength):
            total += strength * float(np.abs(np.asarray(marginal).ravel() - weights).sum())
    return total


def _marginal_error(problem: Transport, plan: sp.csr_array) -> float:
    rows = np.asarray(plan.sum(axis=1)).ravel()
    columns = np.asarray(plan.sum(axis=0)).ravel()
    return float(np.abs(rows - problem.a).sum() + np.abs(columns - problem.b).sum())


ENGINE = NetworkSimplex()
