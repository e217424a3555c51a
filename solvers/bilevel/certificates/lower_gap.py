"""Does y solve the lower level? Its gap against a solution found anew, its first-order conditions, F at that
solution.

Values are compared relative to the terms with y that they sum up, first-order conditions in each variable relative to
its own: a lower objective that is small, or has a small part, is solved all the same.
"""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates import sizes
from solvers.bilevel.certificates.case import Case
from solvers.bilevel.certificates.multipliers import residual_and_terms
from solvers.core.certificate import Check, Outcome

#: A constraint this near to its side, in units of its largest coefficient, or a bound, may have a multiplier.
ACTIVE = 1e-5
#: Steps at which a lower level without bounds is looked at, for up to so many variables.
FAR, MOST_LOOKED_AT = (1e3, 1e5, 1e7), 200

#: First-order conditions that are off by this much or more say that y is no solution, whatever the values say.
AWAY = 1e-2

#: What the values of an objective are off by, relative to their terms, where all lower variables are whole.
WHOLE = 1e-12


def check_lower_gap(case: Case) -> list[Check]:
    """``lower-gap``, ``objective-at-lower-solution`` and ``lower-stationarity``."""
    found = case.resolved
    conditions = check_lower_kkt(case)
    if found.unbounded:
        text = "The lower level is unbounded at the claimed x: no y solves it."
        return [Check("lower-gap", "failed", text), conditions]
    falling = None if case.lower_level.convex else _falling(case)
    if falling is not None:
        text = f"The lower level seems to be unbounded at the claimed x: {falling}"
        return [Check("lower-gap", "failed", text), conditions]
    if found.y is None:
        text = "No y that satisfies the lower constraints was found at the claimed x."
        return [Check("lower-gap", "failed", text), conditions]
    x, y = case.rounded if case.integer else (case.x, case.y)
    here = case.lower_level.value(x, y)
    above = here - found.value
    gap = max(above, here - found.bound) if found.bound is not None else above
    allowed, blur = _allowed(case, y)
    shown = case.functions.value("lower", x, y), case.functions.value("lower", x, found.y)
    text = f"The lower objective at y is {shown[0]:.10g}; solved anew at the same x it is {shown[1]:.10g}"
    far = conditions.value is not None and conditions.value > AWAY and _regular(case)
    outcome: Outcome
    if not above <= allowed or not np.isfinite(gap):
        outcome, gap = "failed", above
        text += ": y does not solve the lower level."
    elif far:
        outcome = "failed"
        text += ", but y is far from its first-order conditions: it does not solve the lower level."
    elif gap <= allowed and blur <= allowed and (found.bound is not None or case.lower_level.convex):
        outcome = "passed"
        by = f", by {found.solver}'s branch and bound, on which this rests" if found.solver else ""
        text += " (convex, so this is the minimum)." if case.lower_level.convex else f" (solved globally{by})."
    else:
        outcome = "trusted"
        text += ". That nothing is lower was not shown: "
        known = case.lower_level.convex or found.bound is not None
        text += "rounding hides it." if known else "it may not be convex, and a lower point may have been missed."
    return [
        Check("lower-gap", outcome, text, value=float(gap), tolerance=float(allowed)),
        _same_objective(case, found.y, better=above <= 0.0),
        conditions,
    ]


def _allowed(case: Case, y: np.ndarray) -> tuple[float, float]:
    """The largest gap of a solution, and what rounding may hide."""
    tolerance = case.tolerances.lower_gap
    parts = case.lower_slopes * np.maximum(1.0, np.abs(y))
    forms = sizes.known(case.problem)
    if forms is None:
        value = abs(case.functions.value("lower", case.x, y))
        # beyond a step of the point's size the slopes may be those of another scale
        return min(tolerance * (1.0 + value), tolerance * float(parts.sum())), sizes.ROUNDING * value
    whole = case.problem.lower.integrality
    return tolerance * float(parts[~whole].sum()) + WHOLE * float(parts.sum()), 0.0


