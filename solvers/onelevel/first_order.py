"""First-order conditions for certificates: multipliers, the residual, and whether derivatives are right."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import lsq_linear

from solvers.core.certificate import Check
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.kkt import projected_slope, slope_scale
from solvers.onelevel.problem import Minimize
from solvers.onelevel.regularizers import prox
from solvers.onelevel.values import JACOBIAN_ENTRIES, real_of, value_of, values_at

DIRECTIONS = 3
DERIVATIVE_TOLERANCE = 1e-5
#: Where differences do not settle, the last of them must be this near for slopes to count.
ROUGH = 1e-2


def multipliers_at(
    problem: Minimize, answer: MinimizeAnswer, x: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The engine's, else by bounded least squares; stacked as by the oracle, inequalities' never negative.

    Args:
        near: of each inequality, how far below 0 it counts as active.
    """
    oracle = problem.oracle
    g, h = oracle.values(oracle.inequalities, x), oracle.values(oracle.equalities, x)
    if answer.multipliers is not None and len(answer.multipliers) == len(problem.constraints):
        mu = [m.reshape(-1) for m, c in zip(answer.multipliers, problem.constraints, strict=True) if c.sense != "=="]
        lam = [m.reshape(-1) for m, c in zip(answer.multipliers, problem.constraints, strict=True) if c.sense == "=="]
        return np.maximum(np.concatenate([np.zeros(0), *mu]), 0.0), np.concatenate([np.zeros(0), *lam])
    if not problem.constraints or (g.size + h.size) * problem.n > JACOBIAN_ENTRIES:
        return np.zeros_like(g), np.zeros_like(h)
    Jg, Jh = oracle.jacobian(oracle.inequalities, x)[1], oracle.jacobian(oracle.equalities, x)[1]
    _, slope = oracle.gradient(x)
    active = g >= -near
    at_lower, at_upper = x <= problem.lower + 1e-9, x >= problem.upper - 1e-9
    identity = np.eye(problem.n)
    columns = np.concatenate([Jg[active].T, Jh.T, -identity[:, at_lower], identity[:, at_upper]], axis=1)
    if not columns.shape[1] or not (np.isfinite(columns).all() and np.isfinite(slope).all()):
        return np.zeros_like(g), np.zeros_like(h)
    low = np.zeros(columns.shape[1])
    low[int(active.sum()) : int(active.sum()) + h.size] = -np.inf
    solution = lsq_linear(columns, -slope, bounds=(low, np.inf), tol=1e-14).x
    mu_all = np.zeros_like(g)
    mu_all[active] = solution[: int(active.sum())]
    return mu_all, solution[int(active.sum()) : int(active.sum()) + h.size]


def stationarity_at(problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray, near: np.ndarray) -> float:
    """Largest residual of a variable, relative to ``kkt.slope_scale``. Multipliers of constraints that are not active
    (``near`` as above) are taken for zero, so that complementarity needs no measure of its own."""
    oracle = problem.oracle
    scale = slope_scale(problem, x)
    if problem.regularizers:
        _, slope = oracle.gradient(x, oracle.smooth)
        found = _proximal(problem, x, slope, scale)
    else:
        if mu.any():
            g = oracle.values(oracle.inequalities, x)
            mu = np.where(g >= -near, mu, 0.0)
        _, slope = oracle.gradient(x, oracle.lagrangian(mu, lam))
        found = projected_slope(problem, x, slope, scale)
    worst = float(np.max(found, initial=0.0))
    return worst if np.isfinite(worst) else float("inf")


