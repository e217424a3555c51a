"""``global``: small nonlinear problems, also with a nonconvex lower level, to a bound (Mitsos, Lemonidis, Barton 2008).

The relaxation keeps both levels' constraints; every lower point y' that was found adds: where y' is feasible below,
``f(x, y) <= f(x, y')``. At its x the lower level is solved globally, and so is the choice of the best among the lower
solutions, which gives points of the problem. Where lower constraints contain x, y' is moved inside them for a small
loss of f, that it may be feasible near x too; the loss shrinks when an x comes again. All programs are solved by SCIP.

Floor: a round is three global programs of some variables, hundredths of a second each; a handful of rounds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.run import Candidate, Run
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.bilevel.sources import Row, Sources, difference, program, variables
from solvers.core import registry
from solvers.core.engine import Context, Engine, EngineSpec, LocalContext, Option, StopReason
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Expression, Program
from solvers.programs.start import Start

SPEC = EngineSpec(
    id="global",
    family="bilevel",
    version="1.0",
    title="Global (value-function cuts)",
    summary="Small nonlinear problems, also with a nonconvex lower level, to a bound on the optimum",
    solves=frozenset(
        {
            "nonlinear",
            "integer",
            "integer-lower",
            "lower-bounds",
            "lower-constraints",
            "upper-constraints",
            "nonconvex-lower",
        }
    ),
    capabilities=frozenset({"warm-start", "bound", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option("round_limit", "integer", 60, "Largest number of rounds", minimum=1),
        Option("round_seconds", "float", 10.0, "Largest time of one of a round's programs", minimum=0.1, unit="s"),
    ),
    process_group="torch",
    requires=("torch", "pyscipopt"),
    citation="https://doi.org/10.1007/s10898-007-9260-z",
)

#: Loss of the lower objective (relative) for a y' inside the lower constraints, and by how much it shrinks.
LOSS, SHRINK, LEAST_LOSS = 1e-2, 0.1, 1e-7
#: y solves the lower level if its objective is this near (relative) to the lower optimum.
SAME_VALUE = 2e-7
#: The gap, relative, at which nonlinear programs with tolerances of their own are called closed.
CLOSED = 1e-4


class GlobalEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        if problem.sources is None:
            raise UnsupportedProblem("the global search needs the problem's expressions", pointer="/engine")
        return _Search(Run(problem, settings, context, SPEC), problem.sources).run()


ENGINE = GlobalEngine()


def able(problem: Bilevel) -> bool:
    """Whether the engine takes the problem's expressions."""
    if problem.sources is None:
        return False
    try:
        _Stated(problem, problem.sources)
    except UnsupportedProblem:
        return False
    return True


class _Stated:
    """The problem in scalar expressions.

    Attributes:
        objective, below: of both levels; constraints: of both.
        shared: of the lower constraints, which contain upper variables.
    """

    def __init__(self, problem: Bilevel, sources: Sources) -> None:
        self.objective = sources.objective("upper")
        self.below = sources.objective("lower")
        rows = sources.rows("lower")
        self.constraints = [*sources.rows("upper"), *rows]
        self.shared = np.array([any(k < problem.n for k in variables(row.body)) for row in rows], dtype=bool)
        if any(row.equal for row, both in zip(rows, self.shared, strict=True) if both):
            raise UnsupportedProblem(
                "the global search does not take lower equations with upper variables in them",
                pointer="/engine",
                hint="engine: auto",
            )


