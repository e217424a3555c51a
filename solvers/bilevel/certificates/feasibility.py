"""Bounds, constraints and integrality of both levels at the claimed point; the claimed objective."""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates import sizes
from solvers.bilevel.certificates.case import Case
from solvers.bilevel.certificates.functions import Which
from solvers.core.certificate import Check

#: Of a large side fewer digits can be left to tolerance, or a small term beside it is: its share in a row's scale.
SIDE = 1e-3


def check_level(case: Case, which: Which) -> Check:
    """The largest violation, at the point and with its integers rounded; bounds relative to one plus their size,
    constraints to their largest coefficient (at most one) or a thousandth of their side. Rounding is taken off."""
    level = case.problem.upper if which == "upper" else case.problem.lower
    point = case.x if which == "upper" else case.y
    worst = 0.0
    for distance, side in ((level.lower - point, level.lower), (point - level.upper, level.upper)):
        finite = np.isfinite(side)
        worst = max(worst, (distance[finite] / (1.0 + np.abs(side[finite]))).max(initial=0.0))
    worst = max(worst, _rows(case, which, case.x, case.y))
    if case.problem.upper.integrality.any() or case.problem.lower.integrality.any():
        worst = max(worst, _rows(case, which, *case.rounded))
    whole = point[level.integrality]
    worst = max(worst, np.abs(whole - np.round(whole)).max(initial=0.0))
    tolerance = case.tolerances.feasibility
    return Check(
        f"{which}-feasibility",
        "passed" if worst <= tolerance else "failed",
        f"The {which} level's bounds and constraints hold up to {worst:.1e}.",
        value=float(worst),
        tolerance=tolerance,
    )


def _rows(case: Case, which: Which, x: np.ndarray, y: np.ndarray) -> float:
    """The largest violation of the constraints, infinite for one that is not a number."""
    values = np.concatenate(
        [
            np.maximum(case.functions.inequalities(which, x, y), 0.0),
            np.abs(case.functions.equalities(which, x, y)),
        ]
    )
    if not values.size:
        return 0.0
    by_x, by_y = case.functions.jacobians(which, x, y)
    largest, sides = sizes.rows(case.problem, which, x, y)
    beyond = values - sizes.ROUNDING * (np.abs(by_x) @ np.abs(x) + np.abs(by_y) @ np.abs(y) + sides)
    if np.isnan(beyond).any():
        return np.inf
    broken = beyond > 0.0
    return float((beyond[broken] / np.maximum(np.minimum(1.0, largest), SIDE * sides)[broken]).max(initial=0.0))


def check_objective(case: Case) -> Check:
    """The claimed objective against the one at the point."""
    here = case.problem.signed(case.functions.value("upper", case.x, case.y))
    claimed = case.answer.objective
    if claimed is None or not np.isfinite(here):
        return Check("objective", "failed", f"The objective is {here} at the point; the answer says {claimed}.")
    error = abs(here - claimed) / (case.upper_unit + abs(here))
    tolerance = case.tolerances.objective
    return Check(
        "objective",
        "passed" if error <= tolerance else "failed",
        f"The upper objective at the point is {here:.10g}; the answer says {claimed:.10g}.",
        value=float(error),
        tolerance=tolerance,
    )
