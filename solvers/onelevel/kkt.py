"""First-order conditions for engines: residual, and Newton on the equations of the active set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.onelevel.problem import Minimize

#: Above this many unknowns no dense system is factorized.
DENSE = 2500
#: Violation up to which Newton's steps need not look at it.
KEPT = 1e-9


@dataclass(frozen=True)
class Point:
    """x with multipliers: ``mu >= 0`` of g(x) <= 0 and ``lam`` of h(x) = 0, stacked as by the oracle."""

    x: np.ndarray
    mu: np.ndarray
    lam: np.ndarray


def residual(problem: Minimize, point: Point) -> float:
    """Largest of: projected gradient of the Lagrangian, violation, complementarity; relative to ``slope_scale``."""
    oracle = problem.oracle
    _, slope = oracle.gradient(point.x, oracle.lagrangian(point.mu, point.lam))
    g, h = oracle.values(oracle.inequalities, point.x), oracle.values(oracle.equalities, point.x)
    scale = slope_scale(problem, point.x)
    # mu >= 0 and g <= 0 and one of them 0, in one number
    gap = np.minimum(point.mu / float(scale.max(initial=1.0)), -g)
    parts = [_largest(projected_slope(problem, point.x, slope, scale)), _largest(h), _largest(gap)]
    return max(parts) if np.isfinite(parts).all() else np.inf


def slope_scale(problem: Minimize, x: np.ndarray) -> np.ndarray:
    """What the residual of each variable is relative to: max(1, the objective's slope in that variable).

    Each by its own, or one steep variable would excuse all others. Not by the multipliers, as usual (Waechter, Biegler
    2006): where constraints depend on each other, huge ones cancel and would make any point look stationary.
    """
    own = np.abs(problem.oracle.gradient(x, problem.oracle.smooth)[1])
    return np.maximum(1.0, np.where(np.isfinite(own), own, 1.0))


def projected_slope(problem: Minimize, x: np.ndarray, slope: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """For each variable how far it is from stationary: its slope over its scale, or, if that is less, how far it may
    still go downhill until its bound, over the width between its bounds where that is below 1."""
    room = np.where(slope > 0.0, x - problem.lower, problem.upper - x)
    width = np.minimum(1.0, problem.upper - problem.lower)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(width > 0.0, np.abs(room) / width, 0.0)
    return np.asarray(np.minimum(np.abs(slope) / scale, share))


def polished(problem: Minimize, point: Point, steps: int = 8) -> Point:
    """Newton on ``grad L = 0`` (free variables), ``h = 0``, ``g = 0`` (active), as long as the residual falls."""
    oracle = problem.oracle
    if problem.n + point.mu.size + point.lam.size > DENSE:
        return point
    found = residual(problem, point)
    for _ in range(steps):
        if found <= 1e-13:
            break
        x = point.x
        g, Jg = oracle.jacobian(oracle.inequalities, x)
        h, Jh = oracle.jacobian(oracle.equalities, x)
        function = oracle.lagrangian(point.mu, point.lam)
        _, slope = oracle.gradient(x, function)
        hessian = oracle.hessian(x, function)
        active = point.mu > -g
        free = ~(((x <= problem.lower) & (slope > 0.0)) | ((x >= problem.upper) & (slope < 0.0)))
        J = np.concatenate([Jg[active], Jh])[:, free]
        rows = J.shape[0]
        system = np.block([[hessian[np.ix_(free, free)], J.T], [J, np.zeros((rows, rows))]])
        # multipliers are solved for anew: those of inactive constraints are zero
        base = oracle.gradient(x)[1]
        right = -np.concatenate([base[free], g[active], h])
        if not np.isfinite(system).all() or not np.isfinite(right).all():
            break
        solution = np.linalg.lstsq(system, right, rcond=1e-13)[0]
        step = np.zeros_like(x)
        step[free] = solution[: int(free.sum())]
        multipliers = solution[int(free.sum()) :]
        mu = np.zeros_like(point.mu)
        mu[active] = np.maximum(multipliers[: int(active.sum())], 0.0)
        trial = Point(np.clip(x + step, problem.lower, problem.upper), mu, multipliers[int(active.sum()) :].copy())
        new = residual(problem, trial)
        # an answer may not pay for a smaller slope with a constraint
        if not new < found or violation(problem, trial.x) > max(KEPT, violation(problem, x)):
            break
        point, found = trial, new
    return point


def violation(problem: Minimize, x: np.ndarray) -> float:
    """Of the constraint that x misses by most; infinite where one has no value."""
    oracle = problem.oracle
    g, h = oracle.values(oracle.inequalities, x), oracle.values(oracle.equalities, x)
    worst = max(float(g.max(initial=0.0)), _largest(h))
    return worst if np.isfinite(worst) else np.inf


def multipliers_by_constraint(problem: Minimize, point: Point) -> tuple[np.ndarray, ...]:
    """In the order of the problem's constraints, each in its own shape."""
    result = []
    taken = {"inequality": 0, "equality": 0}
    for constraint in problem.constraints:
        shape = problem.program.operations[problem.program.outputs[constraint.output]].shape
        size = int(np.prod(shape))
        kind = "equality" if constraint.sense == "==" else "inequality"
        source = point.lam if kind == "equality" else point.mu
        result.append(source[taken[kind] : taken[kind] + size].reshape(shape).copy())
        taken[kind] += size
    return tuple(result)


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))
