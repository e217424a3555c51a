"""Rays: the proof that nothing is feasible, and the proof that the objective has no end.

What a ray leaves where it should cancel counts as rounding up to ``ROUNDED`` times what is summed; up to ``IMPRECISE``
it may be what an engine of limited precision left, and rests on its word. More is no ray, however slowly it leads on.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from solvers.core.certificate import Arithmetic, Check
from solvers.programs.certificates.arithmetic import Bounded, Entries, exact_sum, some, total
from solvers.programs.certificates.bound import IMPRECISE, MOST_EXACT, ROUNDED, TINY, Lagrangian
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.cones import Cones
from solvers.programs.certificates.multipliers import Multipliers
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.propagation import implied_box, own_box
from solvers.programs.certificates.reading import read_vector
from solvers.programs.certificates.violations import worst_violation
from solvers.programs.problem import Program

FARKAS, INFEASIBLE, UNBOUNDED = "farkas-ray", "infeasibility", "unbounded-ray"

#: A proof of infeasibility must cover all points up to this many times the largest finite side or bound (or 1).
LEAST_REACH = 1e3

#: An unbounded ray is followed until the objective has improved by this many times max(1, |objective|).
IMPROVEMENT = 1e3

#: Of that improvement, the curvature of a quadratic objective may eat up this share: it is zero along a true ray.
BENT = 1e-3

_DOUBLE: Arithmetic = "double"


def farkas_proof(problem: Program, entries: Entries, cones: Cones | None, y: np.ndarray, s: np.ndarray | None) -> Check:
    """Do the multipliers show that the rows (and cones) contradict the bounds of the variables?

    They do if the constraint that they combine demands more than any point of the box can give. Leftovers on variables
    without bounds, which rounding makes hard to avoid, limit the proof to points of a stated size.
    """
    if not some(y) and (s is None or not some(s)):
        return Check(FARKAS, "failed", "The ray of infeasibility is zero.")
    multipliers = scaled_multipliers(problem, entries, cones, y, s)
    weights = multipliers.weighted_rows()
    sides, error = multipliers.weighted_sides()

    def exact_slope(j: int) -> float:
        return -exact_sum(multipliers.exact_weight(j))

    slope = Bounded(-weights.value, weights.error)
    combined = Lagrangian(sides, error, slope, multipliers.sizes(), None, None, exact_slope)
    box, how = own_box(problem), ""
    terms = combined.least_terms(box.lower, box.upper)
    zeros = np.flatnonzero(np.isneginf(terms) & (combined.slope.value == 0))
    if 0 < zeros.size <= MOST_EXACT:
        combined.sharpen(zeros)
        terms = combined.least_terms(box.lower, box.upper)
    if not combined.least(terms) > 0:
        implied = implied_box(problem, entries)
        if not implied.empty:
            box, how = implied, ", using bounds that follow from the rows"
            terms = combined.least_terms(box.lower, box.upper)
    open_columns = np.flatnonzero(np.isneginf(terms))
    margin = combined.least(np.where(np.isneginf(terms), 0.0, terms))
    if not margin > 0:
        text = "The ray does not prove infeasibility: the constraint that it combines can be met within the bounds."
        return Check(FARKAS, "failed", text, margin if math.isfinite(margin) else None, 0.0)
    if not open_columns.size:
        text = f"The ray combines the rows to a constraint that no point satisfies{how}; it is missed by {margin:.3g}."
        return Check(FARKAS, "passed", text, margin, 0.0)
    leftovers = np.abs(combined.slope.value[open_columns]) + 2.5 * combined.slope.error[open_columns]
    reach = margin / (total(leftovers)[0] * (1 + 1e-9))
    needed = LEAST_REACH * _scale(problem)
    name = problem.variable_name(int(open_columns[int(leftovers.argmax())]))
    missed = combined.leftover(open_columns)
    if reach < needed or missed > IMPRECISE:
        text = f"The ray does not prove infeasibility: variable {name!r} is free to make up for what the rows demand."
        return Check(
            FARKAS, "failed", text, missed if reach >= needed else reach, IMPRECISE if reach >= needed else needed
        )
    text = (
        f"The ray combines the rows to a constraint that no point satisfies whose unbounded variables "
        f"(such as {name!r}) are below {reach:.1e} in size."
    )
    if missed > ROUNDED:
        text += f" It cancels there up to {missed:.1e} only: that no point beyond does rests on the engine's word."
        return Check(FARKAS, "trusted", text, missed, ROUNDED)
    return Check(FARKAS, "passed", text, reach, needed)


def scaled_multipliers(
    problem: Program, entries: Entries, cones: Cones | None, y: np.ndarray, s: np.ndarray | None
) -> Multipliers:
    """The multipliers of a ray that is not zero, scaled to a largest entry of one."""
    size = max(float(np.abs(y).max(initial=0.0)), 0.0 if s is None else float(np.abs(s).max(initial=0.0)))
    return Multipliers(problem, entries, cones, y / size, None if s is None else s / size)


def _scale(problem: Program) -> float:
    sides = np.concatenate((problem.row_lower, problem.row_upper, problem.lower, problem.upper))
    return max(1.0, float(np.abs(sides[np.isfinite(sides)]).max(initial=0.0)))


def check_infeasibility(case: Case) -> list[Check]:
    """The claim that there is no feasible point: by the ray; without one, or if it proves nothing, by propagation."""
    y, complaint = read_vector(case.answer.dual_ray, case.problem.m, "the ray of infeasibility")
    s, cone_complaint = case.cone_duals
    ray = None
    if complaint or cone_complaint:
        ray = Check(FARKAS, "failed", f"The ray is unusable: {complaint or cone_complaint}.")
    elif y is not None:
        ray = farkas_proof(case.problem, case.entries, case.cones, y, s)
    if ray is not None and y is not None and ray.outcome == "passed":
        misfit = scaled_multipliers(case.problem, case.entries, case.cones, y, s).misfit
        if misfit.amount <= case.tolerances.dual:
            return [ray]
        text = f"The ray has the wrong sign or leaves the cone at {misfit.place}, by {misfit.amount:.3g} of its size."
        proof = replace(ray, name=INFEASIBLE, text=f"With its wrong entries put right: {ray.text}")
        return [Check(FARKAS, "failed", text, misfit.amount, case.tolerances.dual), proof]
    box = implied_box(case.problem, case.entries)
    if box.empty:
        text = f"Following what the rows imply for the bounds ends in a contradiction at {box.empty}."
        proof = Check(INFEASIBLE, "passed", text)
        return [proof] if ray is None else [ray, proof]
    if ray is not None:
        return [ray]
    return [Check(INFEASIBLE, "trusted", "The engine gave no ray: that no point is feasible rests on its word.")]


def check_unbounded_ray(case: Case) -> Check:
    """From any feasible point, the ray stays feasible and improves the objective without end.

    "Stays feasible" is judged after the objective has improved by 1000 times max(1, |objective|): no side may then have
    been crossed by more than the primal tolerance.
    """
    problem = case.problem
    r, complaint = read_vector(case.answer.primal_ray, problem.n, "the unbounded ray")
    if r is None:
        if complaint:
            return Check(UNBOUNDED, "failed", f"The ray is unusable: {complaint}.")
        return Check(UNBOUNDED, "trusted", "The engine gave no ray: that the objective has no end rests on its word.")
    if case.nonlinear or problem.sos or problem.indicators:
        text = "Rays are checked for linear and convex programs only: the claim rests on the engine's word."
        return Check(UNBOUNDED, "trusted", text)
    size = float(np.abs(r).max(initial=0.0))
    if size == 0.0:
        return Check(UNBOUNDED, "failed", "The unbounded ray is zero.")
    r = r / size
    checks = []
    for negligible in (0.0, ROUNDED, IMPRECISE):  # any direction close by proves it as well
        checks.append(_along(case, np.where(np.abs(r) <= negligible, 0.0, r)))
        if checks[-1].outcome == "passed":
            return checks[-1]
    return next((check for check in checks if check.outcome == "trusted"), checks[0])


def _along(case: Case, r: np.ndarray) -> Check:
    problem = case.problem
    slope, slope_error = total(case.sign * problem.c * r)
    square = None if problem.Q is None or not problem.Q.nnz else Entries(problem.Q)
    bend = None if square is None else square.times(r)
    if bend is not None and case.point is not None and case.point.gradient_of_square is not None:
        gradient = case.point.gradient_of_square
        along, along_error = total(case.sign * gradient.value * r)
        slope += along
        slope_error += along_error + float(gradient.error.sum())
    gain = -slope - slope_error
    if not gain > 0:
        text = f"The objective does not improve along the ray: its slope is {case.sign * slope:.3g}."
        return Check(UNBOUNDED, "failed", text, -slope, 0.0)
    objective = 0.0 if case.objective is None or not math.isfinite(case.objective) else case.objective
    step = IMPROVEMENT * max(1.0, abs(objective)) / gain
    amount, arithmetic, place = _crossing(case, r, step, IMPRECISE)
    straight = True
    if square is not None and bend is not None and case.curvature is not None:
        bent, bent_error = total(0.5 * r * bend.value)
        bent = abs(bent) + bent_error + float(bend.error.sum())
        # the share of the improvement that the curvature eats up on the way
        share = bent * step / gain
        size = 0.5 * float(np.abs(r) @ square.sizes(r))
        if share > BENT or bent > IMPRECISE * size + TINY:
            return Check(UNBOUNDED, "failed", "The objective bends upwards along the ray.", share, BENT)
        straight = bent <= ROUNDED * size + TINY
    allowed = case.tolerances.primal
    if amount > allowed:
        text = f"The ray leaves the feasible set: it crosses {place} by {amount:.3g} on the way."
        return Check(UNBOUNDED, "failed", text, amount, allowed, arithmetic)
    if straight:
        closer, arithmetic, place = _crossing(case, r, step, ROUNDED)
        straight = closer <= allowed
    if straight:
        text = "The objective improves without end along the ray, which stays feasible."
        return Check(UNBOUNDED, "passed", text, amount, allowed, arithmetic)
    text = "The objective improves along the ray, which stays feasible as far as the engine's precision tells."
    return Check(UNBOUNDED, "trusted", text, amount, allowed, arithmetic)


def _crossing(case: Case, r: np.ndarray, step: float, precision: float) -> tuple[float, Arithmetic, str]:
    """By how much the worst side is crossed after ``step`` along r (nothing is lost to rounding), and its name.

    A row or cone is crossed for good if it does not cancel along r up to ``precision``, however slowly; the amount is
    then more than the primal tolerance.
    """
    problem, limit = case.problem, case.tolerances.primal / step
    along = Point(problem, case.entries, r)
    box = own_box(problem)
    cancels = np.minimum(limit, precision * case.entries.sizes(r))
    rows = worst_violation(along.activity, *_directions(problem.row_lower, problem.row_upper), cancels, along.exact_row)
    bounds = worst_violation(
        Bounded(r, np.zeros(r.size)),
        *_directions(box.lower, box.upper),
        0.0 if precision <= ROUNDED else limit,
        lambda j, *more: exact_sum([float(r[j]), *more]),
    )
    beyond = math.nextafter(case.tolerances.primal, math.inf)
    worst, arithmetic, place = 0.0, _DOUBLE, ""
    for found, kind, name in (
        (rows, "row", problem.constraint_name),
        (bounds, "the bound of", problem.variable_name),
    ):
        if found is not None and (found.failures or found.amount * step > worst):
            worst = max(found.amount * step, beyond if found.failures else 0.0)
            arithmetic, place = found.arithmetic, f"{kind} {name(found.index)!r}"
            if found.failures:
                break
    if case.cones is not None:
        cones = case.cones
        excess, error = cones.excess(cones.entries.times(r))
        sizes = cones.entries.sizes(r)
        open_ = excess - error > precision * (cones.norms(sizes) + sizes[cones.starts])
        crossing = np.where(open_, np.maximum((excess - error) * step, beyond), (excess - error) * step)
        k = int(crossing.argmax())
        if crossing[k] > worst:
            worst, arithmetic, place = float(crossing[k]), _DOUBLE, f"cone {k}"
    return worst, arithmetic, place


def _directions(lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sides of the recession cone: zero where there is a side."""
    return np.where(np.isfinite(lower), 0.0, -np.inf), np.where(np.isfinite(upper), 0.0, np.inf)
