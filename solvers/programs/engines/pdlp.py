"""PDLP: very large linear programs (and diagonal quadratic ones) by a first-order method, through OR-Tools' MathOpt.

D. Applegate et al., Practical large-scale linear programming using primal-dual hybrid gradient,
https://arxiv.org/abs/2106.04756.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import EngineFailure, OutOfMemory, UnsupportedProblem
from solvers.programs.answer import Limit, ProgramAnswer, Status
from solvers.programs.engines.answers import answered, beyond_cutoff, not_begun, without_variables
from solvers.programs.engines.pdlp_model import dense, hints_of, model_of
from solvers.programs.engines.points import accurate, dual_bound, point_at, reduced_costs_of
from solvers.programs.engines.rays import cleaned, farkas_excess, improves_forever
from solvers.programs.engines.settings import Settings, can_solve, settings_of
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program

SPEC = EngineSpec(
    id="pdlp",
    family="program",
    version=version("ortools"),
    title="PDLP",
    summary="Linear programs too large for factorizations, by a first-order method",
    solves=frozenset({"linear", "quadratic-objective"}),
    capabilities=frozenset({"warm-start", "duals", "rays", "progress", "log", "deterministic", "threads"}),
    options=(
        Option("feasibility_polishing", "boolean", False, "Favour a small violation of the rows over a small gap"),
        Option("glop_presolve", "boolean", False, "Presolve with Glop; then there are no rays"),
    ),
    process_group="ortools",
    requires=("ortools.math_opt.core.python.solver", "ortools.math_opt.callback_pb2", "ortools.pdlp.solvers_pb2"),
    citation="https://arxiv.org/abs/2106.04756",
)


class PdlpEngine:
    """See ``solvers.core.engine.Engine``. Quadratic objectives must be diagonal."""

    spec = SPEC

    def check(self, problem: Program) -> None:
        """Raise ``UnsupportedProblem`` for products of different variables in the objective."""
        refuse_cross_terms(problem)

    def solve(self, problem: Program, options: Mapping[str, Any], context: Context) -> ProgramAnswer:
        settings = settings_of(SPEC, problem, options)
        self.check(problem)
        if not problem.n:
            return without_variables(problem, SPEC)
        try:
            return _solve(problem, settings, context)
        except MemoryError as error:
            raise OutOfMemory(f"PDLP ran out of memory: {error}") from error


ENGINE = PdlpEngine()


def refuse_cross_terms(problem: Program) -> None:
    """PDLP takes sums of squares only."""
    if problem.Q is not None and not _is_diagonal(problem.Q):
        raise UnsupportedProblem(
            "PDLP takes quadratic objectives without products of different variables only",
            pointer="/Q",
            hint=can_solve(problem, but="pdlp"),
        )


def _is_diagonal(Q: sp.csr_array) -> bool:
    entries = sp.coo_array(Q)
    return bool((entries.row == entries.col).all())


def _solve(problem: Program, settings: Settings, context: Context) -> ProgramAnswer:
    from ortools.util.python import solve_interrupter

    interrupter = solve_interrupter.SolveInterrupter()
    watch = Watch(context, time_limit=settings["time_limit"], interrupt=interrupter.interrupt, keep_log=settings["log"])
    with watch:
        if watch.stopped:
            return not_begun(SPEC, watch)
        run = _Run(problem, settings, watch, interrupter)
        status, limit, found = run.solve()
        if status == "optimal" and beyond_cutoff(problem, settings["cutoff"], found):
            status, limit = "no-solution", "cutoff"
        iterations = run.iterations
        watch.note_end(found.get("objective"), found.get("bound"), iterations=iterations)
        found["statistics"] = {"iterations": iterations, "seconds": watch.seconds}
    return answered(SPEC, status, limit, found)


#: PDLP's tolerances as multiples of the user's: sharper while the answer, judged by the user's, is imprecise.
_SHARPNESS = (0.5, 0.05, 0.005)

#: A line of PDLP's table: iterations, seconds, relative residuals and gap, objectives.
_ROW = re.compile(r"^\s*(\d+)\s+([\d.]+)\s*\|\s*(\S+)\s+(\S+)\s+(\S+)\s*\|\s*(\S+)\s+(\S+)")


class _Run:
    """One solve: the same model, with sharper tolerances as often as needed, each from the last answer."""

    def __init__(self, problem: Program, settings: Settings, watch: Watch, interrupter: Any) -> None:
        self._problem = problem
        self._settings = settings
        self._watch = watch
        self._interrupter = interrupter
        self._model = model_of(problem)
        self.iterations = 0

    def solve(self) -> tuple[Status, Limit | None, dict[str, Any]]:
        start = self._settings.start
        x = None if start is None else start.x
        y = None if start is None else start.row_duals
        best: tuple[Status, Limit | None, dict[str, Any]] | None = None
        for sharpness in _SHARPNESS:
            status, limit, found = self._read(self._call(sharpness, x, y))
            if status in ("imprecise", "optimal", "infeasible", "unbounded") or best is None:
                best = status, limit, found
            if status != "imprecise" or self._watch.stopped:
                break
            x, y = found["x"], found["row_duals"]
        assert best is not None
        return best

    def _call(self, sharpness: float, x: np.ndarray | None, y: np.ndarray | None) -> Any:
        from ortools.math_opt import callback_pb2, parameters_pb2
        from ortools.math_opt.core.python import solver
        from ortools.math_opt.python import init_arguments
        from ortools.pdlp import solvers_pb2

        settings, watch = self._settings, self._watch
        parameters = parameters_pb2.SolveParametersProto()
        if np.isfinite(watch.remaining):
            parameters.time_limit.FromNanoseconds(int(watch.remaining * 1e9))
        parameters.threads = settings["threads"]
        own = parameters.pdlp
        own.verbosity_level = 2
        own.log_interval_seconds = 0.2
        own.use_feasibility_polishing = settings["feasibility_polishing"]
        own.presolve_options.use_glop = settings["glop_presolve"]
        criteria = own.termination_criteria
        # componentwise: each row within its own side's tolerance, as the user means it
        criteria.eps_primal_infeasible = criteria.eps_dual_infeasible = 1e-10
        criteria.optimality_norm = solvers_pb2.OPTIMALITY_NORM_L_INF_COMPONENTWISE
        detailed = criteria.detailed_optimality_criteria
        primal, dual = settings["primal_tolerance"] * sharpness, settings["dual_tolerance"] * sharpness
        detailed.eps_optimal_primal_residual_absolute = detailed.eps_optimal_primal_residual_relative = primal
        detailed.eps_optimal_dual_residual_absolute = detailed.eps_optimal_dual_residual_relative = dual
        detailed.eps_optimal_objective_gap_absolute = detailed.eps_optimal_objective_gap_relative = dual
        if settings["iteration_limit"] is not None:
            criteria.iteration_limit = max(0, settings["iteration_limit"] - self.iterations)
        hints = hints_of(x, y)
        try:
            result = solver.solve(
                self._model,
                parameters_pb2.SOLVER_TYPE_PDLP,
                init_arguments.StreamableSolverInitArguments().to_proto(),
                parameters,
                hints,
                self._heard,
                callback_pb2.CallbackRegistrationProto(),
                None,
                self._interrupter.pybind_interrupter,
            )
        except MemoryError:
            raise
        except Exception as error:
            raise EngineFailure(f"PDLP: {error}") from error
        self.iterations += int(result.solve_stats.first_order_iterations)
        return result

    def _heard(self, lines: Sequence[str]) -> None:
        try:
            for line in lines:
                self._watch.log(line + "\n")
                row = _ROW.match(line)
                if row is not None:
                    self._watch.note(
                        iterations=self.iterations + int(row[1]),
                        primal_residual=float(row[3]),
                        dual_residual=float(row[4]),
                        gap=abs(float(row[5])),
                        objective=float(row[6]),
                        bound=float(row[7]),
                    )
        except BaseException as error:  # must not cross OR-Tools
            self._watch.fail(error)

    def _read(self, result: Any) -> tuple[Status, Limit | None, dict[str, Any]]:
        from ortools.math_opt import result_pb2

        problem = self._problem
        reason, limit = result.termination.reason, self._limit(result.termination.limit)
        name = result_pb2.TerminationReasonProto.Name(reason).removeprefix("TERMINATION_REASON_").lower()
        found: dict[str, Any] = {"message": f"PDLP: {name}"}
        for ray in result.dual_rays:
            y = dense(ray.dual_values, problem.m)
            for candidate in (y, -y):
                if farkas_excess(problem, candidate) > 0.0:
                    found["dual_ray"] = cleaned(problem, candidate)
                    return "infeasible", None, found
        for ray in result.primal_rays:
            direction = dense(ray.variable_values, problem.n)
            if improves_forever(problem, direction):
                found["primal_ray"] = direction / np.abs(direction).max()
        if reason == result_pb2.TERMINATION_REASON_INFEASIBLE:
            return "infeasible", None, found
        if reason in (result_pb2.TERMINATION_REASON_UNBOUNDED, result_pb2.TERMINATION_REASON_INFEASIBLE_OR_UNBOUNDED):
            return self._unbounded(found)
        return (*self._point(result, limit, name, found), found)

    def _limit(self, limit: int) -> Limit | None:
        from ortools.math_opt import result_pb2

        return {
            result_pb2.LIMIT_ITERATION: "iterations",
            result_pb2.LIMIT_TIME: "time",
            result_pb2.LIMIT_MEMORY: "memory",
            result_pb2.LIMIT_INTERRUPTED: self._watch.reason or "other",
        }.get(limit)  # type: ignore[return-value]

    def _point(self, result: Any, limit: Limit | None, name: str, found: dict[str, Any]) -> tuple[Status, Limit | None]:
        problem, settings = self._problem, self._settings
        if not result.solutions:
            return "no-solution", limit or "other"
        solution = result.solutions[0]
        x = np.clip(dense(solution.primal_solution.variable_values, problem.n), problem.lower, problem.upper)
        y = dense(solution.dual_solution.dual_values, problem.m)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return "no-solution", limit or "slow-progress"
        point = point_at(problem, x)
        d = reduced_costs_of(problem, point.x, y)
        bound = dual_bound(problem, point, y, d)
        sound = point.violation <= settings["primal_tolerance"]
        if bound.violation <= settings["dual_tolerance"]:
            found["bound"] = bound.value
        if sound or name == "optimal":
            found.update(x=point.x, objective=point.objective, row_activity=point.activity)
        if accurate(point, bound, primal=settings["primal_tolerance"], dual=settings["dual_tolerance"]):
            found.update(row_duals=y, reduced_costs=d)
            return "optimal", None
        if name == "optimal":
            found.update(row_duals=y, reduced_costs=d)
            return "imprecise", None
        return ("feasible" if sound else "no-solution"), limit or "other"

    def _unbounded(self, found: dict[str, Any]) -> tuple[Status, Limit | None, dict[str, Any]]:
        """The ray shows that there is no optimum; a solve without the objective, whether there is a point."""
        without = replace(self._problem, c=np.zeros(self._problem.n), Q=None, offset=0.0)
        again = _Run(without, self._settings, self._watch, self._interrupter)
        status, limit, point = again.solve()
        self.iterations += again.iterations
        if status == "infeasible":
            return "infeasible", None, {"message": found["message"], "dual_ray": point.get("dual_ray")}
        if status in ("optimal", "feasible"):
            x = point["x"]
            found.update(x=x, objective=self._problem.objective_at(x), row_activity=point["row_activity"])
            return "unbounded", None, found
        return "infeasible-or-unbounded", limit, found
