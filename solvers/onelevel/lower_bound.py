"""A lower bound on a convex problem, from a gradient and multipliers alone."""

from __future__ import annotations

import numpy as np

from solvers.onelevel import implied
from solvers.onelevel.problem import Minimize

#: What the bound is lowered by for the rounding of gradients, relative to max(1, |f|).
ROUNDING = 1e-12


def proved(
    problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray, objective: float
) -> tuple[float | None, str]:
    """The bound, None if there is none; and why, in a sentence.

    Args:
        mu, lam: multipliers as the oracle stacks constraints, mu >= 0.
    """
    oracle = problem.oracle
    if problem.regularizers:
        _, slope = oracle.gradient(x, oracle.smooth)
        slope = slope + _subgradient(problem, x, slope)
        value = objective
    else:
        _, slope = oracle.gradient(x, oracle.lagrangian(mu, lam))
        g, h = oracle.values(oracle.inequalities, x), oracle.values(oracle.equalities, x)
        value = objective + float(mu @ g) + float(lam @ h)
    modulus, source = _modulus(problem)
    down, up = problem.lower - x, problem.upper - x
    loss = _least(slope, modulus, down, up)
    if not np.isfinite(loss) and problem.constraints:
        implied_lower, implied_upper = implied.bounds(problem)
        loss = _least(slope, modulus, implied_lower - x, implied_upper - x)
    words = "convex; bounded below by its tangent" + (f" and strong convexity {source}" if source else "")
    if not np.isfinite(loss):
        loss = _within_level_set(problem, x, slope, objective)
        words = "convex by the rules; bounded below by its tangent on the level set that the regularizer gives"
    if not np.isfinite(loss):
        return None, (
            "convex by the rules, so that every stationary point is a global minimum; but variables without bounds "
            "leave no finite bound for a gradient that is not exactly zero"
        )
    return value + loss - ROUNDING * max(1.0, abs(objective)), words


def _least(slope: np.ndarray, modulus: float, down: np.ndarray, up: np.ndarray) -> float:
    """Smallest value of ``slope.d + modulus/2 |d|^2`` over ``down <= d <= up``."""
    if modulus > 0.0:
        step = np.clip(-slope / modulus, down, up)
        return float(np.sum(slope * step + 0.5 * modulus * step * step))
    with np.errstate(invalid="ignore"):
        ends = np.where(slope > 0.0, slope * down, np.where(slope < 0.0, slope * up, 0.0))
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
    return loss + _least(rest, 0.0, down, up)
