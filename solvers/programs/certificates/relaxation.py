"""A feasibility relaxation: do the moved sides add up, and does the point satisfy them?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.feasibility import feasibility_checks
from solvers.programs.certificates.point import Point

RELAXATION = "relaxation"


def check_relaxation(case: Case) -> Check | None:
    """Every moved side exists; with a point: it satisfies the relaxed program. That no cheaper change would do, and the
    weighted total, rest on the engine's word."""
    relaxation, problem = case.answer.relaxation, case.problem
    if relaxation is None:
        return None
    row_lower, row_upper = problem.row_lower.copy(), problem.row_upper.copy()
    lower, upper = problem.lower.copy(), problem.upper.copy()
    for moves, low, high, name, kind in (
        (relaxation.rows, row_lower, row_upper, problem.constraint_name, "row"),
        (relaxation.bounds, lower, upper, problem.variable_name, "bound of"),
    ):
        complaint = _move(moves, low, high, kind, name)
        if complaint:
            return Check(RELAXATION, "failed", f"The relaxation is unusable: {complaint}.")
    if not (isinstance(relaxation.violation, (int, float)) and relaxation.violation >= 0):
        return Check(RELAXATION, "failed", f"The relaxation's total {relaxation.violation!r} is no amount.")
    if case.point is None:
        return Check(RELAXATION, "trusted", "No point came with the relaxation: it rests on the engine's word.")
    relaxed = replace(problem, row_lower=row_lower, row_upper=row_upper, lower=lower, upper=upper)
    for check in feasibility_checks(Point(relaxed, case.entries, case.point.x), case.cones, case.tolerances):
        if check.outcome == "failed":
            return Check(RELAXATION, "failed", f"The point does not satisfy the relaxed program: {check.text}")
    text = "The point satisfies the relaxed program; that no cheaper relaxation exists rests on the engine's word."
    return Check(RELAXATION, "trusted", text, float(relaxation.violation))


def _move(moves: Mapping[int, float], low: np.ndarray, high: np.ndarray, kind: str, name: Any) -> str:
    """Moves the sides in place; what is wrong with the moves, or ""."""
    for given, amount in moves.items():
        index = int(given)
        if not 0 <= index < low.size:
            return f"there is no {kind} {index}"
        if not math.isfinite(amount):
            return f"{kind} {name(index)!r} is moved by {amount}"
        side = low if amount < 0 else high
        if amount and not np.isfinite(side[index]):
            return f"{kind} {name(index)!r} has no side that could be moved by {amount:.9g}"
        side[index] += amount
    return ""
