"""Problems of one level solved as mathematical programs: by HiGHS (linear, convex quadratic) or SCIP (global)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core import registry
from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.onelevel.answer import MinimizeAnswer, Status
from solvers.onelevel.engines.as_program import as_program, kinked
from solvers.onelevel.problem import Minimize
from solvers.onelevel.run import Run
from solvers.programs.answer import ProgramAnswer
from solvers.programs.start import Start

_STATUS: dict[str, Status] = {
    "optimal": "globally-optimal",
    "imprecise": "feasible",
    "feasible": "feasible",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
}
_LIMITS = frozenset({"time", "iterations", "nodes", "memory", "cancelled", "beaten"})


class ByProgram:
    """Implements ``solvers.core.engine.Engine`` on top of an engine for programs."""

    def __init__(self, spec: EngineSpec, solver: str) -> None:
        self.spec = spec
        self._solver = solver

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(self.spec, problem, options, context)
        # SCIP takes kinks as they are
        spelled = None if problem.smooth or self._solver == "scip" else kinked(problem)
        program, ranges = spelled or as_program(problem)
        solver = registry.load("program", self._solver)
        if not solver.spec.accepts(program.features):
            raise UnsupportedProblem(
                f"{self.spec.title} takes only linear and convex quadratic objectives with linear constraints",
                pointer="/engine",
                hint="engine: auto, or scip",
            )
        given = {name: run[name] for name in ("time_limit", "relative_gap", "threads", "seed", "log")}
        given["primal_tolerance"] = min(max(0.1 * float(run["feasibility_tolerance"]), 1e-9), 1e-2)
        begin = np.full(program.n, np.nan)
        begin[: problem.n] = problem.start
        given["start"] = Start(begin if spelled else problem.start, None, None)
        signed = _Signed(context, problem)
        found: ProgramAnswer = solver.solve(program, {k: v for k, v in given.items() if v is not None}, signed)
        status = _STATUS.get(found.status, "no-solution")
        limit: Any = found.limit if found.limit in _LIMITS else None if found.limit is None else "other"
        version = solver.spec.version
        ray = None if found.primal_ray is None else found.primal_ray[: problem.n]
        if found.x is None or np.isnan(found.x).any():
            return MinimizeAnswer(
                status=status if status in ("infeasible", "unbounded") else "no-solution",
                limit=limit,
                ray=ray,
                message=found.message,
                statistics=dict(found.statistics),
                engine=self.spec.id,
                engine_version=version,
            )
        x = np.clip(found.x[: problem.n], problem.lower, problem.upper)
        x[problem.integrality] = np.rint(x[problem.integrality])
        run.limit = limit
        return run.answer(
            x,
            status,
            bound=None if found.bound is None else problem.signed(found.bound),
            multipliers=_multipliers(problem, found, ranges),
            ray=ray,
            message=found.message,
            statistics=dict(found.statistics),
        )


class _Signed:
    """The context of the user's problem, for a solver that minimizes."""

    def __init__(self, context: Context, problem: Minimize) -> None:
        self._context = context
        self._problem = problem
        self.deadline = context.deadline
        self.offers = False

    def report(self, **metrics: float | int | str | None) -> None:
        for name in ("objective", "bound"):
            value = metrics.get(name)
            if isinstance(value, int | float):
                metrics[name] = self._problem.signed(value)
        self._context.report(**metrics)

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        self._context.incumbent(self._problem.signed(objective), x[: self._problem.n])

    def log(self, text: str) -> None:
        self._context.log(text)

    def should_stop(self) -> Any:
        return self._context.should_stop()

    def foreign_incumbent(self) -> None:
        return None


def _multipliers(
    problem: Minimize, found: ProgramAnswer, ranges: list[tuple[int, int]]
) -> tuple[np.ndarray, ...] | None:
    """A row's dual is the objective's change per unit of its side: the multiplier is its negative (positive for >=)."""
    if found.row_duals is None or problem.integrality.any():
        return None
    result = []
    for constraint, (begin, end) in zip(problem.constraints, ranges, strict=True):
        shape = problem.program.operations[problem.program.outputs[constraint.output]].shape
        duals = found.row_duals[begin:end].reshape(shape)
        result.append(duals.copy() if constraint.sense == ">=" else -duals)
    return tuple(result)
