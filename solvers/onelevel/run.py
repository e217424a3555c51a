"""What every engine of one level does: check options, poll for the stop, report, and state its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.core.options import resolve
from solvers.onelevel.answer import Limit, MinimizeAnswer, Status
from solvers.onelevel.options import OPTIONS
from solvers.onelevel.problem import FEATURE_WORDS, Minimize


class Stopped(Exception):
    """Raised inside a library's callback to leave it."""


class Run:
    """One solve.

    Attributes:
        values: checked options.
        iterations: counted by ``step``.
        limit: which limit ended the run, once one did.
    """

    def __init__(self, spec: EngineSpec, problem: Minimize, options: Mapping[str, Any], context: Context) -> None:
        lacking = problem.features - spec.solves
        if lacking:
            words = " and ".join(FEATURE_WORDS[name] for name in sorted(lacking))
            raise UnsupportedProblem(f"{spec.title} does not take {words}", pointer="/engine", hint="engine: auto")
        given = {name: value for name, value in options.items() if name != "start"}
        self.spec = spec
        self.problem = problem
        self.context = context
        self.values = resolve((*OPTIONS, *spec.options), given, owner=spec.title)
        self.iterations = 0
        self.limit: Limit | None = None
        self.begun = time.perf_counter()
        self._best: tuple[float, np.ndarray] | None = None
        torch.set_num_threads(self.values["threads"])
        context.report(iterations=0)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def step(self, objective: float, x: np.ndarray, **metrics: float) -> bool:
        """Count an iteration and report it; True if the engine must return now."""
        self.iterations += 1
        self.context.report(
            iterations=self.iterations, objective=self.problem.signed(objective), **cast("dict[str, Any]", metrics)
        )
        if np.isfinite(objective) and not self.problem.constraints:
            self._offer(objective, x)
        return self.over()

    def over(self) -> bool:
        """True if a limit is reached, which is kept in ``limit``."""
        reason = self.context.should_stop()
        if reason is not None:
            self.limit = cast("Limit", reason)
        elif self.values["iteration_limit"] is not None and self.iterations >= self.values["iteration_limit"]:
            self.limit = "iterations"
        return self.limit is not None

    def _offer(self, objective: float, x: np.ndarray) -> None:
        if self._best is None or objective < self._best[0]:
            self._best = (objective, x.copy())
            self.context.incumbent(self.problem.signed(objective), x)

    def answer(self, x: np.ndarray, status: Status, **parts: Any) -> MinimizeAnswer:
        """The answer at x; the objective is evaluated there."""
        problem = self.problem
        statistics = {
            "iterations": self.iterations,
            **problem.oracle.counts,
            "seconds": time.perf_counter() - self.begun,
            **parts.pop("statistics", {}),
        }
        value = problem.oracle.value(x)
        if not np.isfinite(value):
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
    """The warm start if there is one, else the problem's start; within the bounds."""
    problem = run.problem
    given = options.get("start")
    x = problem.start if given is None else np.asarray(given, dtype=np.float64)
    begin: np.ndarray = np.clip(x, problem.lower, problem.upper)
    return begin


def projected(x: np.ndarray, slope: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The projected gradient step ``x - P(x - slope)``: zero exactly at first-order points of bounds."""
    step: np.ndarray = x - np.clip(x - slope, lower, upper)
    return step
