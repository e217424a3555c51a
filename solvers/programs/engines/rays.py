"""Proofs that there is no answer: Farkas multipliers and directions without end. Used by every engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from solvers.core.engine import EngineSpec
from solvers.programs.answer import ProgramAnswer
from solvers.programs.engines.points import point_at
from solvers.programs.problem import SEMI_CONTINUOUS, Program

#: Entries of a ray, scaled to a largest entry of 1, that are smaller than this are taken for rounding.
NEGLIGIBLE = 1e-9


def farkas_excess(problem: Program, y: np.ndarray) -> float:
    """How far the multipliers prove infeasibility: the least that the rows demand of ``y'Ax`` less the most that the
    bounds allow; positive for a proof.

    ``y`` is taken as scaled to a largest entry of 1; entries of ``A'y`` below 1e-9 against an infinite bound count as
    zero.
    """
    size = float(np.abs(y).max(initial=0.0))
    if size == 0.0:
        return -math.inf
    y = y / size
    g = problem.A.T @ y
    semi = problem.integrality >= SEMI_CONTINUOUS
    lower = np.where(semi, np.minimum(problem.lower, 0.0), problem.lower)
    upper = np.where(semi, np.maximum(problem.upper, 0.0), problem.upper)
    return _side_sum(y, problem.row_lower, problem.row_upper) - _side_sum(g, upper, lower)


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


def without_variables(problem: Program, spec: EngineSpec) -> ProgramAnswer:
    """The answer to a program that has no variables: its rows hold or they do not. Solvers disagree on this case."""
    point = point_at(problem, np.zeros(0))
    said: dict[str, Any] = {"message": "no variables", "engine": spec.id, "engine_version": spec.version}
    gap = np.maximum(problem.row_lower - point.activity, point.activity - problem.row_upper)
    if gap.max(initial=0.0) > 0.0:
        i = int(np.argmax(gap))
        ray = np.zeros(problem.m)
        ray[i] = 1.0 if problem.row_lower[i] > point.activity[i] else -1.0
        return ProgramAnswer("infeasible", dual_ray=ray if point.activity[i] == 0.0 else None, **said)
    return ProgramAnswer(
        "optimal",
        objective=point.objective,
        bound=point.objective,
        x=point.x,
        row_activity=point.activity,
        row_duals=None if problem.discrete else np.zeros(problem.m),
        reduced_costs=None if problem.discrete else np.zeros(0),
        **said,
    )
