"""HiGHS through highspy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import highspy
import numpy as np

from benchmarks.direct import ABSOLUTE_GAP, RELATIVE_GAP, TOLERANCE, Outcome, Solve, plain_file
from solvers.programs.problem import Program

_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "random_seed": 0,
    "mip_rel_gap": RELATIVE_GAP,
    "mip_abs_gap": ABSOLUTE_GAP,
    # Kantor's engine asks for a tenth of what the user accepts; so it is fair to ask for the same here.
    "primal_feasibility_tolerance": TOLERANCE / 10,
    "dual_feasibility_tolerance": TOLERANCE / 10,
    "mip_feasibility_tolerance": TOLERANCE,
}
_STATUSES = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kTimeLimit: "limit",
}


def read(path: str) -> highspy.HighsLp:
    """The model of an MPS file, by HiGHS' own reader."""
    reader = highspy.Highs()
    reader.setOptionValue("output_flag", False)
    with plain_file(path) as name:
        if reader.readModel(name) == highspy.HighsStatus.kError:
            raise ValueError(f"highspy cannot read {path}")
    return reader.getLp()


def load(path: str, time_limit: float) -> Solve:
    lp = read(path)
    return lambda: _solve(lambda highs: highs.passModel(lp), time_limit)


def same_model(problem: Program, time_limit: float) -> Solve:
    """On the model that Kantor's engine builds, entry for entry, so that HiGHS takes the same path."""
    from solvers.programs.engines.highs_model import load as give

    return lambda: _solve(lambda highs: give(highs, problem), time_limit)


def _solve(give: Callable[[highspy.Highs], object], time_limit: float) -> Outcome:
    begin = time.perf_counter()
    highs = highspy.Highs()
    for name, value in _OPTIONS.items():
        highs.setOptionValue(name, value)
    highs.setOptionValue("time_limit", time_limit)
    give(highs)
    highs.run()
    solution = highs.getSolution()
    np.array(solution.col_value), np.array(solution.row_dual)
    seconds = time.perf_counter() - begin
    info = highs.getInfo()
    objective = info.objective_function_value
    work = info.simplex_iteration_count
    status = _STATUSES.get(highs.getModelStatus(), "other")
    return Outcome(status, objective if math.isfinite(objective) else None, seconds, int(work))
