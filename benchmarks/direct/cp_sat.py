"""CP-SAT through MathOpt."""

from __future__ import annotations

from ortools.math_opt.python import mathopt

from benchmarks.direct import Solve
from benchmarks.direct.mathopt import load_for


def load(path: str, time_limit: float) -> Solve:
    return load_for(mathopt.SolverType.CP_SAT, path, time_limit)
