"""Newton's method on both players' first-order conditions, with the constraints that are active at a point."""

from __future__ import annotations

import numpy as np

from solvers.saddle.problem import Saddle

#: Above this many unknowns no dense system is factorized.
DENSE = 2000
STEPS = 8


def polished(problem: Saddle, z: np.ndarray) -> np.ndarray:
    """The point after Newton steps, as long as the residual falls; z itself if none does.

    With the active normals J: ``DF d + J'l = -F``, ``J d = 0`` on the variables that are not at a bound; for curved
    constraints J's change is left out, which the projection after each step makes good.
    """
    if z.size > DENSE:
        return z
    oracle, sets = problem.oracle, problem.sets
    signs = np.concatenate([np.ones(problem.n), -np.ones(problem.m)])
    slope = oracle.operator(z)[1]
    found = max(sets.residuals(z, slope))
    for _ in range(STEPS):
        if not np.isfinite(found) or found <= 1e-14:
            break
        ahead = sets.project(z - slope)
        free = ~((ahead <= sets.lower) | (ahead >= sets.upper))
        base = np.where(free, z, ahead)
        slope_there = oracle.operator(base)[1]
        J = sets.active(ahead, 1e-9)[:, free]
        D = (oracle.hessian(base) * signs[:, None])[np.ix_(free, free)]
        if not np.isfinite(D).all() or not np.isfinite(slope_there).all():
            break
        rows = J.shape[0]
        system = np.block([[D, J.T], [J, np.zeros((rows, rows))]])
        right = np.concatenate([-slope_there[free], np.zeros(rows)])
        step = np.linalg.lstsq(system, right, rcond=1e-13)[0][: int(free.sum())]
        trial = base.copy()
        trial[free] += step
        trial = sets.project(trial)
        new_slope = oracle.operator(trial)[1]
        new = max(sets.residuals(trial, new_slope))
        if not new < found:
            break
        z, slope, found = trial, new_slope, new
    return z
