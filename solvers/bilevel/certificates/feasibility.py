"""Bounds, constraints and integrality of both levels at the claimed point; the claimed objective."""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates.case import Case
from solvers.bilevel.certificates.functions import Which
from solvers.core.certificate import Check


def check_level(case: Case, which: Which) -> Check:
    """The largest violation, each relative to one plus the size of its side or of its gradient's terms."""
    level = case.problem.upper if which == "upper" else case.problem.lower
    point = case.x if which == "upper" else case.y
    worst = 0.0
    for distance, side in ((level.lower - point, level.lower), (point - level.upper, level.upper)):
        finite = np.isfinite(side)
        worst = max(worst, (distance[finite] / (1.0 + np.abs(side[finite]))).max(initial=0.0))
    values = np.concatenate(
        [
            np.maximum(case.functions.inequalities(which, case.x, case.y), 0.0),
            np.abs(case.functions.equalities(which, case.x, case.y)),
        ]
    )
    if values.size:
        by_x, by_y = case.functions.jacobians(which, case.x, case.y)
        sizes = np.abs(by_x) @ np.abs(case.x) + np.abs(by_y) @ np.abs(case.y)
        scaled = values / (1.0 + sizes)
        worst = np.inf if np.isnan(scaled).any() else max(worst, float(scaled.max()))
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


def check_objective(case: Case) -> Check:
    """The claimed objective against the one at the point."""
    here = case.problem.signed(case.functions.value("upper", case.x, case.y))
    claimed = case.answer.objective
    if claimed is None or not np.isfinite(here):
        return Check("objective", "failed", f"The objective is {here} at the point; the answer says {claimed}.")
    error = abs(here - claimed) / (1.0 + abs(here))
    tolerance = case.tolerances.objective
    return Check(
        "objective",
        "passed" if error <= tolerance else "failed",
        f"The upper objective at the point is {here:.10g}; the answer says {claimed:.10g}.",
        value=float(error),
        tolerance=tolerance,
    )
