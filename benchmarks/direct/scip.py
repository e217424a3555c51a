"""SCIP through PySCIPOpt. Its reader is the only quick way in, so reading is timed by itself and not counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from pyscipopt import Model

from benchmarks.direct import ABSOLUTE_GAP, RELATIVE_GAP, TOLERANCE, Outcome, Solve
from solvers.programs.problem import Program

_STATUSES = {
    "optimal": "optimal",
    "gaplimit": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "timelimit": "limit",
}


def load(path: str, time_limit: float) -> Solve:
    def read() -> Model:
        model = Model()
        model.hideOutput()
        # as constraints are that were built through the API; those of a reader may be dropped for a while
        model.setParam("reading/dynamicconss", False)
        model.readProblem(path)
        return model

    return lambda: _solve(read, time_limit)


def same_model(problem: Program, time_limit: float) -> Solve:
    """On the model that Kantor's engine builds: SCIP's path hangs on the order in which variables come."""
    from solvers.programs.engines.scip_model import build

    return lambda: _solve(lambda: build(problem).model, time_limit)


def _solve(make: Callable[[], Model], time_limit: float) -> Outcome:
    model = make()
    model.setParam("limits/time", time_limit)
    model.setParam("limits/gap", RELATIVE_GAP)
    model.setParam("limits/absgap", ABSOLUTE_GAP)
    model.setParam("numerics/feastol", TOLERANCE)
    model.setParam("numerics/dualfeastol", TOLERANCE / 10)
    model.setParam("randomization/randomseedshift", 0)
    begin = time.perf_counter()
    model.optimize()
    objective = None
    if model.getNSols():
        best = model.getBestSol()
        [model.getSolVal(best, variable) for variable in model.getVars()]
        objective = model.getObjVal()
    seconds = time.perf_counter() - begin
    outcome = Outcome(_STATUSES.get(model.getStatus(), "other"), objective, seconds, int(model.getNLPIterations()))
    model.freeProb()
    return outcome
