"""The upper level: the claimed hypergradient against finite differences, and the residual of its first-order
conditions.

Finite differences are of ``F(x, y(x))`` with the lower level solved anew at each point, along random directions.
"""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates.case import Case
from solvers.bilevel.certificates.multipliers import best_residual
from solvers.core.certificate import Check

DIRECTIONS = 3
STEP = 1e-4
#: Total derivatives of upper constraints need a lower solution for each variable.
MOST_VARIABLES = 40
ACTIVE = 1e-5


def check_hypergradient(case: Case) -> Check:
    """The claim is compared with central differences on random directions, within the bounds."""
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
    for _ in range(DIRECTIONS):
        direction = generator.standard_normal(case.x.size)
        direction /= np.linalg.norm(direction)
        found = _derivative(case, direction)
        if found is None:
            return Check(name, "skipped", "The lower level has no solution near x, or x cannot move within its bounds.")
        slope, used = found
        error = abs(slope - float(h @ used)) / (1.0 + abs(slope))
        if error > worst or not np.isfinite(error):
            worst, where = error, slope
    good = worst <= tolerance
    text = f"Finite differences along {DIRECTIONS} random directions agree with it up to {worst:.1e} (relative)."
    if not good:
        text = f"Along a random direction it is {worst:.1e} (relative) from the finite difference {where:.6g}."
    if good and not case.lower_level.convex:
        text += " The lower solutions are local ones."
    return Check(name, "passed" if good else "failed", text, value=float(worst), tolerance=tolerance)


def _derivative(case: Case, direction: np.ndarray) -> tuple[float, np.ndarray] | None:
    """The derivative of F(x, y(x)) along a direction within the bounds; also the direction that was used."""
    level = case.problem.upper
    step = STEP * (1.0 + float(np.abs(case.x).max(initial=0.0)))
    reach = step * np.abs(direction)
    both = (case.x - reach >= level.lower) & (case.x + reach <= level.upper)
    if both.any():
        used = np.where(both, direction, 0.0)
        ends = [_value(case, case.x + side * step * used) for side in (1.0, -1.0)]
        if ends[0] is None or ends[1] is None:
            return None
        return (ends[0] - ends[1]) / (2.0 * step), used
    # all at bounds: inwards, by a difference of second order
    used = np.where(case.x + reach <= level.upper, np.abs(direction), -np.abs(direction))
    if ((case.x + 2.0 * step * used < level.lower) | (case.x + 2.0 * step * used > level.upper)).any():
        return None
    values = [_value(case, case.x + k * step * used) for k in (0, 1, 2)]
    if values[0] is None or values[1] is None or values[2] is None:
        return None
    return (-3.0 * values[0] + 4.0 * values[1] - values[2]) / (2.0 * step), used


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
        residual = _residual(case, h, *rows)
    else:
        residual = float(np.abs(np.clip(h, case.x - level.upper, case.x - level.lower)).max(initial=0.0))
    value = residual / (1.0 + abs(case.functions.value("upper", case.x, case.y)))
    tolerance = case.tolerances.stationarity
    return Check(
        name,
        "passed" if value <= tolerance else "failed",
        f"The upper level's first-order conditions hold up to {residual:.1e}.",
        value=float(value),
        tolerance=tolerance,
    )


def _constraint_derivatives(case: Case) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of total derivatives of active upper inequalities, and of equalities."""
    functions = case.functions
    values = functions.inequalities("upper", case.x, case.y)
    active = np.flatnonzero(values >= -ACTIVE * (1.0 + np.abs(values)))
    by_x, by_y = functions.jacobians("upper", case.x, case.y)
    keep = np.concatenate([active, np.arange(values.size, by_x.shape[0])])
    by_x, by_y = by_x[keep], by_y[keep]
    if by_y.any():
        if case.x.size > MOST_VARIABLES:
            return None
        moved = np.zeros((case.y.size, case.x.size))
        step = STEP * (1.0 + float(np.abs(case.x).max(initial=0.0)))
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


def _residual(case: Case, h: np.ndarray, inequalities: np.ndarray, equalities: np.ndarray) -> float:
    level = case.problem.upper
    identity = np.eye(case.x.size)
    near_low = np.flatnonzero(case.x - level.lower <= ACTIVE * (1.0 + np.abs(case.x)))
    near_high = np.flatnonzero(level.upper - case.x <= ACTIVE * (1.0 + np.abs(case.x)))
    signed = np.hstack([inequalities.T, -identity[:, near_low], identity[:, near_high]])
    return float(np.abs(best_residual(h, signed, equalities.T)).max(initial=0.0))
