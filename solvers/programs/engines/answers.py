"""Answers that every engine puts together in the same way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from solvers.core.engine import EngineSpec
from solvers.programs.answer import Limit, ProgramAnswer, Status
from solvers.programs.engines.points import point_at
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program


def answered(spec: EngineSpec, status: Status, limit: Limit | None, found: dict[str, Any]) -> ProgramAnswer:
    """The answer with its engine's name. An infinite bound is none."""
    bound = found.get("bound")
    if bound is not None and not math.isfinite(bound):
        found["bound"] = None
    return ProgramAnswer(status=status, limit=limit, engine=spec.id, engine_version=spec.version, **found)


#: The parts of an answer that make no sense without a point.
POINT = ("x", "objective", "row_activity", "row_duals", "reduced_costs", "cone_duals", "basis", "ranging")


def without_point(found: dict[str, Any]) -> None:
    """Take the point, and what belongs to it, out of the answer."""
    for name in POINT:
        found.pop(name, None)


def beyond_cutoff(problem: Program, cutoff: float | None, found: dict[str, Any]) -> bool:
    """True, and the point taken out of the answer, if it is worse than the user wants to know of."""
    objective = found.get("objective")
    if cutoff is None or objective is None:
        return False
    sign = 1.0 if problem.sense == "min" else -1.0
    if sign * objective <= sign * cutoff + 1e-9 * max(1.0, abs(cutoff)):
        return False
    without_point(found)
    return True


def not_begun(spec: EngineSpec, watch: Watch) -> ProgramAnswer:
    """For a solve that was told to stop before it began."""
    return answered(spec, "no-solution", watch.reason, {"message": "stopped before it began"})


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
