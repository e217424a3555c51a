"""Proofs that no point satisfies all constraints, where a certificate meets none that does.

By intervals: a box over which some constraint is violated everywhere holds no feasible point; boxes are halved as far
as a count of work goes. By tangents: if constraints are convex, so is ``G = mu'g + lam'h`` with mu >= 0, which no
feasible point makes positive; and ``G(y) >= G(x) + grad G(x).(y - x)`` for all y. Multipliers are the violations where
their sum of squares is least: there the slope vanishes (for linear constraints that is Farkas' lemma).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from solvers.core.certificate import Check
from solvers.expression.intervals import evaluate_over
from solvers.onelevel import implied
from solvers.onelevel.lower_bound import least
from solvers.onelevel.problem import Minimize
from solvers.onelevel.values import JACOBIAN_ENTRIES, elements_of, values_at

NAME = "infeasibility"

#: Boxes looked at, and elements of operations in all of them together.
BOXES, ELEMENTS = 1500, 30_000_000
#: Boxes of more variables, and further out, are not halved.
HALVED, ENDLESS = 12, 1e60
#: Ends are sought for up to so many variables without; from here on outwards nothing must be feasible.
SHAVED, FAR, CLOSER = 200, 1e9, 8.0
#: Rounding in the last digits of a slope counts as far as this times the largest finite bound or value.
REACHES = (1e12, 1e9, 1e6)
#: Of corrections to multipliers.
ROUNDS = 5
#: Smaller multipliers, relative to the largest, are none.
NEGLIGIBLE = 1e-9
#: Rounding of a combined slope, relative to the terms that are summed in it.
ROUNDING = 1e-14
#: Points at which a tangent is held against values.
POINTS = 8


def contradiction(problem: Minimize, x: np.ndarray | None, *, halve: bool = True) -> Check | None:
    """A passed check with the reason, or None if there is no proof.

    Args:
        x: from where the least violation is looked for; None: the problem's start.
        halve: boxes, which takes a second or two where it leads to nothing.
    """
    if not problem.constraints:
        return None
    boxes = _Boxes(problem)
    lower, upper = implied.bounds(problem)
    lower, upper = boxes.whole(lower, upper)
    if boxes.excluded(lower, upper):
        return _passed("a constraint is violated at every point within the bounds, by interval arithmetic")
    lower, upper = boxes.shaved(lower, upper)
    if boxes.excluded(lower, upper):
        return _passed("constraints bound the variables, and within these bounds one is violated at every point")
    found = _by_tangents(problem, problem.start if x is None else x, lower, upper)
    if found is not None:
        return found
    halves = boxes.covered(lower, upper) if halve else None
    if halves is None:
        return None
    return _passed(f"a constraint is violated everywhere on each of {halves} boxes that hold all points")


def _passed(reason: str) -> Check:
    return Check(NAME, "passed", f"no point satisfies all constraints: {reason}")


class _Boxes:
    """Interval arithmetic over boxes of a problem's variables, as far as a count of work goes."""

    def __init__(self, problem: Minimize) -> None:
        self._problem = problem
        self._left = int(min(BOXES, ELEMENTS // max(1, elements_of(problem))))
        self._outputs = [constraint.output for constraint in problem.constraints]

    def whole(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Integer variables between whole numbers."""
        whole = self._problem.integrality
        return np.where(whole, np.ceil(lower - 1e-9), lower), np.where(whole, np.floor(upper + 1e-9), upper)

    def excluded(self, lower: np.ndarray, upper: np.ndarray) -> bool:
        """True if no point of the box satisfies all constraints; False if that is not known."""
        if (lower > upper).any():
            return True
        if self._left <= 0:
            return False
        self._left -= 1
        problem = self._problem
        low, high = problem.layout.split(lower), problem.layout.split(upper)
        box = {**problem.data, **{name: (low[name], high[name]) for name in problem.layout.names}}
        found = evaluate_over(problem.program, self._outputs, box)
        for constraint, (smallest, largest) in zip(problem.constraints, found, strict=True):
            if constraint.sense != ">=" and bool(np.any(smallest > 0.0)):
                return True
            if constraint.sense != "<=" and bool(np.any(largest < 0.0)):
                return True
        return False

    def shaved(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends for variables without, where all that lies beyond is excluded."""
        lower, upper = lower.copy(), upper.copy()
        open_ends = np.flatnonzero(~np.isfinite(lower) | ~np.isfinite(upper))
        if open_ends.size > SHAVED:
            return lower, upper
        for ends, others, sign in ((upper, lower, 1.0), (lower, upper, -1.0)):
            for k in open_ends:
                end = FAR
                while not np.isfinite(ends[k]) or end < abs(ends[k]):
                    kept, other = ends[k], others[k]
                    begin = max(sign * end, other) if sign > 0.0 else min(sign * end, other)
                    others[k], ends[k] = begin, kept
                    gone = self.excluded(lower, upper)
                    others[k] = other
                    if not gone:
                        break
                    ends[k] = max(sign * end, other) if sign > 0.0 else min(sign * end, other)
                    end /= CLOSER
                    if end < 1.0 / FAR:
                        break
        return lower, upper

    def covered(self, lower: np.ndarray, upper: np.ndarray) -> int | None:
        """How many excluded boxes cover the whole one; None if that did not come out."""
        problem = self._problem
        if problem.n > HALVED:
            return None
        stack, done = [(lower, upper)], 0
        first = np.where(np.isfinite(lower) & np.isfinite(upper) & (upper > lower), upper - lower, 1.0)
        while stack:
            low, high = stack.pop()
            if self.excluded(low, high):
                done += 1
                continue
            middle = _middle(low, high)
            middle = np.where(problem.integrality, np.floor(middle), middle)
            if self._left <= 0 or values_at(problem, middle).violation <= 0.0:
                return None
            if np.abs(middle).max() > ENDLESS:
                return None
            width = (high - low) / first
            width[problem.integrality & (high - low < 1.0)] = 0.0
            k = int(width.argmax())
            if not (low[k] <= middle[k] < high[k]) or not width[k] > 0.0:
                return None
            left, right = high.copy(), low.copy()
            left[k], right[k] = middle[k], middle[k] + 1.0 if problem.integrality[k] else middle[k]
            stack += [(right, high), (low, left)]
        return done


def _middle(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Of boxes with infinite ends: zero, or so far beyond the finite end that some dozen halvings reach any size."""
    with np.errstate(all="ignore"):
        beyond = np.where(
            np.isfinite(low),
            np.where(low < 0.0, 0.0, 8.0 * np.maximum(1.0, low)),
            np.where(np.isfinite(high), np.where(high > 0.0, 0.0, 8.0 * np.minimum(-1.0, high)), 0.0),
        )
        inside = low + 0.5 * (high - low)
    return np.where(np.isfinite(inside), inside, beyond)


def _by_tangents(problem: Minimize, x: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Check | None:
    """From the convex constraints alone, within a box that holds all feasible points."""
    oracle = problem.oracle
    usable_g, usable_h = _convex_rows(problem, equations=False), _convex_rows(problem, equations=True)
    if not (usable_g.any() or usable_h.any()) or (usable_g.size + usable_h.size) * problem.n > JACOBIAN_ENTRIES:
        return None

    def weights(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        g, h = oracle.values(oracle.inequalities, point), oracle.values(oracle.equalities, point)
        return np.where(usable_g, np.maximum(g, 0.0), 0.0), np.where(usable_h, h, 0.0)

    def slopes(point: np.ndarray, mu: np.ndarray, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        Jg, Jh = oracle.jacobian(oracle.inequalities, point)[1], oracle.jacobian(oracle.equalities, point)[1]
        return mu @ Jg + lam @ Jh, mu @ np.abs(Jg) + np.abs(lam) @ np.abs(Jh)

    def squares(point: np.ndarray) -> tuple[float, np.ndarray]:
        mu, lam = weights(point)
        value, slope = 0.5 * float(mu @ mu + lam @ lam), slopes(point, mu, lam)[0]
        return (value, slope) if np.isfinite(value) and np.isfinite(slope).all() else (1e300, np.zeros(point.size))

    ends = list(zip(lower, upper, strict=True))
    options = {"maxiter": 500, "maxcor": 30, "ftol": 1e-30, "gtol": 1e-14}
    found = minimize(squares, np.clip(x, lower, upper), jac=True, method="L-BFGS-B", bounds=ends, options=options)
    point = np.clip(found.x, lower, upper)
    mu, lam = weights(point)
    size = max(float(mu.max(initial=0.0)), float(np.abs(lam).max(initial=0.0)))
    if not np.isfinite(size) or size <= 0.0:
        return None
    # the smallest are what the search left of violations that vanish
    mu, lam = (np.where(np.abs(m) > NEGLIGIBLE * size, m / size, 0.0) for m in (mu, lam))
    mu, lam = _balanced(problem, point, mu, lam, lower, upper)
    slope, terms = slopes(point, mu, lam)
    open_ = _open(slope, lower, upper)
    # a slope that is more than rounding leads somewhere, however far
    if (np.abs(slope[open_]) > ROUNDING * terms[open_]).any():
        return None
    slope = np.where(open_, 0.0, slope)
    known = [np.abs(end[np.isfinite(end)]).max(initial=0.0) for end in (lower, upper)]
    largest = max(1.0, float(np.abs(point).max()), *known)
    value, error = _combined(problem, point, mu, lam)
    for reach in (factor * largest for factor in REACHES):
        low, high = np.maximum(lower, -reach), np.minimum(upper, reach)
        loss = least(slope, 0.0, low - point, high - point, ROUNDING * (np.abs(slope) + terms))
        if value - error + loss > 0.0:
            break
    else:
        return None
    random = np.random.default_rng(0)
    for _ in range(POINTS):
        value, error = _combined(problem, random.uniform(low, high), mu, lam)
        if np.isfinite(value) and not value + error > 0.0:
            return None
    return _passed("a combination of convex constraints is positive everywhere, by its tangent")


def _open(slope: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Where no bound ends the way downhill."""
    return np.asarray(((slope > 0.0) & np.isinf(lower)) | ((slope < 0.0) & np.isinf(upper)))


def _balanced(
    problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest multipliers whose slope vanishes on variables without bounds, by least squares."""
    oracle = problem.oracle
    Jg, Jh = oracle.jacobian(oracle.inequalities, x)[1], oracle.jacobian(oracle.equalities, x)[1]
    for _ in range(ROUNDS):
        used_g, used_h = np.flatnonzero(mu), np.flatnonzero(lam)
        J = np.concatenate([Jg[used_g], Jh[used_h]])
        if not J.size:
            break
        weights = np.concatenate([mu[used_g], lam[used_h]])
        slope = weights @ J
        free = _open(slope, lower, upper)
        if not free.any():
            break
        weights = weights - np.linalg.lstsq(J[:, free].T, slope[free], rcond=1e-12)[0]
        mu, lam = mu.copy(), lam.copy()
        mu[used_g], lam[used_h] = np.maximum(weights[: used_g.size], 0.0), weights[used_g.size :]
    return mu, lam


def _convex_rows(problem: Minimize, *, equations: bool) -> np.ndarray:
    """For each element of the inequalities or equations, as the oracle stacks them, whether its constraint is known to
    be convex."""
    flags = [np.zeros(0, dtype=bool)]
    for constraint in problem.constraints:
        if (constraint.sense == "==") == equations:
            shape = problem.program.operations[problem.program.outputs[constraint.output]].shape
            flags.append(np.full(int(np.prod(shape)), constraint.convex))
    return np.concatenate(flags)


def _combined(problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray) -> tuple[float, float]:
    at = values_at(problem, x, scaled=False)
    total, error = replace(at, objective=type(at.objective)(0.0), error=0.0).lagrangian(problem, mu, lam)
    return float(total), error
