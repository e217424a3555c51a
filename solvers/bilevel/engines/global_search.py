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
from solvers.bilevel.engines.global_parts import Stated, Within, implied_box, scanned, spread
from solvers.bilevel.engines.lower import LowerPoint, LowerSolver
from solvers.bilevel.engines.mpcc import MOST_UNKNOWNS, Mpcc, Point
from solvers.bilevel.engines.patience import Patience
from solvers.bilevel.engines.run import Candidate, Run, violation
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.bilevel.sources import Row, Sources, difference, program
from solvers.core import registry
from solvers.core.engine import Context, Engine, EngineSpec, Option
from solvers.core.errors import EngineFailure, UnsupportedProblem
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
#: That at which the point is called optimal.
CLAIMED = 1e-5
#: Starts of the local search before the first round, rounds of each with cuts, and their seconds in all.
STARTS, REPEATS, EXPLORING = 12, 4, 8.0
#: By how much (relative) SCIP's tolerances may make a point look better than it is.
INEXACT = 1e-2
#: A point that violates constraints by more is none, whatever SCIP's tolerances.
GROSS = 0.1


class GlobalEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        if problem.sources is None:
            raise UnsupportedProblem("the global search needs the problem's expressions", pointer="/engine")
        return _Search(Run(problem, settings, context, SPEC), problem.sources).run()


ENGINE = GlobalEngine()


