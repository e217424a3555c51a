"""Clarabel: convex quadratic and second-order cone programs by a homogeneous interior-point method.

P. J. Goulart and Y. Chen, Clarabel: an interior-point solver for conic programs with quadratic objectives,
https://arxiv.org/abs/2405.12762.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import EngineFailure, OutOfMemory
from solvers.programs.answer import Limit, ProgramAnswer, Status
from solvers.programs.engines.answers import answered, beyond_cutoff, not_begun, without_variables
from solvers.programs.engines.clarabel_form import ConicForm
from solvers.programs.engines.points import Point, accurate, dual_bound, point_at, reduced_costs_of
from solvers.programs.engines.rays import cleaned, farkas_excess, improves_forever, largest_entry
from solvers.programs.engines.settings import Settings, settings_of
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program

SPEC = EngineSpec(
    id="clarabel",
    family="program",
    version=version("clarabel"),
    title="Clarabel",
    summary="Convex quadratic and second-order cone programs, to high accuracy, with duals",
    solves=frozenset({"linear", "quadratic-objective", "second-order-cone"}),
    capabilities=frozenset({"duals", "rays", "progress", "log", "deterministic", "threads"}),
    options=(
        Option("equilibrate", "boolean", True, "Scale rows and columns before solving"),
        Option("linear_solver", "string", "auto", "Factorization of the KKT matrix", choices=("auto", "qdldl", "faer")),
    ),
    process_group="clarabel",
    requires=("clarabel",),
    citation="https://arxiv.org/abs/2405.12762",
)


class ClarabelEngine:
    """See ``solvers.core.engine.Engine``. Warm starts, and limits on objective values, mean nothing to it."""

    spec = SPEC

    def solve(self, problem: Program, options: Mapping[str, Any], context: Context) -> ProgramAnswer:
        settings = settings_of(SPEC, problem, options)
        if not problem.n:
            return without_variables(problem, SPEC)
        try:
            return _solve(problem, settings, context)
        except MemoryError as error:
            raise OutOfMemory(f"Clarabel ran out of memory: {error}") from error


ENGINE = ClarabelEngine()


def _solve(problem: Program, settings: Settings, context: Context) -> ProgramAnswer:
    watch = Watch(context, time_limit=settings["time_limit"], keep_log=settings["log"])
    with watch:
        if watch.stopped:
            return not_begun(SPEC, watch)
        form = ConicForm(problem)
        iterations = 0
        for sharpness in _SHARPNESS:
            solution = _run(form, settings, watch, sharpness)
            said = str(solution.status)
            iterations += int(solution.iterations)
            found: dict[str, Any] = {"message": f"Clarabel: {said}"}
            status, limit = _read(problem, form, settings, watch, solution, said, found)
            proved = status == "optimal" or found.get("dual_ray") is not None or found.get("primal_ray") is not None
            if proved or watch.stopped or limit in ("iterations", "time"):
                break
        if status == "optimal" and beyond_cutoff(problem, settings["cutoff"], found):
            status, limit = "no-solution", "cutoff"
        watch.note_end(found.get("objective"), found.get("bound"), iterations=iterations)
        found["statistics"] = {"iterations": iterations, "seconds": watch.seconds}
    return answered(SPEC, status, limit, found)


#: Clarabel's tolerances as multiples of the user's: its are relative to norms of the whole program, the user's to each
#: row's own side. Where the first leave an answer imprecise, it is solved once more to the limit of doubles.
_SHARPNESS = (1e-4, 1e-8)


def _run(form: ConicForm, settings: Settings, watch: Watch, sharpness: float = _SHARPNESS[0]) -> Any:
    import clarabel

    chosen = clarabel.DefaultSettings()
    chosen.verbose = bool(settings["log"])
    chosen.max_threads = settings["threads"]
    chosen.presolve_enable = settings["presolve"]
    chosen.equilibrate_enable = settings["equilibrate"]
    chosen.direct_solve_method = settings["linear_solver"]
    chosen.tol_feas = max(1e-14, settings["primal_tolerance"] * sharpness)
    chosen.tol_gap_abs = chosen.tol_gap_rel = max(1e-14, settings["dual_tolerance"] * sharpness)
    chosen.tol_infeas_rel = chosen.tol_infeas_abs = max(1e-13, sharpness * 1e-6)
    if settings["iteration_limit"] is not None:
        chosen.max_iter = min(settings["iteration_limit"], 2**31 - 1)
    if np.isfinite(watch.remaining):
        chosen.time_limit = watch.remaining

    def after_iteration(info: Any) -> bool:
        try:
            watch.note(
                iterations=info.iterations,
                objective=form.objective(info.cost_primal),
                bound=form.objective(info.cost_dual),
                gap=info.gap_rel,
                primal_residual=info.res_primal,
                dual_residual=info.res_dual,
            )
        except BaseException as error:  # must not cross Clarabel
            watch.fail(error)
        return watch.stopped

    try:
        solver = clarabel.DefaultSolver(form.P, form.q, form.A, form.b, form.cones(), chosen)
    except BaseException as error:  # a panic of its Rust code is not an Exception
        if isinstance(error, (KeyboardInterrupt, MemoryError)):
            raise
        raise EngineFailure(f"Clarabel: {error}") from error
    if settings["log"]:
        solver.print_to_buffer()
    solver.set_termination_callback(after_iteration)
    solution = solver.solve()
    if settings["log"]:
        watch.log(solver.get_print_buffer())
    return solution


_LIMITS: dict[str, Limit] = {
    "MaxIterations": "iterations",
    "MaxTime": "time",
    "NumericalError": "slow-progress",
    "InsufficientProgress": "slow-progress",
    "AlmostSolved": "slow-progress",
    "AlmostPrimalInfeasible": "slow-progress",
    "AlmostDualInfeasible": "slow-progress",
}


def _read(
    problem: Program,
    form: ConicForm,
    settings: Settings,
    watch: Watch,
    solution: Any,
    said: str,
    found: dict[str, Any],
) -> tuple[Status, Limit | None]:
    limit = watch.reason or "other" if said == "CallbackTerminated" else _LIMITS.get(said)
    if said in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
        if _with_ray(problem, form, np.array(solution.z), found):
            return "infeasible", None
        return ("infeasible", None) if said == "PrimalInfeasible" else ("no-solution", limit)
    if said in ("DualInfeasible", "AlmostDualInfeasible"):
        return _unbounded(problem, settings, watch, np.array(solution.x), said, found)
    x = np.array(solution.x)
    if not np.isfinite(x).all():
        return "no-solution", limit
    point = point_at(problem, x)
    optimal = _with_duals(problem, form, settings, point, np.array(solution.z), found)
    sound = point.violation <= settings["primal_tolerance"]
    if sound or said in ("Solved", "AlmostSolved"):
        found.update(x=point.x, objective=point.objective, row_activity=point.activity)
    if optimal:
        return "optimal", None
    if said in ("Solved", "AlmostSolved"):
        return "imprecise", None
    for name in ("row_duals", "reduced_costs", "cone_duals"):
        found.pop(name, None)
    return ("feasible" if sound else "no-solution"), limit


def _with_duals(
    problem: Program, form: ConicForm, settings: Settings, point: Point, z: np.ndarray, found: dict[str, Any]
) -> bool:
    """Put duals and the bound that they prove into ``found``; True if everything agrees within the tolerances."""
    if not np.isfinite(z).all():
        return False
    y, s = form.row_duals(z), form.cone_duals(z)
    d = reduced_costs_of(problem, point.x, y, s)
    bound = dual_bound(problem, point, y, d, s)
    found.update(row_duals=y, reduced_costs=d, cone_duals=s if problem.cones else None)
    if bound.violation <= settings["dual_tolerance"]:
        found["bound"] = bound.value
    return accurate(point, bound, primal=settings["primal_tolerance"], dual=settings["dual_tolerance"])


def _with_ray(problem: Program, form: ConicForm, z: np.ndarray, found: dict[str, Any]) -> bool:
    """Put Farkas multipliers of rows (and cones, in the sense of minimization) into ``found`` if they are a proof."""
    y, s = form.infeasibility(z)
    if not farkas_excess(problem, y, s) > 0.0:
        return False
    size = largest_entry(y, s)
    found["dual_ray"] = cleaned(problem, y, s)
    found["cone_duals"] = tuple(part / size for part in s) if problem.cones else None
    return True


def _unbounded(
    problem: Program, settings: Settings, watch: Watch, ray: np.ndarray, said: str, found: dict[str, Any]
) -> tuple[Status, Limit | None]:
    """Unbounded if there is a point at all: a second solve, without the objective, finds out."""
    if improves_forever(problem, ray):
        found["primal_ray"] = ray / np.abs(ray).max()
    elif said != "DualInfeasible":
        return "no-solution", "slow-progress"
    feasibility = replace(problem, c=np.zeros(problem.n), Q=None, offset=0.0)
    form = ConicForm(feasibility)
    solution = _run(form, settings, watch)
    if str(solution.status) == "PrimalInfeasible":
        found.pop("primal_ray", None)
        _with_ray(problem, form, np.array(solution.z), found)
        return "infeasible", None
    x = np.array(solution.x)
    point = point_at(problem, x) if np.isfinite(x).all() else None
    if point is None or point.violation > settings["primal_tolerance"]:
        return "infeasible-or-unbounded", watch.reason
    found.update(x=point.x, objective=point.objective, row_activity=point.activity)
    return "unbounded", None
