"""From a solver's vectors to the parts of an answer: rounding, activities, violations, the bound that duals prove."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.expressions import evaluate
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program


@dataclass(frozen=True)
class Point:
    """A point with what follows from it: ``objective``, ``activity`` (m) and ``violation``, the largest of a row, bound
    or cone, each divided by ``max(1, |side|)``."""

    x: np.ndarray
    objective: float
    activity: np.ndarray
    violation: float


def point_at(problem: Program, x: np.ndarray, *, integrality_tolerance: float = 0.0) -> Point:
    """The point as an answer gives it: a copy, integers made exact where that breaks no row that was kept before."""
    x = np.array(x, dtype=np.float64)
    x += 0.0  # no negative zeros
    activity = row_activity(problem, x)
    violation = largest_violation(problem, x, activity)
    whole = (problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER)
    if integrality_tolerance > 0.0 and whole.any():
        nearest = np.round(x[whole])
        off = np.abs(nearest - x[whole])
        if 0.0 < off.max(initial=0.0) <= integrality_tolerance:
            rounded = x.copy()
            rounded[whole] = nearest
            its_activity = row_activity(problem, rounded)
            its_violation = largest_violation(problem, rounded, its_activity)
            if its_violation <= max(violation, 1e-9):
                x, activity, violation = rounded, its_activity, its_violation
    return Point(x, problem.objective_at(x), activity, violation)


def row_activity(problem: Program, x: np.ndarray) -> np.ndarray:
    """``A x`` plus the rows' nonlinear parts."""
    activity: np.ndarray = problem.A @ x
    if problem.nonlinear is not None:
        for i, expression in problem.nonlinear.rows.items():
            activity[i] += evaluate(expression, x)
    return activity


def largest_violation(problem: Program, x: np.ndarray, activity: np.ndarray) -> float:
    """The largest amount by which a row, bound or cone is violated, each divided by ``max(1, |side|)``.

    Sets and indicators are not looked at.
    """
    worst = max(
        float(_beyond(activity, problem.row_lower, problem.row_upper).max(initial=0.0)), _bounds_violation(problem, x)
    )
    for cone in problem.cones:
        s = cone.F @ x + cone.g
        worst = max(worst, float(np.linalg.norm(s[1:]) - s[0]) / max(1.0, abs(float(s[0]))))
    return worst


def _beyond(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        below = np.where(np.isneginf(low), 0.0, (low - values) / np.maximum(1.0, np.abs(low)))
        above = np.where(np.isposinf(high), 0.0, (values - high) / np.maximum(1.0, np.abs(high)))
    return np.maximum(np.maximum(below, above), 0.0)


def _bounds_violation(problem: Program, x: np.ndarray) -> float:
    beyond = _beyond(x, problem.lower, problem.upper)
    semi = problem.integrality >= SEMI_CONTINUOUS
    if semi.any():
        beyond = np.where(semi, np.minimum(beyond, np.abs(x)), beyond)
    return float(beyond.max(initial=0.0))


@dataclass(frozen=True)
class DualBound:
    """What duals prove of a convex program.

    Attributes:
        value: the dual objective, in the user's sense.
        violation: the largest multiplier of an infinite side, divided by ``max(1, |c_j|)`` for a variable.
    """

    value: float
    violation: float


#: Where variables have no bounds, a bound must hold for points up to this many times the size of the answer's (or 1).
REACH = 10.0


def dual_bound(
    problem: Program,
    point: Point,
    row_duals: np.ndarray,
    reduced_costs: np.ndarray,
    cone_duals: tuple[np.ndarray, ...] = (),
) -> DualBound:
    """The Lagrangian bound ``offset - x'Qx/2 + sum(y * active side) + sum(d * active bound) - sum(s'g)`` (Dorn's dual).

    What is left of a reduced cost on the side of a bound that is infinite, or far away, counts at ``REACH`` times the
    size of the variable.
    """
    sign = 1.0 if problem.sense == "min" else -1.0
    x, y, d = point.x, sign * row_duals, sign * reduced_costs
    value = sign * problem.offset
    if problem.Q is not None:
        value -= 0.5 * sign * float(x @ (problem.Q @ x))
    side = np.where(y > 0.0, problem.row_lower, problem.row_upper)
    open_rows = ~np.isfinite(side)
    value += float(y @ np.where(open_rows, point.activity, side))
    bound = np.where(d > 0.0, problem.lower, problem.upper)
    far = REACH * np.maximum(1.0, np.abs(x))
    value += float(d @ np.clip(bound, -far, far))
    left = (np.abs(d) / np.maximum(1.0, np.abs(problem.c)))[~np.isfinite(bound)]
    violation = max(float(np.abs(y[open_rows]).max(initial=0.0)), float(left.max(initial=0.0)))
    for cone, s in zip(problem.cones, cone_duals, strict=True):
        value -= float(s @ cone.g)
        violation = max(violation, float(np.linalg.norm(s[1:]) - s[0]))
    return DualBound(sign * value, violation)


def reduced_costs_of(
    problem: Program, x: np.ndarray, row_duals: np.ndarray, cone_duals: tuple[np.ndarray, ...] = ()
) -> np.ndarray:
    """``c + Qx - A'y`` less ``F's`` of every cone (plus for ``max``, since s is in the sense of minimization)."""
    reduced: np.ndarray = problem.c - problem.A.T @ row_duals
    if problem.Q is not None:
        reduced += problem.Q @ x
    sign = 1.0 if problem.sense == "min" else -1.0
    for cone, s in zip(problem.cones, cone_duals, strict=True):
        reduced -= sign * (cone.F.T @ s)
    return reduced


def accurate(point: Point, bound: DualBound, *, primal: float, dual: float) -> bool:
    """True if point and duals are feasible and agree within the tolerances that the user gave."""
    apart = abs(point.objective - bound.value) / max(1.0, abs(point.objective))
    return point.violation <= primal and bound.violation <= dual and apart <= dual
