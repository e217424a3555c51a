"""Does the claimed objective belong to the point?"""

from __future__ import annotations

import math

from solvers.core.certificate import Arithmetic, Check
from solvers.programs.certificates.agreement import check_agreement
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.tolerances import ARITHMETIC_TOLERANCE
from solvers.programs.certificates.violations import verdict


def check_objective(case: Case) -> Check | None:
    """The claimed objective against the recomputed one: they must agree to 1e-9 of max(1, |value|)."""
    if case.point is None:
        return None
    if case.objective_complaint:
        return Check("objective", "failed", f"The claimed objective is unusable: {case.objective_complaint}.")
    value, error = case.point.objective
    if math.isnan(value):
        return Check("objective", "failed", "The objective is not defined at this point.")
    claimed = case.claimed_objective
    if claimed is None:
        return Check("objective", "skipped", f"No objective was claimed; at this point it is {value:.12g}.")
    tolerance = ARITHMETIC_TOLERANCE * max(1.0, abs(value))
    difference = abs(claimed - value)
    arithmetic: Arithmetic = "double"
    if math.isfinite(claimed) and abs(difference - tolerance) <= error:
        value = case.point.exact_objective()
        difference = abs(case.point.exact_objective(-claimed))
        arithmetic = "exact"
    nonlinear = case.problem.nonlinear
    if nonlinear is not None and nonlinear.objective is not None:
        arithmetic = "extended"
    passed = difference <= tolerance
    if passed:
        text = f"The objective at this point is {value:.12g}, as claimed."
    else:
        text = f"The objective at this point is {value:.12g}, not {claimed:.12g}: they differ by {difference:.3g}."
    return Check("objective", verdict(passed), text, difference, tolerance, arithmetic)


def check_activity(case: Case) -> Check | None:
    """The claimed row activities against recomputed ones."""
    if case.point is None or case.answer.row_activity is None:
        return None
    return check_agreement(
        "row-activity",
        "The activity of row",
        case.answer.row_activity,
        case.point.activity,
        case.problem.constraint_name,
        case.tolerances.primal,
    )
