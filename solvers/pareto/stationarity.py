"""Weights that make a point as stationary as it can be: ``min |J'w + N'm|``, w >= 0 with sum 1, multipliers m."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from solvers.pareto.problem import Pareto

#: Bounds and constraints closer than this count as active.
NEAR = 1e-7
#: Share of unit gradients that each objective gets where it is free to have, and what that may cost of stationarity.
FLOOR, COST = 1e-3, 1e-8


def weights_at(problem: Pareto, x: np.ndarray, J: np.ndarray) -> np.ndarray:
    """The weights w, all positive where positive ones do; equal ones where the gradients have no finite values.

    Args:
        J: (objectives, n), of the minimized objectives at x.
    """
    k, n = J.shape
    if not np.isfinite(J).all():
        return np.full(k, 1.0 / k)
    columns = [J.T]
    identity = np.eye(n)
    at_lower = x <= problem.lower + NEAR * np.maximum(1.0, np.abs(x))
    at_upper = x >= problem.upper - NEAR * np.maximum(1.0, np.abs(x))
    columns += [-identity[:, at_lower], identity[:, at_upper]]
    if problem.weighted.constraints:
        oracle = problem.weighted.oracle
        g, Jg = oracle.jacobian(oracle.inequalities, x)
        _, Jh = oracle.jacobian(oracle.equalities, x)
        active = g >= -NEAR * np.maximum(1.0, np.abs(g))
        # multipliers of equations have either sign
        columns += [Jg[active].T, Jh.T, -Jh.T]
    matrix = np.concatenate(columns, axis=1)
    if not np.isfinite(matrix).all():
        return np.full(k, 1.0 / k)
    # objectives of unlike sizes: the smallest combination of unit gradients has the sounder weights
    sizes = np.maximum(np.linalg.norm(J, axis=1), 1e-300)
    heavy = 1e3 * max(1.0, float(np.abs(matrix[:, k:]).max(initial=0.0)))
    matrix[:, :k] /= sizes
    total = np.zeros((1, matrix.shape[1]))
    total[0, :k] = heavy
    system, right = np.concatenate([matrix, total]), np.append(np.zeros(n), heavy)
    floor = np.zeros(matrix.shape[1])
    floor[:k] = FLOOR / k
    try:
        solution, cost = nnls(system, right)
        above, same = nnls(system, right - system @ floor)
    except RuntimeError:
        # it gives up after three times as many steps as there are columns
        return np.full(k, 1.0 / k)
    if same <= cost + COST:
        # an objective without weight could be better elsewhere, with no other one worse
        solution = above + floor
    found = solution[:k] / sizes
    weight = float(found.sum())
    return found / weight if weight > 0.0 else np.full(k, 1.0 / k)


def residual(problem: Pareto, x: np.ndarray, J: np.ndarray) -> float:
    """Largest entry of the projected ``J'w`` within the bounds, for engines; constraints are not looked at."""
    slope = weights_at(problem, x, J) @ J
    step = np.clip(slope, x - problem.upper, x - problem.lower)
    found = float(np.abs(step).max(initial=0.0))
    return found if np.isfinite(found) else np.inf
