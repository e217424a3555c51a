"""The upper level: the claimed hypergradient against finite differences, and the residual of its first-order
conditions.

Finite differences are of ``F(x, y(x))`` with the lower level solved anew at each point, along random directions.
"""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates import sizes
from solvers.bilevel.certificates.case import Case
from solvers.bilevel.certificates.multipliers import residual_and_terms
from solvers.core.certificate import Check

DIRECTIONS = 3
STEP = 1e-4
#: A direction shorter than this, in steps, is none.
LEAST = 1e-3
#: Total derivatives of upper constraints need a lower solution for each variable.
MOST_VARIABLES = 40
ACTIVE = 1e-5


def check_hypergradient(case: Case) -> Check:
    """The claim is compared with differences on random directions: central ones for the variables that can go both
    ways, one-sided ones into the box for those at a bound."""
    name = "hypergradient"
    h = case.answer.hypergradient
    if h is None:
        return Check(name, "skipped", "The engine gave no hypergradient.")
    h = np.asarray(h, dtype=np.float64).reshape(-1)
    if h.shape != case.x.shape or not np.isfinite(h).all():
        return Check(name, "failed", "The claimed hypergradient is not made of as many finite numbers as x.")
    generator = np.random.default_rng(20260102)
    worst, where = 0.0, 0.0
    tolerance = case.tolerances.hypergradient
    small = min(1.0, float(case.upper_slopes.max())) or 1.0
    tested = np.zeros(case.x.size, dtype=bool)
    for _ in range(DIRECTIONS):
        direction = generator.standard_normal(case.x.size)
        direction /= np.linalg.norm(direction)
        for used, middle in _moves(case, direction):
            slope = _derivative(case, used, middle)
            if slope is None:
                return Check(name, "skipped", "The lower level has no solution near x.")
            tested |= used != 0.0
            error = abs(slope - float(h @ used)) / (small + abs(slope))
            if error > worst or not np.isfinite(error):
                worst, where = error, slope
    if not tested.any():
        return Check(name, "skipped", "x cannot move within its bounds.")
    good = worst <= tolerance
    text = f"Finite differences along {DIRECTIONS} random directions agree with it up to {worst:.1e} (relative)."
    if not good:
        text = f"Along a random direction it is {worst:.1e} (relative) from the finite difference {where:.6g}."
    if good and not case.lower_level.convex:
        text += " The lower solutions are local ones."
    return Check(name, "passed" if good else "failed", text, value=float(worst), tolerance=tolerance)


def _moves(case: Case, direction: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Directions within the bounds: of the variables that can go both ways (then True), and of the others inwards."""
    level = case.problem.upper
    step = _step(case)
    low, high = (case.x - level.lower) / step, (level.upper - case.x) / step
    both = (np.abs(direction) <= low) & (np.abs(direction) <= high)
    # a difference of second order takes two steps
    inwards = np.where(high >= low, 1.0, -1.0) * np.minimum(np.abs(direction), 0.5 * np.maximum(low, high))
    moves = [(np.where(both, direction, 0.0), True), (np.where(both, 0.0, inwards), False)]
    return [(used, middle) for used, middle in moves if np.abs(used).max(initial=0.0) > LEAST]


def _derivative(case: Case, used: np.ndarray, middle: bool) -> float | None:
    """The derivative of F(x, y(x)) along a direction: a central difference, or one to one side of second order."""
    step = _step(case)
    places = (1, -1) if middle else (0, 1, 2)
    values = [_value(case, case.x + k * step * used) for k in places]
    if any(value is None for value in values):
        return None
    weights = (1.0, -1.0) if middle else (-3.0, 4.0, -1.0)
    return sum(w * v for w, v in zip(weights, values, strict=True) if v is not None) / (2.0 * step)


def _step(case: Case) -> float:
    return STEP * (1.0 + float(np.abs(case.x).max(initial=0.0)))


def _value(case: Case, x: np.ndarray) -> float | None:
    y = _near(case, x)
    return None if y is None else case.functions.value("upper", x, y)


def _near(case: Case, x: np.ndarray) -> np.ndarray | None:
    """The lower solution at x on the branch of the claimed y."""
    found = case.lower_level.near(x, case.y)
    return None if found is None else found.y


def check_stationarity(case: Case) -> Check:
    """The largest entry of the projected step along the hypergradient, with the best multipliers of upper
    constraints."""
    name = "upper-stationarity"
    if case.problem.upper.integrality.any():
        return Check(name, "skipped", "With integer variables there are no first-order conditions.")
    if case.answer.hypergradient is None:
        return Check(name, "skipped", "The engine gave no hypergradient.")
    h = np.asarray(case.answer.hypergradient, dtype=np.float64).reshape(-1)
    level = case.problem.upper
    if level.constrained:
        rows = _constraint_derivatives(case)
        if rows is None:
            text = f"Upper constraints need total derivatives, which are taken for at most {MOST_VARIABLES} variables."
            return Check(name, "trusted", text)
        residual, terms = _residual(case, h, *rows)
    else:
        residual, terms = np.abs(np.clip(h, case.x - level.upper, case.x - level.lower)), np.zeros_like(h)
    # each variable by its own: a steep one, held at its bound, excuses no other
    least = 1.0 + abs(case.functions.value("upper", case.x, case.y))
    scale = np.maximum(np.minimum(least, case.upper_slopes), np.abs(terms))
    value = float((residual[residual > 0.0] / scale[residual > 0.0]).max(initial=0.0))
    tolerance = case.tolerances.stationarity
    return Check(
        name,
        "passed" if value <= tolerance else "failed",
        f"The upper level's first-order conditions hold up to {residual.max(initial=0.0):.1e}.",
        value=value,
        tolerance=tolerance,
    )


def _constraint_derivatives(case: Case) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of total derivatives of active upper inequalities, and of equalities."""
    functions = case.functions
    values = functions.inequalities("upper", case.x, case.y)
    largest, _ = sizes.rows(case.problem, "upper", case.x, case.y)
    active = np.flatnonzero(values >= -ACTIVE * np.minimum(1.0, largest[: values.size]))
    by_x, by_y = functions.jacobians("upper", case.x, case.y)
    keep = np.concatenate([active, np.arange(values.size, by_x.shape[0])])
    by_x, by_y = by_x[keep], by_y[keep]
    if by_y.any():
        if case.x.size > MOST_VARIABLES:
            return None
        moved = np.zeros((case.y.size, case.x.size))
        step = _step(case)
        for j in range(case.x.size):
            ends = []
            for side in (1.0, -1.0):
                x = case.x.copy()
                x[j] += side * step
                ends.append(_near(case, x))
            if ends[0] is None or ends[1] is None:
                return None
            moved[:, j] = (ends[0] - ends[1]) / (2.0 * step)
        by_x = by_x + by_y @ moved
    return by_x[: active.size], by_x[active.size :]


def _residual(
    case: Case, h: np.ndarray, inequalities: np.ndarray, equalities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each variable what is left, and the terms that multipliers add."""
    level = case.problem.upper
    identity = np.eye(case.x.size)
    near_low = np.flatnonzero(case.x - level.lower <= ACTIVE * (1.0 + np.abs(case.x)))
    near_high = np.flatnonzero(level.upper - case.x <= ACTIVE * (1.0 + np.abs(case.x)))
    signed = np.hstack([inequalities.T, -identity[:, near_low], identity[:, near_high]])
    residual, terms = residual_and_terms(h, signed, equalities.T)
    return np.abs(residual), terms
