"""Proofs that there is no answer: Farkas multipliers and directions without end. Used by every engine."""

from __future__ import annotations

import math

import numpy as np

from solvers.programs.problem import SEMI_CONTINUOUS, Program

#: Entries of a ray, scaled to a largest entry of 1, that are smaller than this are taken for rounding.
NEGLIGIBLE = 1e-9

#: Where variables are open, a proof of infeasibility must hold up to this many times the largest finite side.
REACH = 1e3


def farkas_excess(problem: Program, y: np.ndarray, cone_parts: tuple[np.ndarray, ...] = ()) -> float:
    """How far the multipliers prove infeasibility: the least that the rows demand of ``y'Ax`` less the most that the
    bounds allow; positive for a proof.

    ``y`` is taken as scaled to a largest entry of 1. What rounding left of ``A'y`` against an infinite bound counts as
    if the bound were ``REACH`` times the largest finite side.
    """
    size = largest_entry(y, cone_parts)
    if size == 0.0 or not math.isfinite(size):
        return -math.inf
    y = y / size
    side = np.where(y > 0.0, problem.row_lower, problem.row_upper)
    if (np.abs(y[~np.isfinite(side)]) > NEGLIGIBLE).any():
        return -math.inf
    demanded = float(y @ np.where(np.isfinite(side), side, 0.0))
    g = problem.A.T @ y
    for cone, s in zip(problem.cones, cone_parts, strict=bool(cone_parts)):
        g += cone.F.T @ (s / size)
        demanded -= float(cone.g @ s) / size + max(0.0, float(np.linalg.norm(s[1:]) - s[0])) / size
    semi = problem.integrality >= SEMI_CONTINUOUS
    lower = np.where(semi, np.minimum(problem.lower, 0.0), problem.lower)
    upper = np.where(semi, np.maximum(problem.upper, 0.0), problem.upper)
    far = REACH * _largest_side(problem)
    return demanded - float(g @ np.where(g > 0.0, np.clip(upper, -far, far), np.clip(lower, -far, far)))


def _largest_side(problem: Program) -> float:
    sides = np.concatenate((problem.row_lower, problem.row_upper, problem.lower, problem.upper))
    return max(1.0, float(np.abs(sides[np.isfinite(sides)]).max(initial=0.0)))


def cleaned(problem: Program, y: np.ndarray, cone_parts: tuple[np.ndarray, ...] = ()) -> np.ndarray:
    """The multipliers scaled to a largest entry of 1, without what rounding left on infinite sides."""
    y = y / largest_entry(y, cone_parts)
    y[~np.isfinite(np.where(y > 0.0, problem.row_lower, problem.row_upper))] = 0.0
    return y + 0.0


def largest_entry(y: np.ndarray, cone_parts: tuple[np.ndarray, ...] = ()) -> float:
    """The size of a ray."""
    return max(float(np.abs(part).max(initial=0.0)) for part in (y, *cone_parts))


def _side_sum(weights: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """``sum(w > 0: w low) + sum(w < 0: w high)``, with weights below 1e-9 dropped where the side is infinite."""
    side = np.where(weights > 0.0, low, high)
    small = (np.abs(weights) <= NEGLIGIBLE) & ~np.isfinite(side)
    with np.errstate(invalid="ignore"):
        terms = np.where(small | (weights == 0.0), 0.0, weights * side)
    return float(terms.sum())


def ray_without_rows(problem: Program) -> np.ndarray | None:
    """A direction along one unbounded variable in which a linear objective improves, or None."""
    gain = problem.c if problem.sense == "min" else -problem.c
    free = ((gain < 0.0) & np.isposinf(problem.upper)) | ((gain > 0.0) & np.isneginf(problem.lower))
    if not free.any():
        return None
    ray = np.zeros(problem.n)
    j = int(np.argmax(free))
    ray[j] = -np.sign(gain[j])
    return ray


def improves_forever(problem: Program, ray: np.ndarray) -> bool:
    """True if the direction keeps all rows, bounds and cones, and improves the objective, with no curvature.

    Judged within 1e-7 after scaling to a largest entry of 1.
    """
    size = float(np.abs(ray).max(initial=0.0))
    if size == 0.0 or not math.isfinite(size):
        return False
    ray = ray / size
    sign = 1.0 if problem.sense == "min" else -1.0
    slope = sign * float(problem.c @ ray)
    curved = 0.0 if problem.Q is None else float(np.abs(problem.Q @ ray).max(initial=0.0))
    off = max(
        curved,
        _moves_out(problem.A @ ray, problem.row_lower, problem.row_upper),
        _moves_out(ray, problem.lower, problem.upper),
    )
    for cone in problem.cones:
        s = cone.F @ ray
        off = max(off, float(np.linalg.norm(s[1:]) - s[0]))
    return slope < 0.0 and off <= 1e-7 * max(1.0, float(np.abs(problem.A.data).max(initial=0.0)))


def _moves_out(direction: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    down = np.where(np.isfinite(low), -direction, 0.0)
    up = np.where(np.isfinite(high), direction, 0.0)
    return float(np.maximum(down, up).max(initial=0.0))
