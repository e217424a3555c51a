"""Special ordered sets and indicator constraints at a point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.arithmetic import Entries, stacked
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.tolerances import Tolerances
from solvers.programs.certificates.violations import verdict, worst_violation
from solvers.programs.problem import SpecialOrderedSet


def surplus_members(group: SpecialOrderedSet, x: np.ndarray) -> np.ndarray:
    """The members that would have to be zero: all but the largest, or the adjacent pair of largest sum."""
    order = group.indices[np.argsort(group.weights, kind="stable")]
    sizes = np.abs(x[order])
    if order.size <= group.type:
        return order[:0]
    if group.type == 1:
        return np.delete(order, int(sizes.argmax()))
    first = int((sizes[:-1] + sizes[1:]).argmax())
    return np.delete(order, [first, first + 1])


def check_sets(point: Point, tolerances: Tolerances) -> Check:
    """Members that must be zero may be as large as a bound may be violated."""
    worst, where = 0.0, (0, -1)
    for k, group in enumerate(point.problem.sos):
        surplus = surplus_members(group, point.x)
        if surplus.size:
            sizes = np.abs(point.x[surplus])
            i = int(sizes.argmax())
            if sizes[i] > worst:
                worst, where = float(sizes[i]), (k, int(surplus[i]))
    passed = worst <= tolerances.primal
    if passed:
        text = f"The {len(point.problem.sos)} special ordered sets hold."
    else:
        kind = point.problem.sos[where[0]].type
        allowed = "one non-zero member" if kind == 1 else "two non-zero members, adjacent ones"
        name = point.problem.variable_name(where[1])
        text = f"Set {where[0]} (SOS{kind}) allows at most {allowed}, but {name!r} is another, of size {worst:.3g}."
    return Check("special-ordered-sets", verdict(passed), text, worst, tolerances.primal, "exact")


def check_indicators(point: Point, tolerances: Tolerances) -> Check:
    """An indicator is on if its binary variable rounds to the active value."""
    problem = point.problem
    indicators = problem.indicators
    switches = np.rint(point.x[[indicator.binary for indicator in indicators]])
    off = switches != np.array([indicator.active for indicator in indicators])
    lower = np.where(off, -np.inf, [indicator.lower for indicator in indicators])
    upper = np.where(off, np.inf, [indicator.upper for indicator in indicators])
    entries = Entries(stacked([(one.indices, one.coefficients) for one in indicators], problem.n))
    rows = Point(replace(problem, nonlinear=None), entries, point.x)
    found = worst_violation(rows.activity, lower, upper, tolerances.primal, rows.exact_row)
    assert found is not None  # there is at least one indicator
    passed = found.failures == 0
    if off.all():
        text = "No indicator constraint is switched on at this point."
    elif passed:
        text = f"Every indicator constraint that is switched on holds; the largest violation is {found.amount:.3g}."
    else:
        indicator = indicators[found.index]
        name = indicator.name or f"number {found.index}"
        switch = problem.variable_name(indicator.binary)
        text = (
            f"Indicator constraint {name!r} is on ({switch!r} = {indicator.active}) and violated by "
            f"{found.amount:.3g} (relative {found.relative:.3g})."
        )
    return Check("indicators", verdict(passed), text, found.amount, found.allowed, found.arithmetic)