def _proximal(problem: Minimize, x: np.ndarray, slope: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """``x - prox(x - slope)``, relative to the slope only where neither a kink nor a bound cuts the step short."""
    ahead = prox(problem, x - slope, 1.0)
    step = np.abs(x - ahead)
    short = (ahead == 0.0) | (ahead <= problem.lower) | (ahead >= problem.upper)
    width = np.minimum(1.0, np.where(problem.upper > problem.lower, problem.upper - problem.lower, 1.0))
    return np.asarray(np.where(short, step / width, step / scale))


def derivatives_check(problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray) -> tuple[Check, bool]:
    """Slopes of the Lagrangian (with regularizers: of the smooth part) along random directions against differences of
    values, into the box where x touches its bounds; and False if what rests on slopes cannot be claimed."""
    oracle, random = problem.oracle, np.random.default_rng(0)
    _, own = oracle.gradient(x, oracle.smooth)
    slope = own if problem.regularizers else oracle.gradient(x, oracle.lagrangian(mu, lam))[1]
    if not np.isfinite(slope).all() or not np.isfinite(own).all():
        return Check("derivatives", "skipped", "the objective has no finite slope at the point"), True

    def value(point: np.ndarray) -> tuple[Any, float]:
        if problem.regularizers:
            found, error = value_of(problem, "smooth", point)
            return found[()], float(error)
        return values_at(problem, point, scaled=False).lagrangian(problem, mu, lam)

    real = real_of(problem)
    # where a function curves much a large step is wrong, where it is large a small one drowns in rounding: any will do
    steps = (1e-6, 1e-8, 1e-10) if real is np.longdouble else (6e-6, 1e-6, 1e-7)
    worst, far, hidden, unclear = 0.0, 0.0, False, False
    for _ in range(DIRECTIONS):
        direction, inward = _direction(problem, x, random, max(steps))
        expected = float(slope @ direction)
        size = max(1.0, abs(expected), float(np.linalg.norm(own * direction)))
        size = max(size, float(np.linalg.norm((slope - own) * direction)))
        errors: list[float] = []
        before = None
        for step in map(real, steps):
            places, factors = ((0, 1, 2), (-1.5, 2.0, -0.5)) if inward else ((1, -1), (0.5, -0.5))
            ends = [value(np.asarray(x, dtype=real) + k * step * np.asarray(direction, dtype=real)) for k in places]
            measured = float(sum(f * v for f, (v, _) in zip(factors, ends, strict=True)) / step)
            rounding = sum(abs(f) * e for f, (_, e) in zip(factors, ends, strict=True)) / float(step)
            if not np.isfinite(measured):
                return Check("derivatives", "skipped", "the objective is not defined around the point"), True
            if rounding <= DERIVATIVE_TOLERANCE * size:
                errors.append(max(0.0, abs(measured - expected) - rounding) / size)
                agree = before is not None and abs(measured - before) <= DERIVATIVE_TOLERANCE * size
                if errors[-1] <= DERIVATIVE_TOLERANCE or agree:
                    break
                before = measured
        else:
            # what differences of ever smaller steps do not agree on contradicts nothing
            unclear, hidden = unclear or bool(errors), hidden or not errors
            far, errors = max(far, errors[-1] if errors else 0.0), []
        worst = max(worst, errors[-1] if errors else 0.0)
    if hidden and worst <= DERIVATIVE_TOLERANCE:
        text = "terms cancel so far that rounding hides the slopes: nothing that rests on them is claimed"
        return Check("derivatives", "skipped", text), False
    if unclear and worst <= DERIVATIVE_TOLERANCE:
        return Check(
            "derivatives", "skipped", "the objective bends too much around the point for differences"
        ), far <= ROUGH
    passed = worst <= DERIVATIVE_TOLERANCE
    text = "gradients agree with differences of independently computed values"
    text = (
        text if passed else "gradients differ from differences of independently computed values: nothing rests on them"
    )
    return Check("derivatives", "passed" if passed else "failed", text, worst, DERIVATIVE_TOLERANCE), passed


def _direction(problem: Minimize, x: np.ndarray, random: np.random.Generator, reach: float) -> tuple[np.ndarray, bool]:
    """Random, but away from bounds that x touches; and whether it touches any."""
    direction = random.normal(size=problem.n)
    direction *= np.maximum(1.0, np.abs(x)) / max(float(np.linalg.norm(direction)), 1e-300)
    room = 3.0 * reach * np.maximum(1.0, np.abs(x))
    low, high = x - problem.lower <= room, problem.upper - x <= room
    direction = np.where(low, np.abs(direction), np.where(high, -np.abs(direction), direction))
    direction[low & high] = 0.0
    return direction, bool((low | high).any())


__all__ = ["derivatives_check", "multipliers_at", "stationarity_at"]
