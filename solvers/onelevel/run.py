"""What every engine of one level does: check options, poll for the stop, report, and state its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import InvalidProblem
from solvers.core.run import BaseRun
from solvers.onelevel import rays
from solvers.onelevel.answer import MinimizeAnswer, Status
from solvers.onelevel.options import OPTIONS
from solvers.onelevel.problem import FEATURE_WORDS, Minimize

#: Values below this are taken for those of a problem without a minimum.
RUN_AWAY = -1e15
#: Iterations after which a ray is looked for, and again after twice as many.
FIRST_LOOK = 32
#: Points looked at for each distance from a start at which a function is not defined.
TRIES = 20


class Stopped(Exception):
    """Raised inside a library's callback to leave it."""


class Run(BaseRun):
    """One solve of a problem of one level."""

    def __init__(self, spec: EngineSpec, problem: Minimize, options: Mapping[str, Any], context: Context) -> None:
        super().__init__(spec, problem.features, FEATURE_WORDS, OPTIONS, options, context)
        self.problem = problem
        self._best: tuple[float, np.ndarray] | None = None
        self._ray: np.ndarray | None = None
        torch.set_num_threads(self.values["threads"])
        context.report(iterations=0)

    def step(self, objective: float, x: np.ndarray, **metrics: float) -> bool:
        """Count an iteration and report it; True if the engine must return now."""
        self.iterations += 1
        self.context.report(
            iterations=self.iterations, objective=self.problem.signed(objective), **cast("dict[str, Any]", metrics)
        )
        if np.isfinite(objective) and not self.problem.constraints:
            self._offer(objective, x)
            if self._endless(objective, x):
                return True
        return self.over() or (objective < RUN_AWAY and not self.problem.constraints)

    def _endless(self, objective: float, x: np.ndarray) -> bool:
        """Looked at ever more seldom: an objective that falls in steps of the same size would take for ever."""
        if self.iterations < FIRST_LOOK or self.iterations & (self.iterations - 1):
            return False
        if rays.suspected(self.problem, x, objective):
            ray = rays.proved(self.problem, x, None, self["feasibility_tolerance"])
            self._ray = None if ray is None else ray.direction
        return self._ray is not None

    def _offer(self, objective: float, x: np.ndarray) -> None:
        if self._best is None or objective < self._best[0]:
            self._best = (objective, x.copy())
            self.context.incumbent(self.problem.signed(objective), x)

    def answer(self, x: np.ndarray, status: Status, **parts: Any) -> MinimizeAnswer:
        """The answer at x, moved into the bounds; the objective is evaluated there."""
        problem = self.problem
        # an engine that relaxes bounds may be beyond them in the last digits
        x = np.clip(x, problem.lower, problem.upper)
        statistics = {
            "iterations": self.iterations,
            **problem.oracle.counts,
            "seconds": self.seconds,
            **parts.pop("statistics", {}),
        }
        value = problem.oracle.value(x)
        if self._ray is not None:
            status, parts["ray"] = "unbounded", self._ray
        if value < RUN_AWAY:
            parts["message"] = (
                f"the objective came to {problem.signed(value):.1e}: it seems to be unbounded; give bounds"
            )
        elif not np.isfinite(value):
            parts.setdefault("message", "the objective has no finite value at the last point")
        return MinimizeAnswer(
            status=status,
            limit=self.limit,
            x=x,
            objective=problem.signed(value),
            statistics=statistics,
            engine=self.spec.id,
            engine_version=self.spec.version,
            **parts,
        )


def started(run: Run, options: Mapping[str, Any]) -> np.ndarray:
    """The warm start if there is one, else the problem's start; within the bounds.

    Where a function or a slope is infinite or undefined at the start (``sqrt`` and ``norm2`` at 0), a point near it,
    or else one within the bounds, is taken.

    Raises:
        InvalidProblem: no point was found at which all functions have values.
    """
    problem = run.problem
    given = options.get("start")
    x = problem.start if given is None else np.asarray(given, dtype=np.float64)
    begin: np.ndarray = np.clip(x, problem.lower, problem.upper)
    if _defined(problem, begin):
        return begin
    random = np.random.default_rng(run["seed"])
    for reach in (1e-6, 1e-3, 0.1, 1.0, 10.0):
        for _ in range(TRIES):
            step = reach * np.maximum(1.0, np.abs(begin)) * random.uniform(-1.0, 1.0, begin.size)
            near: np.ndarray = np.clip(begin + step, problem.lower, problem.upper)
            if _defined(problem, near):
                run.context.log(f"not defined at the start: begun {np.abs(near - begin).max():.1g} from it")
                return near
    raise InvalidProblem(
        "the objective or a constraint has no finite value at the start, nor at points around it",
        pointer="/variables",
        hint="give a start at which every expression is defined, and bounds that keep variables where it is",
    )


def _defined(problem: Minimize, x: np.ndarray) -> bool:
    oracle = problem.oracle
    value, slope = oracle.gradient(x)
    if not (np.isfinite(value) and np.isfinite(slope).all()):
        return False
    for which in (oracle.inequalities, oracle.equalities):
        if problem.constraints and not np.isfinite(oracle.values(which, x)).all():
            return False
    return True


def projected(x: np.ndarray, slope: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The projected gradient step ``x - P(x - slope)``: zero exactly at first-order points of bounds.

    Written such that a slope is not lost in the rounding of a large x: a point that runs away would look stationary.
    """
    step: np.ndarray = np.clip(slope, x - upper, x - lower)
    return step
