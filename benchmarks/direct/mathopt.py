"""OR-Tools' solvers through MathOpt."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from ortools.math_opt.io.python import mps_converter
from ortools.math_opt.python import mathopt
from ortools.pdlp import solvers_pb2

from benchmarks.direct import ABSOLUTE_GAP, RELATIVE_GAP, TOLERANCE, Outcome, Solve, plain_file

_STATUSES = {
    mathopt.TerminationReason.OPTIMAL: "optimal",
    mathopt.TerminationReason.INFEASIBLE: "infeasible",
    mathopt.TerminationReason.UNBOUNDED: "unbounded",
    mathopt.TerminationReason.FEASIBLE: "limit",
    mathopt.TerminationReason.NO_SOLUTION_FOUND: "limit",
}


def load_for(solver: mathopt.SolverType, path: str, time_limit: float) -> Solve:
    """The model is converted once; each solve hands it to the solver anew."""
    with plain_file(path) as name:
        text = Path(name).read_text()
    model = mathopt.Model.from_model_proto(mps_converter.mps_to_model_proto(text))
    parameters = mathopt.SolveParameters(time_limit=timedelta(seconds=time_limit), threads=1)
    if solver == mathopt.SolverType.PDLP:
        parameters.pdlp = _componentwise()
    else:
        parameters.random_seed = 0  # PDLP refuses one
        parameters.relative_gap_tolerance = RELATIVE_GAP
        parameters.absolute_gap_tolerance = ABSOLUTE_GAP

    def solve() -> Outcome:
        begin = time.perf_counter()
        result = mathopt.solve(model, solver, params=parameters)
        values = result.has_primal_feasible_solution()
        if values:
            result.variable_values()
        seconds = time.perf_counter() - begin
        stats = result.solve_stats
        work = stats.first_order_iterations or None  # CP-SAT does not say
        status = _STATUSES.get(result.termination.reason, "other")
        return Outcome(status, result.objective_value() if values else None, seconds, work)

    return solve


def _componentwise() -> solvers_pb2.PrimalDualHybridGradientParams:
    """Tolerances that hold for each row by itself, as Kantor's engine asks for; PDLP's own are for norms."""
    parameters = solvers_pb2.PrimalDualHybridGradientParams()
    criteria = parameters.termination_criteria
    criteria.eps_primal_infeasible = criteria.eps_dual_infeasible = 1e-10
    criteria.optimality_norm = solvers_pb2.OPTIMALITY_NORM_L_INF_COMPONENTWISE
    detailed = criteria.detailed_optimality_criteria
    for what in ("primal_residual", "dual_residual", "objective_gap"):
        for kind in ("absolute", "relative"):
            setattr(detailed, f"eps_optimal_{what}_{kind}", TOLERANCE / 2)
    return parameters