def _regular(case: Case) -> bool:
    """True if solutions of the lower level satisfy its first-order conditions: its constraints are affine in y."""
    forms = sizes.known(case.problem)
    return not case.problem.lower.constrained or (forms is not None and forms.lower_affine)


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


def _same_objective(case: Case, y: np.ndarray, *, better: bool) -> Check:
    """``better``: the claimed y is at least as good below as the one found anew, of which a difference then speaks."""
    name = "objective-at-lower-solution"
    claimed = case.functions.value("upper", case.x, case.y)
    anew = case.functions.value("upper", case.x, y)
    slope = float(sizes.slopes(case.problem, "upper", case.x, case.y)[1].max())
    error = abs(claimed - anew) / ((slope or case.upper_unit) + abs(anew))
    words = f"The upper objective is {case.problem.signed(anew):.10g} at the lower solution found anew"
    if case.unique and not better:
        tolerance = 1e-5
        outcome = "passed" if error <= tolerance else "failed"
        return Check(name, outcome, f"{words}, {error:.1e} (relative) from the answer's.", float(error), tolerance)  # type: ignore[arg-type]
    if error <= 1e-5:
        return Check(name, "passed", f"{words}, {error:.1e} (relative) from the answer's.", float(error), 1e-5)
    text = f"{words}; that differs, as it may: the lower level is not known to have one solution only."
    if case.unique:
        text = f"{words}; that differs, but the answer's lower objective is no larger: it is the more exact one."
    return Check(name, "skipped", text, float(error))


def check_lower_kkt(case: Case) -> Check:
    """The residual of the lower level's KKT conditions with the best multipliers for the claimed y: of each variable
    relative to the terms of its own."""
    level = case.problem.lower
    if case.integer:
        return Check("lower-stationarity", "skipped", "An integer lower level has no first-order conditions.")
    _, slope = case.functions.gradient("lower", case.x, case.y)
    size = case.lower_slopes
    if sizes.known(case.problem) is None:
        size = np.minimum(1.0 + np.abs(slope).max(initial=0.0), size)
    size = np.maximum(size, np.abs(slope))
    # a variable at a bound may be pushed against it: its own entry of the gradient is then without meaning
    low = case.y - level.lower <= ACTIVE * (1.0 + np.abs(case.y))
    high = level.upper - case.y <= ACTIVE * (1.0 + np.abs(case.y))
    # a variable that the objective lacks is as large as any
    weight = np.where(size > 0.0, size, size.max(initial=0.0) or 1.0)
    if level.constrained:
        signed, free = _normals(case)
        identity = np.eye(case.y.size)
        by = weight[:, None]
        signed = np.hstack([signed / by, -identity[:, low], identity[:, high]])
        residual, added = residual_and_terms(slope / weight, signed, free / by)
        residual = np.abs(residual) / (1.0 + added)
    else:
        residual = np.where(low, np.minimum(slope, 0.0), np.where(high, np.maximum(slope, 0.0), slope))
        residual[low & high] = 0.0
        residual = np.abs(residual) / weight
    value = float(residual.max(initial=0.0))
    tolerance = 1e-5
    return Check(
        "lower-stationarity",
        "passed" if value <= tolerance else "failed",
        f"The lower level's KKT conditions hold at y up to {value:.1e}.",
        value=value,
        tolerance=tolerance,
    )


def _normals(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Columns: derivatives by y of the inequalities that are active, and of equalities."""
    values = case.functions.inequalities("lower", case.x, case.y)
    rows = case.functions.jacobians("lower", case.x, case.y)[1]
    # the side that matters for y is how far y may move
    units = np.abs(rows[: values.size]).max(axis=1, initial=0.0)
    moves = np.maximum(1.0, np.abs(case.y).max(initial=0.0))
    active = np.flatnonzero(values >= -ACTIVE * moves * units)
    return rows[active].T, rows[values.size :].T
