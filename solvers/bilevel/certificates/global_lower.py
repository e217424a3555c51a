"""A small nonconvex lower level solved globally by SCIP's spatial branch and bound, for its lower bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.bilevel.certificates.resolved import Resolved
from solvers.bilevel.problem import Bilevel
from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import SolverError

SECONDS = 5.0
#: The bound is moved down by this share, for the tolerance to which SCIP takes constraints.
SLACK = 1e-8


def globally(problem: Bilevel, x: np.ndarray, known: Resolved, offset: float) -> Resolved:
    """The lower solution at x with a bound, where SCIP finds one in time; else what was known.

    Args:
        offset: what the values of ``known``, and of the result, lack of the lower objective.
    """
    from solvers.bilevel.sources import program
    from solvers.programs.start import Start

    if problem.sources is None:
        return known
    level = problem.lower
    options: dict[str, Any] = {"time_limit": SECONDS, "relative_gap": 1e-9, "primal_tolerance": 1e-9, "log": False}
    if known.y is not None:
        options["start"] = Start(x=known.y)
    try:
        given = program(
            problem.sources.objective("lower", x=x),
            problem.sources.rows("lower", x=x),
            level.lower,
            level.upper,
            level.integrality,
        )
        found = registry.load("program", "scip").solve(given, options, LocalContext(2.0 * SECONDS))
    except (SolverError, ImportError):
        return known
    if found.bound is None or not np.isfinite(found.bound) or found.status not in ("optimal", "feasible", "imprecise"):
        return known
    bound = float(found.bound) - SLACK * (1.0 + abs(float(found.bound))) - offset
    y, value = known.y, known.value
    reached = float(found.objective) - offset if found.x is not None else np.inf
    if y is None and found.x is not None:
        y, value = np.clip(found.x, level.lower, level.upper), reached
    # a bound far below the best point found decides nothing: the gap would fail for want of time, not of truth
    if y is None or value - bound > 1e-6 * (1.0 + abs(value)):
        if found.x is not None and reached < value - 1e-6 * (1.0 + abs(value)):
            return Resolved(np.clip(found.x, level.lower, level.upper), reached)
        return known
    return Resolved(y, value, bound=bound, solver="SCIP")
