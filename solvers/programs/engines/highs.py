"""HiGHS: linear and mixed-integer programs, and small convex quadratic ones.

Q. Huangfu and J. A. J. Hall, Parallelizing the dual revised simplex method, Math. Prog. Computation 10 (2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import EngineFailure, OutOfMemory
from solvers.programs.answer import Limit, ProgramAnswer, ScenarioAnswer, Status
from solvers.programs.engines.answers import answered, beyond_cutoff, not_begun, without_point, without_variables
from solvers.programs.engines.highs_model import (
    DUAL_SIMPLEX,
    PRIMAL_SIMPLEX,
    give_start,
    load,
    refuse_semi_variables,
    set_options,
    use_threads,
)
from solvers.programs.engines.settings import Settings, settings_of
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program

if TYPE_CHECKING:
    from highspy import Highs

    from solvers.programs.engines.highs_events import Events
    from solvers.programs.scenarios import Scenarios

SPEC = EngineSpec(
    id="highs",
    family="program",
    version=version("highspy"),
    title="HiGHS",
    summary="Linear and mixed-integer programs of any size, with duals, basis, sensitivity and infeasibility analysis",
    solves=frozenset({"linear", "integer", "semi-continuous", "quadratic-objective"}),
    excludes=(frozenset({"integer", "quadratic-objective"}), frozenset({"semi-continuous", "quadratic-objective"})),
    capabilities=frozenset(
        {
            "warm-start",
            "duals",
            "basis",
            "ranging",
            "rays",
            "iis",
            "relaxation",
            "pool",
            "incumbents-in",
            "incumbents-out",
            "progress",
            "log",
            "deterministic",
            "threads",
        }
    ),
    options=(
        Option(
            "crossover", "boolean", True, "After an interior-point or first-order solve, move to a vertex with a basis"
        ),
        Option("heuristic_effort", "float", 0.05, "Share of the effort spent on heuristics", minimum=0.0, maximum=1.0),
        Option("detect_symmetry", "boolean", True, "Look for and use symmetries of mixed-integer programs"),
    ),
    process_group="highs",
    requires=("highspy",),
    citation="https://doi.org/10.1007/s12532-017-0130-5",
)


class HighsEngine:
    """See ``solvers.core.engine.Engine``. An infeasible or unbounded answer carries a ray wherever HiGHS finds one."""

    spec = SPEC

    def check(self, problem: Program) -> None:
        """Raise ``UnsupportedProblem`` for what HiGHS cannot take although its specification says so."""
        refuse_semi_variables(problem)

    def solve(self, problem: Program, options: Mapping[str, Any], context: Context) -> ProgramAnswer:
        settings = settings_of(SPEC, problem, options)
        self.check(problem)
        if not problem.n:
            return without_variables(problem, SPEC)
        try:
            return _solve(problem, settings, context)
        except MemoryError as error:
            raise OutOfMemory(f"HiGHS ran out of memory: {error}") from error

    def solve_scenarios(
        self, problem: Program, scenarios: Scenarios, options: Mapping[str, Any], context: Context
    ) -> Iterator[ScenarioAnswer]:
        """See ``solvers.programs.batch``: the live model is changed and solved again from the last basis."""
        from solvers.programs.engines.highs_scenarios import run_scenarios

        settings = settings_of(SPEC, problem, options)
        self.check(problem)
        with Watch(context, time_limit=settings["time_limit"], keep_log=False) as watch:
            yield from run_scenarios(problem, scenarios, settings, watch)


ENGINE = HighsEngine()

#: Violations of a reported optimum above this are no matter of tolerances.
UNSOUND = 1e-6


def _solve(problem: Program, settings: Settings, context: Context) -> ProgramAnswer:
    highs, events = prepare(problem, settings)
    watch = _watch(events, settings, context)
    try:
        with watch:
            if watch.stopped:
                return not_begun(SPEC, watch)
            set_options(highs, problem, settings, watch.remaining)
            give_start(highs, problem, settings)
            events.connect(watch, offers=context.offers)
            _run(highs, problem, watch)
            return _result(highs, events, problem, settings, watch)
    finally:
        events.disconnect()


def _run(highs: Highs, problem: Program, watch: Watch) -> None:
    """Run; where HiGHS gives up for numerical trouble, try its other algorithms, or its regularization of a quadratic
    program (whose answer is judged by the program itself, like any other)."""
    import highspy

    highs.run()
    S = highspy.HighsModelStatus
    gave_up = (S.kUnknown, S.kSolveError, S.kNotset)
    failed = highs.getModelStatus() in gave_up or (problem.Q is not None and not _sound(highs, problem))
    if problem.Q is not None and failed and not watch.stopped:
        highs.clearSolver()
        highs.setOptionValue("qp_regularization_value", 1e-9)
        highs.setOptionValue("time_limit", highs.getRunTime() + watch.remaining)
        highs.run()
    if problem.features != {"linear"}:
        return
    for solver, strategy, presolve in (("simplex", PRIMAL_SIMPLEX, "off"), ("ipm", DUAL_SIMPLEX, "on")):
        if highs.getModelStatus() != highspy.HighsModelStatus.kUnknown or watch.stopped:
            return
        highs.clearSolver()
        highs.setOptionValue("solver", solver)
        highs.setOptionValue("simplex_strategy", strategy)
        highs.setOptionValue("presolve", presolve)
        highs.setOptionValue("time_limit", highs.getRunTime() + watch.remaining)
        highs.run()


def _sound(highs: Highs, problem: Program) -> bool:
    """False where an optimum is reported whose numbers are none, or which breaks its own conditions: the active set
    method does so on degenerate programs (support vector machines) with directions of no curvature."""
    import highspy

    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return True
    info = highs.getInfo()
    if not math.isfinite(info.objective_function_value) or not info.max_primal_infeasibility <= UNSOUND:
        return False
    if problem.Q is None:
        return True
    found = highs.getSolution()
    x, y, z = (np.array(part) for part in (found.col_value, found.row_dual, found.col_dual))
    slope = problem.c + problem.Q @ x
    rest = slope - problem.A.T @ y - z
    low, high = x - problem.lower > UNSOUND, problem.upper - x > UNSOUND
    side = 1.0 if problem.sense == "min" else -1.0
    # away from its bounds a variable has no reduced cost
    loose = np.where(low & (side * z > 0.0), z, 0.0) + np.where(high & (side * z < 0.0), z, 0.0)
    return bool(
        max(np.abs(rest).max(initial=0.0), np.abs(loose).max(initial=0.0)) <= UNSOUND * (1.0 + np.abs(slope).max())
    )


def _result(highs: Highs, events: Events, problem: Program, settings: Settings, watch: Watch) -> ProgramAnswer:
    from solvers.programs.engines.highs_answer import improving_pool, outcome, parts

    status, limit = outcome(highs, settings)
    limit = _why(watch, events, limit)
    message = highs.modelStatusToString(highs.getModelStatus())
    if status == "error":
        if problem.Q is None:
            raise EngineFailure(f"HiGHS: {message}")
        status, limit = None, "slow-progress"  # its active-set method gave up
    found = parts(highs, problem, settings, status)
    if status in ("infeasible", "unbounded", "infeasible-or-unbounded"):
        status, limit = _explain(highs, problem, settings, watch, status, found)
    if settings["pool_size"] > 1:
        found["pool"] = improving_pool(events.pool, problem, found.get("x"))
    status, limit = _judge(problem, settings, status, limit, found)
    statistics = found["statistics"]
    watch.note_end(found.get("objective"), found.get("bound"), **_counts(statistics))
    statistics["seconds"] = watch.seconds
    found.setdefault("message", f"stopped: {watch.reason}" if watch.stopped else f"HiGHS: {message}")
    return answered(SPEC, status, limit, found)


def prepare(problem: Program, settings: Settings) -> tuple[Highs, Events]:
    """A HiGHS that holds the problem, quiet, with callbacks that keep its log until they are connected."""
    import highspy

    from solvers.programs.engines.highs_events import Events

    use_threads(settings["threads"])
    highs = highspy.Highs()
    highs.setOptionValue("log_to_console", False)
    events = Events(highs, problem, pool_size=settings["pool_size"])
    events.bound_cutoff = settings["cutoff"] if problem.discrete else None
    events.iteration_limit = settings["iteration_limit"]
    try:
        load(highs, problem)
    except BaseException as error:
        events.disconnect()
        if isinstance(error, EngineFailure):
            raise EngineFailure(f"{error}: {events.errors}") from None
        raise
    return highs, events


def _watch(events: Events, settings: Settings, context: Context) -> Watch:
    return Watch(
        context,
        time_limit=settings["time_limit"],
        interrupt=events.interrupt,
        sample=events.sample,
        keep_log=settings["log"],
    )


def _why(watch: Watch, events: Events, limit: Limit | None) -> Limit | None:
    if limit != "cancelled":
        return limit
    if events.cut_off:
        return "cutoff"
    if events.iterations_spent:
        return "iterations"
    return watch.reason or "other"


def _explain(
    highs: Highs, problem: Program, settings: Settings, watch: Watch, status: Status, found: dict[str, Any]
) -> tuple[Status, Limit | None]:
    """Rays, and which of the two it is; then what was asked for about infeasible programs."""
    from solvers.programs.engines.highs_iis import irreducible_subsystem
    from solvers.programs.engines.highs_infeasible import cheapest_relaxation, settle

    status = settle(highs, problem, watch, settings, status, found)
    if status == "infeasible":
        if settings["iis"]:
            found["iis"] = irreducible_subsystem(problem, found.get("dual_ray"), watch, settings)
        if settings["relax"]:
            found["relaxation"] = cheapest_relaxation(problem, watch, settings)
    undecided = status == "infeasible-or-unbounded" and watch.stopped
    return status, watch.reason if undecided else None


def _judge(
    problem: Program, settings: Settings, status: Status | None, limit: Limit | None, found: dict[str, Any]
) -> tuple[Status, Limit | None]:
    """The status that the answer may claim."""
    violation = found.pop("violation", 0.0)
    accurate = found.pop("accurate", True)
    x = found.get("x")
    if beyond_cutoff(problem, settings["cutoff"], found):
        return "no-solution", "cutoff"
    if status is None:
        if x is None or violation > settings["primal_tolerance"]:
            without_point(found)
            return "no-solution", limit
        return "feasible", limit
    if status == "optimal" and (not accurate or violation > settings["primal_tolerance"]):
        found["message"] = "HiGHS reports an optimum, but point and duals do not agree within the tolerances"
        return "imprecise", None
    return status, limit


def _counts(statistics: dict[str, Any]) -> dict[str, int]:
    return {name: statistics[name] for name in ("iterations", "nodes") if name in statistics}
