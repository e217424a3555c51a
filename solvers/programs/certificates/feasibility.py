"""All that makes a point a solution, in one list."""

from __future__ import annotations

from solvers.core.certificate import Check
from solvers.programs.certificates.arithmetic import some
from solvers.programs.certificates.cones import Cones, check_cones
from solvers.programs.certificates.discrete import (
    check_integrality,
    check_rounded,
    check_semi_continuous,
    integral_variables,
)
from solvers.programs.certificates.logic import check_indicators, check_sets
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.primal import check_rows_and_bounds
from solvers.programs.certificates.tolerances import Tolerances
from solvers.programs.problem import SEMI_CONTINUOUS


def feasibility_checks(point: Point, cones: Cones | None, tolerances: Tolerances) -> list[Check]:
    """One check for each kind of constraint that the program has."""
    problem = point.problem
    checks = [check_rows_and_bounds(point, tolerances)]
    if cones is not None:
        checks.append(check_cones(point, cones, tolerances))
    if some(problem.integrality):
        if integral_variables(problem).size:
            checks.append(check_integrality(point, tolerances))
        if some(problem.integrality >= SEMI_CONTINUOUS):
            checks.append(check_semi_continuous(point, tolerances))
    if problem.sos:
        checks.append(check_sets(point, tolerances))
    if problem.indicators:
        checks.append(check_indicators(point, tolerances))
    if all(check.outcome != "failed" for check in checks) and (some(problem.integrality) or problem.sos):
        rounded = check_rounded(point, tolerances)
        if rounded is not None:
            checks.append(rounded)
    return checks
