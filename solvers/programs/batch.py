"""Many scenarios of one program in one call, each warm-started from the one before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.core.engine import Context, Engine, StopReason
from solvers.programs.answer import ProgramAnswer, ScenarioAnswer
from solvers.programs.batch_state import Keeper, unpack
from solvers.programs.certificates import settle
from solvers.programs.certificates.certify import certify, scenario_as_answer
from solvers.programs.problem import Program
from solvers.programs.scenarios import Change, Scenarios
from solvers.programs.start import Start

__all__ = ["MOST_NUMBERS", "Change", "Scenarios", "rescue", "solve", "unsolved"]

#: Points and duals of scenarios are kept while there are at most this many numbers of them in total.
MOST_NUMBERS = 50_000_000

#: Seconds between two reports.
REPORT_EVERY = 0.2

#: What an engine that keeps a live model offers: a generator of raw scenario answers, sent the number of each scenario.
Hot = Callable[[Program, Scenarios, Mapping[str, Any], Context], Iterator[ScenarioAnswer]]


def solve(
    engine: Engine[Program, ProgramAnswer],
    problem: Program,
    scenarios: Scenarios,
    options: Mapping[str, Any],
    context: Context,
) -> ProgramAnswer:
    """The base program's answer, with ``scenarios``: one answer for each scenario, in order, each certified on its own.

    ``time_limit`` is for the whole call; scenarios that it leaves unsolved are answered ``no-solution``. An engine with
    a method ``solve_scenarios(problem, scenarios, options, context)``, a generator of one answer for each, is used
    through it; any other is called once for each scenario with the last answer as warm start.

    Raises:
        InvalidProblem: the table does not fit the program.
    """
    scenarios = scenarios.checked(problem)
    began = time.monotonic()
    limit = options.get("time_limit")
    single = {name: value for name, value in options.items() if name not in _ONCE}
    base = engine.solve(problem, single, _Quiet(context))
    left = None if limit is None else max(0.0, limit - (time.monotonic() - began))
    rest = {**single, "time_limit": left, "start": _start_of(base, options)}
    hot: Hot | None = getattr(engine, "solve_scenarios", None)
    answers = (hot or _one_by_one(engine))(problem, scenarios, rest, _Quiet(context))
    keeper = Keeper(context, problem.n, problem.m, base.x)
    keep = scenarios.count * (2 * problem.n + problem.m) <= MOST_NUMBERS
    collected: list[ScenarioAnswer] = []
    reported = 0.0
    certified = 0
    for k, answer in enumerate(answers):
        # what was not begun claims nothing; to check thousands of such answers would outlast the grace of a cancel
        checked = answer if unsolved(answer) else _certified(scenarios.program(problem, k), answer, options)
        certified += checked.certified
        keeper.add(checked)
        collected.append(checked if keep else replace(checked, x=None, row_duals=None))
        now = time.monotonic()
        if now - reported >= REPORT_EVERY or k + 1 == scenarios.count:
            reported = now
            context.report(scenario=k + 1, scenarios=scenarios.count, certified=certified, objective=answer.objective)
    iterations = sum(answer.iterations or 0 for answer in collected)
    statistics = {
        **base.statistics,
        "scenarios": scenarios.count,
        "scenarios_certified": certified,
        "scenario_iterations": iterations,
        "seconds": time.monotonic() - began,
    }
    return replace(base, scenarios=tuple(collected), statistics=statistics)


def rescue(
    problem: Program,
    scenarios: Scenarios,
    options: Mapping[str, Any],
    kept: np.ndarray | None,
    answer: ProgramAnswer,
) -> ProgramAnswer:
    """What a batch had done whose process was ended: ``answer`` with those scenarios, certified anew.

    Args:
        kept: the newest array that the batch handed to its context's ``keep``; None if there was none.
        answer: without point and scenarios.
    """
    scenarios = scenarios.checked(problem)
    base, found = (None, []) if kept is None else unpack(kept, problem.n, problem.m)
    done = [
        one if unsolved(one) else _certified(scenarios.program(problem, k), one, options) for k, one in enumerate(found)
    ]
    if base is not None:
        objective, activity = problem.objective_at(base), problem.A @ base
        answer = replace(answer, status="feasible", objective=objective, x=base, row_activity=activity)
    counted = {"scenarios": scenarios.count, "scenarios_certified": sum(one.certified for one in done)}
    return replace(
        answer,
        scenarios=(*done, *[UNSOLVED] * (scenarios.count - len(done))),
        statistics={**answer.statistics, **counted},
    )


#: Options that make no sense for a base program that is only the start of a batch.
_ONCE = frozenset({"start", "iis", "relax", "ranging"})


def _start_of(base: ProgramAnswer, options: Mapping[str, Any]) -> Start | None:
    given: Start | None = options.get("start")
    if base.x is None:
        return given
    return Start(x=base.x, row_duals=base.row_duals, basis=base.basis)


def _one_by_one(engine: Engine[Program, ProgramAnswer]) -> Hot:
    def run(
        problem: Program, scenarios: Scenarios, options: Mapping[str, Any], context: Context
    ) -> Iterator[ScenarioAnswer]:
        began = time.monotonic()
        start = options.get("start")
        limit = options.get("time_limit")
        for k in range(scenarios.count):
            left = None if limit is None else limit - (time.monotonic() - began)
            if context.should_stop() is not None or (left is not None and left <= 0.0):
                yield UNSOLVED
                continue
            answer = engine.solve(
                scenarios.program(problem, k), {**options, "time_limit": left, "start": start}, context
            )
            if answer.x is not None:
                start = Start(x=answer.x, row_duals=answer.row_duals, basis=answer.basis)
            yield ScenarioAnswer(
                status=answer.status,
                objective=answer.objective,
                bound=answer.bound,
                x=answer.x,
                row_duals=answer.row_duals,
                certified=False,
                iterations=answer.statistics.get("iterations"),
            )

    return run


#: The answer to a scenario for which there was no time.
UNSOLVED = ScenarioAnswer(
    status="no-solution", objective=None, bound=None, x=None, row_duals=None, certified=False, iterations=0
)


def unsolved(answer: ScenarioAnswer) -> bool:
    """True for a scenario for which nothing is claimed: there was no time for it."""
    return answer.status == "no-solution" and answer.x is None and answer.bound is None


def _certified(problem: Program, answer: ScenarioAnswer, options: Mapping[str, Any]) -> ScenarioAnswer:
    whole = scenario_as_answer(answer)
    certificate = certify(problem, whole, options)
    settled = settle(whole, certificate)
    return replace(answer, status=settled.status, bound=settled.bound, x=settled.x, certified=certificate.verified)


@dataclass(frozen=True)
class _Quiet:
    """The context of a part of the call: it stops with the whole, and keeps its own progress to itself."""

    outer: Context

    @property
    def deadline(self) -> float | None:
        return self.outer.deadline

    @property
    def offers(self) -> bool:
        return False

    def report(self, **metrics: float | int | str | None) -> None:
        """Progress is reported once for each scenario."""

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        """A point of one scenario is none of another."""

    def log(self, text: str) -> None:
        self.outer.log(text)

    def should_stop(self) -> StopReason | None:
        return self.outer.should_stop()

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        return None