class _Search:
    """One solve."""

    def __init__(self, run: Run, sources: Sources) -> None:
        self.of, self.problem, self.sources = run, run.problem, sources
        self.n, self.m = self.problem.n, self.problem.m
        stated = _Stated(self.problem, sources)
        self.objective, self.below = stated.objective, stated.below
        self.constraints, self.shared = stated.constraints, stated.shared
        self.cuts: list[Row] = []
        self.binaries = 0
        self.best: tuple[float, np.ndarray, np.ndarray] | None = None
        self.bound = -np.inf
        self.loss: dict[bytes, float] = {}

    def run(self) -> BilevelAnswer:
        run, message = self.of, ""
        x = self.problem.upper.start if run.settings.start is None else run.settings.start[0]
        self._visit(self._inside(x))
        while run.stopping() is None and run.iterations < run.settings["round_limit"]:
            run.iterations += 1
            found = self._solve(self._relaxation(), self._known())
            if found.status == "infeasible" and self.best is None:
                return BilevelAnswer(status="infeasible", engine=SPEC.id, engine_version=SPEC.version)
            if found.bound is not None and np.isfinite(found.bound):
                self.bound = max(self.bound, float(found.bound))
            if found.x is None:
                message = found.message
                break
            x = self._inside(found.x[: self.n])
            value = self._visit(x)
            self._report(value, x, found.x[self.n : self.n + self.m])
            if self.closed:
                break
            key = np.round(x, 7).tobytes()
            self.loss[key] = SHRINK * self.loss.get(key, LOSS)
            if self.loss[key] < LEAST_LOSS:
                message = "The same upper point came again and again: the bound cannot be closed further."
                break
        else:
            run.limit = run.limit or "iterations"
        return self._answer(message)

    @property
    def closed(self) -> bool:
        if self.best is None:
            return False
        gap = max(CLOSED, self.of.settings["relative_gap"])
        return bool(self.best[0] - self.bound <= gap * max(1.0, abs(self.best[0])))

    def _relaxation(self) -> Program:
        upper, lower, extra = self.problem.upper, self.problem.lower, self.binaries
        return program(
            self.objective,
            [*self.constraints, *self.cuts],
            np.concatenate([upper.lower, lower.lower, np.zeros(extra)]),
            np.concatenate([upper.upper, lower.upper, np.ones(extra)]),
            np.concatenate([upper.integrality, lower.integrality, np.ones(extra, dtype=bool)]),
        )

    def _visit(self, x: np.ndarray) -> float | None:
        """Solve the lower level at x, cut, and take the best of its solutions as a point. The lower value, or None."""
        level = self.problem.lower
        objective, rows = self.sources.objective("lower", x=x), self.sources.rows("lower", x=x)
        box = (level.lower, level.upper, level.integrality)
        lower = self._solve(program(objective, rows, *box))
        if lower.x is None:
            return None
        value = self._value("lower", x, lower.x)
        self._cut(self._moved(x, lower.x, value, objective, rows))
        near = Row(difference(objective, value + SAME_VALUE * (1.0 + abs(value))))
        above = self.sources.rows("upper", x=x)
        choice = self._solve(program(self.sources.objective("upper", x=x), [*rows, *above, near], *box))
        if choice.x is not None:
            y = np.clip(np.where(level.integrality, np.round(choice.x), choice.x), level.lower, level.upper)
            reached = self._value("upper", x, y)
            if np.isfinite(reached) and (self.best is None or reached < self.best[0]):
                self.best = reached, x, y
                self.of.incumbent(reached, tensor(x), tensor(y))
        return value

    def _moved(self, x: np.ndarray, y: np.ndarray, value: float, objective: Expression, rows: list[Row]) -> np.ndarray:
        """A y' as far inside the constraints with x in them as the allowed loss of the lower objective lets it."""
        if not self.shared.any():
            return y
        level = self.problem.lower
        u = Expression("var", index=self.m)
        loss = self.loss.get(np.round(x, 7).tobytes(), LOSS) * (1.0 + abs(value))
        inner = [Row(difference(r.body, u)) if both else r for r, both in zip(rows, self.shared, strict=True)]
        found = self._solve(
            program(
                u,
                [*inner, Row(difference(objective, value + loss))],
                np.append(level.lower, -1.0),
                np.append(level.upper, 0.0),
                np.append(level.integrality, False),
            )
        )
        return y if found.x is None else np.clip(found.x[: self.m], level.lower, level.upper)

    def _cut(self, y: np.ndarray) -> None:
        """``f(x, y) <= f(x, y')``, or a constraint with x in it that y' violates."""
        lower = difference(self.below, self.sources.objective("lower", y=y))
        violable = [r.body for r, both in zip(self.sources.rows("lower", y=y), self.shared, strict=True) if both]
        if not violable:
            self.cuts.append(Row(lower))
            return
        base = self.n + self.m + self.binaries
        choice = [Expression("var", index=base + k) for k in range(1 + len(violable))]
        self.binaries += len(choice)
        bodies = [lower, *(Expression("neg", (body,)) for body in violable)]
        self.cuts += [Row(Expression("*", (z, body))) for z, body in zip(choice, bodies, strict=True)]
        total = choice[0]
        for z in choice[1:]:
            total = Expression("+", (total, z))
        self.cuts.append(Row(Expression("-", (Expression("const", value=1.0), total))))

    def _value(self, which: str, x: np.ndarray, y: np.ndarray) -> float:
        level = self.problem.upper if which == "upper" else self.problem.lower
        return float(level.objective(tensor(x), tensor(y)).detach())

    def _inside(self, x: np.ndarray) -> np.ndarray:
        level = self.problem.upper
        return np.clip(np.where(level.integrality, np.round(x), x), level.lower, level.upper)

    def _known(self) -> np.ndarray | None:
        return None if self.best is None else np.concatenate(self.best[1:])

    def _solve(self, given: Program, start: np.ndarray | None = None) -> ProgramAnswer:
        settings = self.of.settings
        options: dict[str, Any] = {
            "relative_gap": 1e-7,
            "absolute_gap": 1e-8,
            "primal_tolerance": 1e-8,
            "seed": settings["seed"],
            "log": False,
            "time_limit": settings["round_seconds"],
        }
        if settings["time_limit"] is not None:
            left = self.of.began + settings["time_limit"] - time.monotonic()
            options["time_limit"] = max(0.05, min(left, options["time_limit"]))
        if start is not None:
            known = np.full(given.n, np.nan)
            known[: start.size] = start
            options["start"] = Start(x=known)
        solver: Engine[Program, ProgramAnswer] = registry.load("program", "scip")
        return solver.solve(given, options, _Within(self.of.context))

    def _report(self, value: float | None, x: np.ndarray, y: np.ndarray) -> None:
        above = None if value is None else max(0.0, self._value("lower", x, y) - value)
        self.of.report(
            objective=None if self.best is None else self.best[0],
            bound=self.problem.signed(self.bound) if np.isfinite(self.bound) else None,
            lower_residual=above,
            phase="value-function cuts",
        )
        best = "-" if self.best is None else f"{self.problem.signed(self.best[0]):.8g}"
        self.of.log(f"round {self.of.iterations}: best {best}, bound {self.problem.signed(self.bound):.8g}")

    def _answer(self, message: str) -> BilevelAnswer:
        run = self.of
        # by the tolerance of the lower level a point may come out below the bound
        least = self.bound if self.best is None else min(self.bound, self.best[0])
        bound = self.problem.signed(least) if np.isfinite(least) else None
        if self.best is None:
            words = message or "No point was found that satisfies both levels."
            return replace(run.finish([], words), bound=bound)
        value, x, y = self.best
        refined = run.finish([Candidate(tensor(x), tensor(y))], message)
        if refined.x is not None and refined.objective is not None:
            better = self.problem.signed(refined.objective) <= value + 1e-6 * (1.0 + abs(value))
            if better and not self.problem.upper.constrained and not self.problem.lower.integrality.any():
                return replace(refined, bound=bound, status="globally-optimal" if self.closed else refined.status)
        return BilevelAnswer(
            status="globally-optimal" if self.closed else "feasible",
            limit=run.limit,
            x=x,
            y=y,
            objective=self.problem.signed(value),
            lower_objective=self.problem.signed(self._value("lower", x, y), "lower"),
            bound=bound,
            statistics=run.statistics,
            message=message,
            engine=SPEC.id,
            engine_version=SPEC.version,
        )


class _Within(LocalContext):
    """The caller's stop for the programs within; their progress is not that of the whole."""

    def __init__(self, outer: Context) -> None:
        super().__init__()
        self._outer = outer

    def should_stop(self) -> StopReason | None:
        return self._outer.should_stop()
