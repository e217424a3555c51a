"""Does y solve the lower level? Its gap against a solution found anew, its first-order conditions, F at that
solution."""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates.case import Case
from solvers.bilevel.certificates.multipliers import best_residual
from solvers.core.certificate import Check

#: A constraint or bound this near to its side may have a multiplier.
ACTIVE = 1e-5
#: Steps at which a lower level without bounds is looked at, for up to so many variables.
FAR, MOST_LOOKED_AT = (1e3, 1e5, 1e7), 200


def check_lower_gap(case: Case) -> list[Check]:
    """``lower-gap`` and ``objective-at-lower-solution``."""
    found = case.resolved
    here = case.functions.value("lower", case.x, case.y)
    if found.unbounded:
        return [Check("lower-gap", "failed", "The lower level is unbounded at the claimed x: no y solves it.")]
    falling = None if case.lower_level.convex else _falling(case)
    if falling is not None:
        return [Check("lower-gap", "failed", f"The lower level seems to be unbounded at the claimed x: {falling}")]
    if found.y is None:
        return [Check("lower-gap", "failed", "No y that satisfies the lower constraints was found at the claimed x.")]
    reference = found.value if found.bound is None else min(found.value, found.bound)
    gap = (here - reference) / (1.0 + abs(reference))
    tolerance = case.tolerances.lower_gap
    text = f"The lower objective at y is {here:.10g}; solved anew at the same x it is {found.value:.10g}"
    if gap > tolerance or not np.isfinite(gap):
        outcome: str = "failed"
        text += ": y does not solve the lower level."
    elif found.bound is not None or case.lower_level.convex:
        outcome = "passed"
        text += " (convex, so this is the minimum)." if case.lower_level.convex else " (solved globally)."
    else:
        outcome = "trusted"
        text += ". The lower level is not known to be convex: a lower point may have been missed."
    checks = [
        Check("lower-gap", outcome, text, value=float(gap), tolerance=tolerance)  # type: ignore[arg-type]
    ]
    checks.append(_same_objective(case, found.y))
    return checks


def _falling(case: Case) -> str | None:
    """In words, a variable along which the lower objective falls faster than the variable itself grows, as far as was
    looked; only where there are bounds alone, each variable on its own."""
    level = case.problem.lower
    if level.constrained or level.integrality.any() or case.y.size > MOST_LOOKED_AT:
        return None
    here = case.functions.value("lower", case.x, case.y)
    for j in range(case.y.size):
        for side, end in ((-1.0, level.lower[j]), (1.0, level.upper[j])):
            if np.isfinite(end):
                continue
            values = [here]
            for far in FAR:
                y = case.y.copy()
                y[j] += side * far
                values.append(case.functions.value("lower", case.x, y))
            falls = -np.diff(values)
            if np.isfinite(falls).all() and falls[0] > FAR[0] and (falls[1:] > 10.0 * falls[:-1]).all():
                return f"its objective is {values[-1]:.3g} at y[{j}] = {case.y[j] + side * FAR[-1]:.3g}. Give bounds."
    return None


def _same_objective(case: Case, y: np.ndarray) -> Check:
    name = "objective-at-lower-solution"
    claimed = case.functions.value("upper", case.x, case.y)
    anew = case.functions.value("upper", case.x, y)
    error = abs(claimed - anew) / (1.0 + abs(anew))
    words = f"The upper objective is {case.problem.signed(anew):.10g} at the lower solution found anew"
    if case.unique:
        tolerance = 1e-5
        outcome = "passed" if error <= tolerance else "failed"
        return Check(name, outcome, f"{words}, {error:.1e} (relative) from the answer's.", float(error), tolerance)  # type: ignore[arg-type]
    if error <= 1e-5:
        return Check(name, "passed", f"{words}, {error:.1e} (relative) from the answer's.", float(error), 1e-5)
    text = f"{words}; that differs, as it may: the lower level is not known to have one solution only."
    return Check(name, "skipped", text, float(error))


def check_lower_kkt(case: Case) -> Check:
    """The residual of the lower level's KKT conditions with the best multipliers for the claimed y."""
    level = case.problem.lower
    if case.integer:
        return Check("lower-stationarity", "skipped", "An integer lower level has no first-order conditions.")
    _, slope = case.functions.gradient("lower", case.x, case.y)
    none = np.zeros((case.y.size, 0))
    signed, free = [none], none
    if level.constrained:
        values = case.functions.inequalities("lower", case.x, case.y)
        rows = case.functions.jacobians("lower", case.x, case.y)[1]
        active = np.flatnonzero(values >= -ACTIVE * (1.0 + np.abs(values)))
        signed.append(rows[active].T)
        free = rows[values.size :].T
    # a variable at a bound may be pushed against it: its own entry of the gradient is then without meaning
    low = case.y - level.lower <= ACTIVE * (1.0 + np.abs(case.y))
    high = level.upper - case.y <= ACTIVE * (1.0 + np.abs(case.y))
    if level.constrained:
        identity = np.eye(case.y.size)
        residual = best_residual(slope, np.hstack([*signed, -identity[:, low], identity[:, high]]), free)
    else:
        residual = np.where(low, np.minimum(slope, 0.0), np.where(high, np.maximum(slope, 0.0), slope))
        residual[low & high] = 0.0
    scale = 1.0 + np.abs(slope).max(initial=0.0)
    value = float(np.abs(residual).max(initial=0.0) / scale)
    tolerance = 1e-5
    return Check(
        "lower-stationarity",
        "passed" if value <= tolerance else "failed",
        f"The lower level's KKT conditions hold at y up to {value:.1e}.",
        value=value,
        tolerance=tolerance,
    )