class _Search:
    """One solve."""

    def __init__(self, run: Run, sources: Sources) -> None:
        self.of, self.problem, self.sources = run, run.problem, sources
        self.n, self.m = self.problem.n, self.problem.m
        stated = self.stated = Stated(self.problem, sources)
        self.objective, self.below, self.shared = stated.objective, stated.below, stated.shared
        self.box = (np.zeros(0), np.zeros(0))
        self.cuts, self.binaries = list[Row](), 0
        self.best: tuple[float, np.ndarray, np.ndarray] | None = None
        #: whether y of the best point solves the lower level to full accuracy, not only to SCIP's
        self.exact = False
        self._until = np.inf
        self.mpcc = Mpcc(self.problem, self._late)
        self.bound = -np.inf
        self.loss: dict[bytes, float] = {}
        self.patience = Patience()

    def run(self) -> BilevelAnswer:
        run, message = self.of, ""
        x = self.problem.upper.start if run.settings.start is None else run.settings.start[0]
        self._visit(self._inside(x))
        self.box = implied_box(self.problem, self.stated, self._solve)
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
            if run.iterations == 1 and not self.closed:
                self._explore()
            if self.closed:
                break
            gap = np.inf if self.best is None else self.best[0] - self.bound
            if run.settings["time_limit"] is None and np.isfinite(gap) and self.patience.over(gap):
                message = self.patience.words(gap)
                break
            key = np.round(x, 7).tobytes()
            self.loss[key] = SHRINK * self.loss.get(key, LOSS)
            if self.loss[key] < LEAST_LOSS:
                message = "The same upper point came again and again: the bound cannot be closed further."
                break
        else:
            run.limit = run.limit or "iterations"
        return self._answer(message)

    def _late(self) -> bool:
        # by CPU time: what is found must not depend on what else the machine does
        return self.of.stopping() is not None or time.process_time() > self._until

    def _explore(self) -> None:
        """Points of the lower level's first-order conditions from several starts: most often one of them is optimal."""
        if self._integers or self.mpcc.unknowns > MOST_UNKNOWNS:
            return
        for x, y in scanned(self.of, self._known()):
            self._visit(self._inside(x), y)
        self._until = time.process_time() + EXPLORING
        seed = self.of.settings["seed"]
        for x, y in spread(self.problem, *self.box, STARTS, seed):
            if self._late() or self.closed:
                break
            solved = self._lower(x, y)
            y = y if solved is None else solved
            found = self.mpcc.search(x, y)
            for _ in range(REPEATS):
                if found is None or self._known_better(found.value):
                    break
                before = len(self.mpcc.others)
                self._visit(self._inside(found.x), found.y)
                if len(self.mpcc.others) == before:
                    break
                found = self.mpcc.search(x, y)
            self.mpcc.others.clear()
        self._until = np.inf

    @property
    def _integers(self) -> bool:
        return any(bool(level.integrality.any()) for level in (self.problem.upper, self.problem.lower))

    def _known_better(self, value: float) -> bool:
        return self.best is not None and self.best[0] <= value - 1e-9 * (1.0 + abs(value))

    @property
    def closed(self) -> bool:
        if self.best is None:
            return False
        gap = max(CLOSED, self.of.settings["relative_gap"])
        return bool(self.best[0] - self.bound <= gap * max(1.0, abs(self.best[0])))

    @property
    def _proved(self) -> bool:
        """Whether the bound meets the best point as nearly as an optimum is claimed."""
        return self.best is not None and self.best[0] - self.bound <= CLAIMED * (1.0 + abs(self.best[0]))

    def _relaxation(self) -> Program:
        upper, lower, extra = self.problem.upper, self.problem.lower, self.binaries
        return program(
            self.objective,
            [*self.stated.constraints, *self.cuts],
            np.concatenate([self.box[0], np.zeros(extra)]),
            np.concatenate([self.box[1], np.ones(extra)]),
            np.concatenate([upper.integrality, lower.integrality, np.ones(extra, dtype=bool)]),
        )

    def _visit(self, x: np.ndarray, y: np.ndarray | None = None) -> float | None:
        """Solve the lower level at x, cut, and take the best of its solutions as a point. The lower value, or None.

        Args:
            y: of which it is asked whether it is such a solution; if it is not, the one found joins ``mpcc.others``.
        """
        level = self.problem.lower
        objective, rows = self.sources.objective("lower", x=x), self.sources.rows("lower", x=x)
        box = (level.lower, level.upper, level.integrality)
        solved = self._lower(x, level.start if y is None else y)
        if solved is None:
            return None
        value = self._value("lower", x, solved)
        self._cut(self._moved(x, solved, value, objective, rows))
        if y is not None:
            if self._value("lower", x, y) <= value + SAME_VALUE * (1.0 + abs(value)):
                self._offer(self._value("upper", x, y), x, y, exact=True)
                return value
            self.mpcc.others.append(solved)
        near = Row(difference(objective, value + SAME_VALUE * (1.0 + abs(value))))
        above = self.sources.rows("upper", x=x)
        choice = self._solve(program(self.sources.objective("upper", x=x), [*rows, *above, near], *box))
        if choice.x is not None:
            y = np.clip(np.where(level.integrality, np.round(choice.x), choice.x), level.lower, level.upper)
            self._take(x, y)
        elif violation(self.problem, tensor(x), tensor(solved)) == 0.0:
            self._take(x, solved)
        return value

    def _lower(self, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """A global solution of the lower level at x: where it is convex by Newton's method, else by SCIP."""
        level = self.problem.lower
        if self.problem.lower_convex:
            found = LowerSolver(self.problem, tolerance=1e-9, stop=self._late)(tensor(x), LowerPoint(tensor(y)))
            if found.residual <= 1e-7 and found.violation <= 1e-8:
                return found.y.numpy()
        solved = self._solve(
            program(
                self.sources.objective("lower", x=x),
                self.sources.rows("lower", x=x),
                level.lower,
                level.upper,
                level.integrality,
            )
        )
        return None if solved.x is None else np.clip(solved.x, level.lower, level.upper)

    def _take(self, x: np.ndarray, y: np.ndarray) -> None:
        """A lower solution by SCIP's tolerance, which may be far from the true one where the objective is flat: made
        exact if it can be."""
        reached = self._value("upper", x, y)
        better = not self.exact or self.best is None or reached < self.best[0] - INEXACT * (1.0 + abs(reached))
        if not np.isfinite(reached) or not better:
            return
        if not self._integers and self.mpcc.unknowns <= MOST_UNKNOWNS:
            found = self._improved(x, y)
            if found is not None and found.value <= reached + INEXACT * (1.0 + abs(reached)):
                self._offer(*found, exact=True)
                return
        self._offer(reached, x, y, exact=self._integers)

    def _improved(self, x: np.ndarray, y: np.ndarray) -> Point | None:
        """The best point with the constraints that are active at (x, y), where y does solve the lower level."""
        self.mpcc.others = []
        for _ in range(REPEATS):
            found = self.mpcc.polished(x, y)
            lower = None if found is None else self._lower(found.x, found.y)
            if found is None or lower is None:
                break
            least = self._value("lower", found.x, lower)
            if self._value("lower", found.x, found.y) <= least + SAME_VALUE * (1.0 + abs(least)):
                self.mpcc.others = []
                return found
            self.mpcc.others.append(lower)
        self.mpcc.others = []
        return None

    def _offer(self, value: float, x: np.ndarray, y: np.ndarray, *, exact: bool) -> None:
        if not np.isfinite(value) or violation(self.problem, tensor(x), tensor(y)) > GROSS:
            return
        near = INEXACT * (1.0 + abs(value)) if exact and not self.exact else 0.0
        if self.best is None or value < self.best[0] + near:
            self.best, self.exact = (value, x, y), exact
            self.of.incumbent(value, tensor(x), tensor(y))

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
            # what comes first must leave time for what follows
            share = settings["round_seconds"] if self.of.iterations > 1 else 0.1 * settings["time_limit"]
            options["time_limit"] = max(0.05, min(left, share, settings["round_seconds"]))
        if start is not None:
            known = np.full(given.n, np.nan)
            known[: start.size] = start
            options["start"] = Start(x=known)
        solver: Engine[Program, ProgramAnswer] = registry.load("program", "scip")
        try:
            return solver.solve(given, options, Within(self.of.context))
        except EngineFailure as error:
            # SCIP breaks down on some nonlinear programs: that one gives nothing then
            return ProgramAnswer(status="no-solution", message=str(error))

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
            return replace(run.finish([], message or "No point was found that satisfies both levels."), bound=bound)
        value, x, y = self.best
        refined = run.finish([Candidate(tensor(x), tensor(y))], message)
        if refined.x is not None and refined.objective is not None:
            better = self.problem.signed(refined.objective) <= value + 1e-6 * (1.0 + abs(value))
            if better and not self.problem.upper.constrained and not self.problem.lower.integrality.any():
                return replace(refined, bound=bound, status="globally-optimal" if self._proved else refined.status)
        return BilevelAnswer(
            status="globally-optimal" if self._proved else "feasible",
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
