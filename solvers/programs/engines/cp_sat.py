"""CP-SAT: integer programs with small integer data, by constraint propagation and clause learning.

L. Perron, F. Didier and S. Gay, The CP-SAT-LP solver, CP 2023, https://doi.org/10.4230/LIPIcs.CP.2023.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import EngineFailure, OutOfMemory
from solvers.programs.answer import Limit, ProgramAnswer, Solution, Status
from solvers.programs.engines.answers import answered, not_begun, without_variables
from solvers.programs.engines.cp_sat_model import CpModel, add_cutoff, add_hint, build
from solvers.programs.engines.cp_sat_scaling import require_exact
from solvers.programs.engines.points import point_at
from solvers.programs.engines.settings import Settings, settings_of
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program

SPEC = EngineSpec(
    id="cp-sat",
    family="program",
    version=version("ortools"),
    title="CP-SAT",
    summary="Pure integer programs with bounded variables and integer data: assignment, scheduling, packing",
    solves=frozenset({"linear", "integer", "semi-continuous", "sos", "indicator"}),
    capabilities=frozenset({"warm-start", "pool", "incumbents-out", "progress", "log", "deterministic", "threads"}),
    options=(
        Option(
            "interleave",
            "boolean",
            False,
            "Run all search strategies by turns: with several threads, that keeps the answer deterministic",
        ),
        Option("max_conflicts", "integer", None, "Largest number of conflicts", minimum=0),
        Option("linearization", "integer", None, "How much goes into the LP relaxation", minimum=0, maximum=2),
    ),
    process_group="ortools",
    requires=("ortools.sat.python.cp_model_helper",),
    citation="https://doi.org/10.4230/LIPIcs.CP.2023.3",
)


class CpSatEngine:
    """See ``solvers.core.engine.Engine``. Everything is scaled to integers exactly, or refused."""

    spec = SPEC

    def check(self, problem: Program) -> None:
        """Raise ``UnsupportedProblem`` unless everything can be scaled to bounded integers."""
        require_exact(problem)

    def solve(self, problem: Program, options: Mapping[str, Any], context: Context) -> ProgramAnswer:
        settings = settings_of(SPEC, problem, options)
        if not problem.n:
            return without_variables(problem, SPEC)
        try:
            return _solve(problem, settings, context)
        except MemoryError as error:
            raise OutOfMemory(f"CP-SAT ran out of memory: {error}") from error


ENGINE = CpSatEngine()


def _solve(problem: Program, settings: Settings, context: Context) -> ProgramAnswer:
    from ortools.sat.python import cp_model_helper

    built = build(problem)
    if settings["cutoff"] is not None:
        add_cutoff(built, problem, settings["cutoff"])
    if settings.start is not None and settings.start.x is not None:
        add_hint(built, settings.start.x)
    solver: Any = cp_model_helper.SolveWrapper()
    watch = Watch(context, time_limit=settings["time_limit"], interrupt=solver.stop_search, keep_log=settings["log"])
    with watch:
        if watch.stopped:
            return not_begun(SPEC, watch)
        solver.set_parameters(_parameters(settings, watch))
        seen = _connect(solver, problem, settings, watch)
        response = solver.solve(built.proto)
        status, limit, found = _read(problem, built, settings, watch, response, seen)
        watch.note_end(found.get("objective"), found.get("bound"), nodes=int(response.num_branches))
    return answered(SPEC, status, limit, found)


def _parameters(settings: Settings, watch: Watch) -> Any:
    from ortools.sat.python import cp_model_helper

    chosen = cp_model_helper.SatParameters()
    chosen.num_workers = settings["threads"]
    chosen.random_seed = settings["seed"]
    chosen.relative_gap_limit = settings["relative_gap"]
    chosen.absolute_gap_limit = settings["absolute_gap"]
    chosen.cp_model_presolve = settings["presolve"]
    chosen.interleave_search = settings["interleave"]
    chosen.log_search_progress = settings["log"]
    chosen.log_to_stdout = False
    chosen.catch_sigint_signal = False
    if np.isfinite(watch.remaining):
        chosen.max_time_in_seconds = watch.remaining
    if settings["max_conflicts"] is not None:
        chosen.max_number_of_conflicts = settings["max_conflicts"]
    if settings["linearization"] is not None:
        chosen.linearization_level = settings["linearization"]
    return chosen


class _Seen:
    """What the callbacks saw: feasible points, and a limit that was reached."""

    def __init__(self) -> None:
        self.callback: Any = None  # CP-SAT does not keep it alive itself
        self.points: list[tuple[float, np.ndarray]] = []
        self.count = 0
        self.limit: Limit | None = None


def _connect(solver: Any, problem: Program, settings: Settings, watch: Watch) -> _Seen:
    from ortools.sat.python import cp_model_helper

    seen = _Seen()
    sign = 1.0 if problem.sense == "min" else -1.0
    target = settings["objective_limit"]

    def found(bound: float, x: np.ndarray) -> None:
        value = problem.objective_at(x)
        watch.incumbent(value, x)
        bound = bound if problem.c.any() else problem.offset
        watch.note(objective=value, bound=bound, gap=abs(value - bound) / max(1.0, abs(value)))
        seen.count += 1
        if settings["pool_size"] > 1:
            seen.points.append((value, x))
            seen.points.sort(key=lambda point: sign * point[0])
            del seen.points[settings["pool_size"] :]
        if target is not None and sign * value <= sign * target:
            seen.limit = "objective"
        elif settings["solution_limit"] is not None and seen.count >= settings["solution_limit"]:
            seen.limit = "solutions"
        if seen.limit is not None or watch.stopped:
            solver.stop_search()

    class Callback(cp_model_helper.SolutionCallback):
        def OnSolutionCallback(self) -> None:  # CP-SAT's name
            try:
                here: Any = self
                x = np.array(list(here.Response().solution)[: problem.n], dtype=np.float64)
                found(self.BestObjectiveBound(), x)
            except BaseException as error:  # must not cross CP-SAT
                watch.fail(error)

    seen.callback = Callback()
    solver.add_solution_callback(seen.callback)
    solver.add_best_bound_callback(lambda bound: watch.note(bound=float(bound)))
    if settings["log"]:
        solver.add_log_callback(lambda text: watch.log(text + "\n"))
    return seen


def _read(
    problem: Program, built: CpModel, settings: Settings, watch: Watch, response: Any, seen: _Seen
) -> tuple[Status, Limit | None, dict[str, Any]]:
    from ortools.sat.python import cp_model_helper

    said = response.status
    words = {
        cp_model_helper.OPTIMAL: "optimal",
        cp_model_helper.FEASIBLE: "feasible",
        cp_model_helper.INFEASIBLE: "infeasible",
        cp_model_helper.MODEL_INVALID: "invalid model",
    }.get(said, "unknown")
    found: dict[str, Any] = {
        "message": f"CP-SAT: {words}",
        "statistics": {
            "nodes": int(response.num_branches),
            "conflicts": int(response.num_conflicts),
            "booleans": int(response.num_booleans),
            "iterations": int(response.num_lp_iterations),
            "seconds": watch.seconds,
            "deterministic_seconds": float(response.deterministic_time),
            "solutions": seen.count,
        },
    }
    if said == cp_model_helper.MODEL_INVALID:
        raise EngineFailure(f"CP-SAT refuses the model: {cp_model_helper.CpSatHelper.validate_model(built.proto)}")
    if said == cp_model_helper.INFEASIBLE:
        return ("no-solution", "cutoff", found) if settings["cutoff"] is not None else ("infeasible", None, found)
    limit = watch.reason or seen.limit or _limit(settings, response)
    if problem.c.any() and said != cp_model_helper.UNKNOWN:
        found["bound"] = float(response.best_objective_bound)
    if said not in (cp_model_helper.OPTIMAL, cp_model_helper.FEASIBLE):
        return "no-solution", limit, found
    point = point_at(problem, np.array(list(response.solution)[: problem.n], dtype=np.float64))
    found.update(x=point.x, objective=point.objective, row_activity=point.activity)
    others = [Solution(value, x) for value, x in seen.points if not np.array_equal(x, point.x)]
    found["pool"] = tuple(others[: settings["pool_size"] - 1])
    if not problem.c.any():
        found["bound"] = problem.offset
        return "optimal", None, found
    if said == cp_model_helper.OPTIMAL:
        return "optimal", None, found
    return "feasible", limit, found


def _limit(settings: Settings, response: Any) -> Limit:
    conflicts = settings["max_conflicts"]
    return "iterations" if conflicts is not None and response.num_conflicts >= conflicts else "time"
