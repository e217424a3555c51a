"""Is the point within its bounds, and are the rows within their sides?

The rule: a side b may be violated by ``primal_tolerance * max(1, |b|)``. It looks at nothing but the side: neither at
the size of a row's terms nor at norms of the whole program, so that a point which breaks a row that matters to the
user cannot hide behind large numbers elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.arithmetic import Bounded, exact_sum, some
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.tolerances import Tolerances
from solvers.programs.certificates.violations import Violation, verdict, worst_violation
from solvers.programs.problem import SEMI_CONTINUOUS

PRIMAL = "primal-feasibility"


def check_rows_and_bounds(point: Point, tolerances: Tolerances) -> Check:
    """Rows (with their nonlinear parts) and bounds; those of semi-continuous variables are checked apart."""
    problem = point.problem
    lower, upper = problem.lower, problem.upper
    semi = problem.integrality >= SEMI_CONTINUOUS
    if some(semi):
        lower, upper = np.where(semi, -np.inf, lower), np.where(semi, np.inf, upper)
    bounds = worst_violation(
        Bounded(point.x, np.zeros(point.x.size)),
        lower,
        upper,
        tolerances.primal,
        lambda j, *more: exact_sum([float(point.x[j]), *more]),
    )
    rows = worst_violation(point.activity, problem.row_lower, problem.row_upper, tolerances.primal, point.exact_row)
    extended = rows is not None and problem.nonlinear is not None and rows.index in problem.nonlinear.rows
    found = [
        (kind, name, violation)
        for kind, name, violation in (
            ("row", problem.constraint_name, rows),
            ("variable", problem.variable_name, bounds),
        )
        if violation is not None
    ]
    if not found:
        return Check(PRIMAL, "skipped", "The program has neither rows nor variables.")
    kind, name, worst = max(found, key=_severity)
    arithmetic = "extended" if extended and kind == "row" else worst.arithmetic
    passed = not any(violation.failures for _, _, violation in found)
    return Check(PRIMAL, verdict(passed), _text(kind, name, worst), worst.amount, worst.allowed, arithmetic)


def _severity(found: tuple[str, Callable[[int], str], Violation]) -> tuple[bool, float]:
    violation = found[2]
    undefined = violation.amount != violation.amount
    return violation.failures > 0, np.inf if undefined else violation.relative


def _text(kind: str, name: Callable[[int], str], worst: Violation) -> str:
    what = f"{kind} {name(worst.index)!r}"
    if worst.amount != worst.amount:
        return f"The {what} has no value at this point."
    if worst.amount == 0.0 and not worst.failures:
        return "Every row and bound holds."
    size = f"{worst.amount:.3g} (relative {worst.relative:.3g})"
    if not worst.failures:
        return f"Every row and bound holds within the tolerance; the largest violation is {size}, at {what}."
    others = f"; so are {worst.failures - 1} more" if worst.failures > 1 else ""
    direction = "below its lower" if worst.side == "lower" else "above its upper"
    side = "side" if kind == "row" else "bound"
    return f"The {what} is {direction} {side} {worst.limit:.9g} by {size}, more than {worst.allowed:.3g}{others}."
