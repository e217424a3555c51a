"""A lower bound on a convex problem, from a gradient and multipliers alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.onelevel import implied
from solvers.onelevel.problem import Minimize
from solvers.onelevel.values import EXTENDED_ELEMENTS, JACOBIAN_ENTRIES, elements_of, values_at

#: Roundings of a double that a slope may have gone through, relative to the terms that are summed in it.
ROUNDING = 1e-15
#: Points of the box that a bound is held against.
POINTS = 8
#: Share of the accepted gap that a value there may be below the bound, for the rounding of the tangent.
SLACK = 0.1


@dataclass(frozen=True)
class Bound:
    """``value`` holds on the whole box from ``lower`` to ``upper``; None if there is none, ``words`` say why."""

    value: float | None
    words: str
    lower: np.ndarray
    upper: np.ndarray


def proved(problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray) -> Bound:
    """From the tangent at x, which must lie within the bounds.

    Args:
        mu, lam: multipliers as the oracle stacks constraints, mu >= 0.
    """
    oracle = problem.oracle
    at = values_at(problem, x, scaled=False)
    lower, upper = problem.lower, problem.upper
    if problem.regularizers:
        _, slope = oracle.gradient(x, oracle.smooth)
        terms = np.abs(slope)
        slope = slope + _subgradient(problem, x, slope)
        value, error = float(at.objective), at.error
    else:
        _, slope = oracle.gradient(x, oracle.lagrangian(mu, lam))
        terms = _terms(problem, x, mu, lam)
        total, error = at.lagrangian(problem, mu, lam)
        value = float(total)
    uncertain = ROUNDING * (np.abs(slope) + terms)
    modulus, source = _modulus(problem)
    loss = least(slope, modulus, lower - x, upper - x, uncertain)
    if not np.isfinite(loss) and problem.constraints:
        lower, upper = implied.bounds(problem)
        loss = least(slope, modulus, lower - x, upper - x, uncertain)
    words = "convex; bounded below by its tangent" + (f" and strong convexity {source}" if source else "")
    if not np.isfinite(loss):
        loss = _within_level_set(problem, x, slope, value)
        words = "convex by the rules; bounded below by its tangent on the level set that the regularizer gives"
    if not np.isfinite(loss):
        words = (
            "convex by the rules, so that every stationary point is a global minimum; but variables without bounds "
            "leave no finite bound for a gradient that is not exactly zero"
        )
        return Bound(None, words, lower, upper)
    found = value - error + loss - ROUNDING * max(1.0, abs(value))
    if not np.isfinite(found):
        words = "convex by the rules, but a slope is infinite at this point, which gives no bound"
        return Bound(None, words, lower, upper)
    return Bound(found, words, lower, upper)


def doubtful(problem: Minimize, bound: Bound, x: np.ndarray, mu: np.ndarray, lam: np.ndarray, allowed: float) -> bool:
    """True if a point of the box has a value of the Lagrangian that is, or may for its rounding be, below the bound.

    None has if the slopes are right: where terms cancel so far that derivatives are not those of the expression, and
    agree with differences near x all the same, they are found out far from it.
    """
    assert bound.value is not None
    random = np.random.default_rng(0)
    count = int(np.clip(EXTENDED_ELEMENTS // (4 * max(1, elements_of(problem))), 2, POINTS))
    low = np.where(
        np.isfinite(bound.lower), bound.lower, np.minimum(x, bound.upper) - 10.0 * np.maximum(1.0, np.abs(x))
    )
    high = np.where(
        np.isfinite(bound.upper), bound.upper, np.maximum(x, bound.lower) + 10.0 * np.maximum(1.0, np.abs(x))
    )
    for k in range(count):
        share = random.integers(0, 2, problem.n) if k % 4 else random.uniform(size=problem.n)
        y = np.where(share == 0.0, low, np.where(share == 1.0, high, low + share * (high - low)))
        at = values_at(problem, y, scaled=False)
        value, error = (at.objective, at.error) if problem.regularizers else at.lagrangian(problem, mu, lam)
        if np.isfinite(value) and not float(value) - error >= bound.value - SLACK * allowed:
            return True
    return False


def _terms(problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """For each variable, the absolute slopes of objective and weighted constraints, summed."""
    oracle = problem.oracle
    total = np.abs(oracle.gradient(x)[1])
    for weights, which in ((mu, oracle.inequalities), (lam, oracle.equalities)):
        if not weights.any():
            continue
        if weights.size * problem.n <= JACOBIAN_ENTRIES:
            total = total + np.abs(weights) @ np.abs(oracle.jacobian(which, x)[1])
            continue
        zero, one = np.zeros_like(weights), which is oracle.inequalities
        part = oracle.lagrangian(weights if one else zero, zero if one else weights)
        total = total + np.abs(oracle.gradient(x, part)[1])
    return np.asarray(total)


def least(slope: np.ndarray, modulus: float, down: np.ndarray, up: np.ndarray, uncertain: np.ndarray) -> float:
    """What ``slope.d + modulus/2 |d|^2`` is not below for ``down <= d <= up``, up to ``uncertain`` in each slope."""
    if modulus > 0.0:
        step = np.clip(-slope / modulus, down, up)
        # the minimum over d of a tilted parabola moves by the tilt times the step, and the tilt's own square
        tilt = uncertain * np.abs(step) + 0.5 * uncertain * uncertain / modulus
        return float(np.sum(slope * step + 0.5 * modulus * step * step - tilt))
    with np.errstate(invalid="ignore"):
        steep = np.abs(slope) + uncertain
        reach = np.maximum(np.abs(down), np.abs(up))
        ends = np.where(slope > 0.0, slope * down, np.where(slope < 0.0, slope * up, 0.0))
        ends = ends - np.where(steep > 0.0, uncertain * np.where(np.isfinite(reach), reach, 0.0), 0.0)
    return float(np.sum(ends))


def _modulus(problem: Minimize) -> tuple[float, str]:
    if problem.facts.modulus > 0.0:
        return problem.facts.modulus, f"{problem.facts.modulus:.3g} (by the text)"
    if problem.least_curvature > 0.0:
        return problem.least_curvature, f"{problem.least_curvature:.3g} (smallest eigenvalue of its Hessian)"
    return 0.0, ""


def _subgradient(problem: Minimize, x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The subgradient of the regularizers at x that comes nearest to -slope."""
    total = np.zeros_like(x)
    for regularizer in problem.regularizers:
        part, weight = x[regularizer.groups], regularizer.weight
        wanted = -slope[regularizer.groups]
        if regularizer.norm == "norm1":
            total[regularizer.groups] += np.where(part != 0.0, weight * np.sign(part), np.clip(wanted, -weight, weight))
            continue
        norms = np.sqrt(np.sum(part * part, axis=1, keepdims=True))
        lengths = np.sqrt(np.sum(wanted * wanted, axis=1, keepdims=True))
        inside = wanted * np.minimum(1.0, weight / np.maximum(lengths, 1e-300))
        total[regularizer.groups] += np.where(norms > 0.0, weight * part / np.maximum(norms, 1e-300), inside)
    return total


def _within_level_set(problem: Minimize, x: np.ndarray, slope: np.ndarray, objective: float) -> float:
    """Where the smooth part is never negative, a minimizer y has ``weight * norm(y) <= f(x)``: that bounds y - x."""
    if not problem.smooth_facts.nonnegative or not problem.regularizers:
        return -np.inf
    rest = slope.copy()
    loss = 0.0
    for regularizer in problem.regularizers:
        part, gradient = x[regularizer.groups], rest[regularizer.groups]
        reach = max(objective, 0.0) / regularizer.weight
        if regularizer.norm == "norm1":
            loss -= float(np.abs(gradient).max()) * (reach + float(np.abs(part).sum()))
        else:
            lengths = np.sqrt(np.sum(gradient * gradient, axis=1))
            loss -= float(lengths.max()) * (reach + float(np.sqrt(np.sum(part * part, axis=1)).sum()))
        rest[regularizer.groups] = 0.0
    down, up = problem.lower - x, problem.upper - x
    return loss + least(rest, 0.0, down, up, np.zeros_like(rest))
