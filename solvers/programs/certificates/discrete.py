"""Integrality, semi-continuity, and what becomes of the point when its discrete parts are made exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.arithmetic import UNIT
from solvers.programs.certificates.cones import Cones, check_cones
from solvers.programs.certificates.logic import check_indicators, surplus_members
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.primal import check_rows_and_bounds
from solvers.programs.certificates.tolerances import Tolerances
from solvers.programs.certificates.violations import verdict
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program


def integral_variables(problem: Program) -> np.ndarray:
    """Indices of the variables that must be whole numbers."""
    return np.flatnonzero((problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER))


def check_integrality(point: Point, tolerances: Tolerances) -> Check:
    problem = point.problem
    members = integral_variables(problem)
    values = point.x[members]
    distances = np.abs(values - np.rint(values))  # exact: the two numbers are close
    worst = int(distances.argmax())
    distance, name = float(distances[worst]), problem.variable_name(int(members[worst]))
    count = members.size
    whole = "The integer variable is" if count == 1 else f"All {count} integer variables are"
    if distance == 0.0:
        text = f"{whole} exactly integral."
    elif distance <= tolerances.integrality:
        text = f"{whole} integral within the tolerance; {name!r} is furthest off, by {distance:.3g}."
    else:
        beyond = int((distances > tolerances.integrality).sum())
        text = f"Variable {name!r} = {values[worst]:.9g} must be integral and is off by {distance:.3g}" + (
            f"; {beyond - 1} more are off." if beyond > 1 else "."
        )
    passed = distance <= tolerances.integrality
    return Check("integrality", verdict(passed), text, distance, tolerances.integrality, "exact")


def check_semi_continuous(point: Point, tolerances: Tolerances) -> Check:
    """Zero, or within the bounds."""
    problem = point.problem
    members = np.flatnonzero(problem.integrality >= SEMI_CONTINUOUS)
    x, lower, upper = point.x[members], problem.lower[members], problem.upper[members]
    allowed_within = tolerances.primal * np.maximum(
        1.0, np.where(x < lower, np.abs(lower), np.where(x > upper, np.abs(upper), 0.0))
    )
    outside = np.maximum(np.maximum(lower - x, x - upper), 0.0)
    nearer_zero = np.abs(x) < outside
    violation = np.where(nearer_zero, np.abs(x), outside)
    allowed = np.where(nearer_zero, tolerances.primal, allowed_within)
    worst = int((violation / allowed).argmax())
    amount, limit = float(violation[worst]), float(allowed[worst])
    name = problem.variable_name(int(members[worst]))
    passed = amount <= limit * (1 + 4 * UNIT)
    if passed:
        text = f"Each of the {members.size} semi-continuous variables is zero or within its bounds."
    else:
        text = (
            f"Variable {name!r} = {x[worst]:.9g} is neither zero nor between {lower[worst]:.9g} and {upper[worst]:.9g}."
        )
    return Check("semi-continuity", verdict(passed), text, amount, limit)


def exact_discrete_point(point: Point, tolerances: Tolerances) -> np.ndarray | None:
    """The point with integer variables rounded, and zero for what counts as zero among semi-continuous variables and
    surplus members of sets; None if that changes nothing."""
    problem = point.problem
    x = point.x.copy()
    members = integral_variables(problem)
    x[members] = np.rint(x[members])
    semi = problem.integrality >= SEMI_CONTINUOUS
    x[semi & (np.abs(x) <= tolerances.primal)] = 0.0
    for group in problem.sos:
        x[surplus_members(group, x)] = 0.0
    return None if np.array_equal(x, point.x) else x


def check_rounded(point: Point, tolerances: Tolerances) -> Check | None:
    """Rows, bounds, cones and indicators at ``exact_discrete_point``: None if that is the point itself.

    A point may satisfy everything within tolerances only because a binary variable that is "zero" is 1e-7: this check
    tells such a point from a solution.
    """
    x = exact_discrete_point(point, tolerances)
    if x is None:
        return None
    rounded = Point(point.problem, point.entries, x)
    checks = [check_rows_and_bounds(rounded, tolerances)]
    if point.problem.indicators:
        checks.append(check_indicators(rounded, tolerances))
    if point.problem.cones:
        checks.append(check_cones(rounded, Cones(point.problem), tolerances))
    failed = next((check for check in checks if check.outcome == "failed"), None)
    decisive = failed or checks[0]
    if failed is None:
        text = "With its discrete variables rounded exactly, the point still satisfies everything."
    else:
        text = "With its discrete variables rounded exactly, the point is no solution: " + _uncapitalized(failed.text)
    return replace(decisive, name="rounded-point", text=text)


def _uncapitalized(text: str) -> str:
    return text[:1].lower() + text[1:]
