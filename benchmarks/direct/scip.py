"""SCIP through PySCIPOpt. Its reader is the only quick way in, so reading is timed by itself and not counted."""

from __future__ import annotations

import time

from pyscipopt import Model

from benchmarks.direct import ABSOLUTE_GAP, RELATIVE_GAP, TOLERANCE, Outcome, Solve

_STATUSES = {
    "optimal": "optimal",
    "gaplimit": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "timelimit": "limit",
}


def load(path: str, time_limit: float) -> Solve:
    def solve() -> Outcome:
        model = Model()
        model.hideOutput()
        # as constraints are that were built through the API; those of a reader may be dropped for a while
        model.setParam("reading/dynamicconss", False)
        model.readProblem(path)
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
        outcome = Outcome(_STATUSES.get(model.getStatus(), "other"), objective, seconds, int(model.getNTotalNodes()))
        model.freeProb()
        return outcome

    return solve
