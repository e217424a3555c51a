"""``value-function``: linear bilevel problems with integer lower variables, globally, with a bound.

The high-point relaxation is solved again and again (by SCIP). At its upper solution the lower level is solved; where
the relaxation's y is worse than that, the lower solution becomes a cut (see ``high_point``), and the best y among the
lower solutions becomes a point of the problem (the value-function reformulation as of Mitsos 2010 and Lozano and Smith
2017). Where all upper variables in lower rows are integer, each cut is exact where it was made: the search is finite.

Floor: a round is one integer program and two smaller ones, some hundredths of a second each for some tens of variables;
knapsack interdiction with 30 items needs as many rounds as there are undominated ways to interdict.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.bilevel.answer import BilevelAnswer, Limit, Status
from solvers.bilevel.engines.high_point import HighPoint
from solvers.bilevel.forms import Forms
from solvers.bilevel.problem import Bilevel
from solvers.bilevel.settings import Settings, settings_of
from solvers.core import registry
from solvers.core.engine import Context, Engine, EngineSpec, Option, Quiet, StopReason
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Program
from solvers.programs.start import Start

SPEC = EngineSpec(
    id="value-function",
    family="bilevel",
    version="1.0",
    title="Value function (integer lower level)",
    summary="Linear problems with integer lower variables, globally, with a bound; also interdiction",
    solves=frozenset({"integer", "integer-lower", "lower-bounds", "lower-constraints", "upper-constraints"}),
    capabilities=frozenset({"warm-start", "bound", "incumbents-out", "progress", "log", "deterministic"}),
    options=(Option("round_limit", "integer", None, "Largest number of rounds", minimum=1),),
    process_group="torch",
    requires=("torch", "pyscipopt"),
    citation="https://doi.org/10.1007/s10898-009-9479-y",
)

#: y solves the lower level if its objective is this near (relative) to the lower optimum.
SAME_VALUE = 1e-7


class ValueFunctionEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        forms = problem.forms
        if forms is None:
            raise UnsupportedProblem("integer lower variables need linear functions", pointer="/engine")
        return _Search(problem, settings, context, HighPoint(problem, forms.scaled), forms).run()


ENGINE = ValueFunctionEngine()


class _Search:
    """One solve."""

    def __init__(
        self, problem: Bilevel, settings: Settings, context: Context, relaxation: HighPoint, forms: Forms
    ) -> None:
        self.problem, self.settings, self.context, self.relaxation = problem, settings, context, relaxation
        #: as given; values here are in the relaxation's units
        self.forms = forms
        self.began = time.monotonic()
        limit = settings["time_limit"]
        self.until = None if limit is None else self.began + limit
        self.best: tuple[float, np.ndarray, np.ndarray] | None = None
        self.bound = -np.inf
        self.rounds = self.cuts = 0
        self.limit: Limit | None = None

    def run(self) -> BilevelAnswer:
        seen: set[bytes] = set()
        message = ""
        x = self.problem.upper.start if self.settings.start is None else self.settings.start[0]
        self._visit(self._rounded(x))
        self._root()
        while not self._over():
            self.rounds += 1
            found = self._solve(self.relaxation.program(), start=self._known())
            if found.status == "infeasible":
                # cuts are valid, so only points as good as the best one are cut off
                return self._answer("infeasible" if self.best is None else "globally-optimal", closed=True)
            if found.status == "unbounded":
                words = "The problem without lower optimality is unbounded: bounds on the variables would help."
                return self._answer("no-solution", words)
            if found.bound is not None and np.isfinite(found.bound):
                self.bound = max(self.bound, float(found.bound))
            if found.x is None:
                message = found.message
                break
            z = found.x[: self.problem.n + self.problem.m]
            x, y = self._rounded(z[: self.problem.n]), z[self.problem.n :]
            value = self._visit(x, float(self.relaxation.d @ y))
            self._report(value, y)
            if self._closed():
                return self._answer("globally-optimal")
            key = np.round(x[self.relaxation.linking], 9).tobytes()
            if key in seen and found.status == "optimal":
                message = "The same upper point came twice: upper variables in lower constraints are continuous, "
                message += "and the lower value jumps there."
                break
            seen.add(key)
        return self._answer("feasible" if self.best is not None else "no-solution", message)

    def _root(self) -> None:
        """Cuts at the relaxation without integrality, for interdiction: far cheaper than rounds."""
        last, still = -np.inf, 0
        while still < 5 and not self._over():
            found = self.relaxation.continuous()
            y = None if found is None else self.relaxation.best_against(found[0])
            if found is None or y is None or not self.relaxation.add(y):
                return
            self.cuts += 1
            still = 0 if found[1] > last + 1e-4 * (1.0 + abs(last)) else still + 1
            last = max(last, found[1])

    def _visit(self, x: np.ndarray, here: float = np.inf) -> float | None:
        """Solve the lower level at x, cut, and take the best of its solutions as a point. The lower value, or None."""
        lower = self._solve(self.relaxation.below(x))
        if lower.status not in ("optimal", "imprecise") or lower.x is None:
            return None
        integer = self.problem.lower.integrality
        y = np.where(integer, np.round(lower.x), lower.x)
        value = float(self.relaxation.d @ y)
        near = SAME_VALUE * (min(1.0, float(np.abs(self.relaxation.d).max())) + abs(value))
        if here > value + near:
            self.cuts += self.relaxation.add(y)
        completed = self._solve(self.relaxation.program(fixed=x, value=value + near))
        if completed.x is None:
            return value
        z = completed.x
        whole = np.concatenate([self.problem.upper.integrality, integer])
        z = np.where(whole, np.round(z), z)
        objective = self.relaxation.forms.upper.value(z)
        if self.best is None or objective < self.best[0]:
            self.best = objective, z[: self.problem.n], z[self.problem.n :]
            self.context.incumbent(self._signed(objective), z)
        return value

    def _signed(self, value: float) -> float:
        """In the user's units and sense."""
        return self.problem.signed(self.forms.upper_value(value))

    def _rounded(self, x: np.ndarray) -> np.ndarray:
        level = self.problem.upper
        return np.clip(np.where(level.integrality, np.round(x), x), level.lower, level.upper)

    def _known(self) -> np.ndarray | None:
        return None if self.best is None else np.concatenate(self.best[1:])

    def _solve(self, program: Program, start: np.ndarray | None = None) -> ProgramAnswer:
        options: dict[str, Any] = {
            "relative_gap": 0.1 * self.settings["relative_gap"],
            "absolute_gap": 1e-9,
            "primal_tolerance": min(1e-7, self.settings["feasibility_tolerance"]),
            "seed": self.settings["seed"],
            "log": False,
        }
        if self.until is not None:
            options["time_limit"] = max(0.05, self.until - time.monotonic())
        if start is not None and program.discrete:
            known = np.full(program.n, np.nan)
            known[: start.size] = start
            options["start"] = Start(x=known)
        solver: Engine[Program, ProgramAnswer] = registry.load("program", "scip")
        return solver.solve(program, options, Quiet(self.context))

    def _closed(self) -> bool:
        if self.best is None:
            return False
        return bool(self.best[0] - self.bound <= max(1e-9, self.settings["relative_gap"] * abs(self.best[0])))

    def _over(self) -> bool:
        reason: StopReason | None = self.context.should_stop()
        if reason is not None:
            self.limit = reason
        elif self.until is not None and time.monotonic() >= self.until:
            self.limit = "time"
        elif self.settings["round_limit"] is not None and self.rounds >= self.settings["round_limit"]:
            self.limit = "iterations"
        return self.limit is not None

    def _report(self, value: float | None, y: np.ndarray) -> None:
        self.context.report(
            iterations=self.rounds,
            objective=None if self.best is None else self._signed(self.best[0]),
            bound=self._signed(self.bound) if np.isfinite(self.bound) else None,
            lower_residual=None if value is None else max(0.0, float(self.relaxation.d @ y) - value),
            cuts=self.cuts,
            phase="value function",
        )
        if self.settings["log"]:
            best = "-" if self.best is None else f"{self._signed(self.best[0]):.8g}"
            at = time.monotonic() - self.began
            bound = self._signed(self.bound)
            self.context.log(f"[{at:8.2f} s] round {self.rounds}: best {best}, bound {bound:.8g}, cuts {self.cuts}")

    def _answer(self, status: Status, message: str = "", *, closed: bool = False) -> BilevelAnswer:
        x = y = None
        objective = below = bound = None
        if self.best is not None:
            value, x, y = self.best
            if closed:
                self.bound = max(self.bound, value)
            objective = self._signed(value)
            below = self.problem.signed(self.forms.lower.value(np.concatenate([x, y])), "lower")
        if np.isfinite(self.bound):
            bound = self._signed(min(self.bound, np.inf if self.best is None else self.best[0]))
        return BilevelAnswer(
            status=status,
            limit=self.limit,
            x=x,
            y=y,
            objective=objective,
            lower_objective=below,
            bound=bound,
            statistics={"rounds": self.rounds, "cuts": self.cuts, "seconds": time.monotonic() - self.began},
            message=message,
            engine=SPEC.id,
            engine_version=SPEC.version,
        )
