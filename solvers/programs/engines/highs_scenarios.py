"""Scenarios by HiGHS: one live model, changed and solved again from the last basis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from solvers.programs.answer import ScenarioAnswer, Status
from solvers.programs.engines.highs_model import PRIMAL_SIMPLEX, give_start, load, set_options, use_threads
from solvers.programs.engines.points import dual_bound, point_at, reduced_costs_of
from solvers.programs.engines.settings import Settings
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import Program
from solvers.programs.scenarios import Scenarios

if TYPE_CHECKING:
    from highspy import Highs


def run_scenarios(problem: Program, scenarios: Scenarios, settings: Settings, watch: Watch) -> Iterator[ScenarioAnswer]:
    """One answer for each scenario, in order, not certified. When time runs out, the rest is ``no-solution``."""
    import highspy

    use_threads(settings["threads"])
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    load(highs, problem)
    set_options(highs, problem, settings, watch.remaining)
    give_start(highs, problem, settings)
    if settings["method"] == "auto" and _only_costs(scenarios):
        highs.setOptionValue("simplex_strategy", PRIMAL_SIMPLEX)  # the last basis stays feasible
    done = 0
    for k in range(scenarios.count):
        if watch.stopped or watch.remaining <= 0.0:
            yield _answer("no-solution")
            continue
        changed = scenarios.program(problem, k)
        _change(highs, changed, scenarios)
        yield _solve(highs, changed, settings, watch)
        done += 1
        watch.note(scenario=done)


def _only_costs(scenarios: Scenarios) -> bool:
    return all(getattr(scenarios, name) is None for name in ("row_lower", "row_upper", "lower", "upper"))


def _change(highs: Highs, changed: Program, scenarios: Scenarios) -> None:
    if scenarios.objective is not None:
        places = scenarios.objective.indices.astype(np.int32)
        highs.changeColsCost(places.size, places, changed.c[places])
    rows = _places(scenarios, "row_lower", "row_upper")
    if rows.size:
        highs.changeRowsBounds(rows.size, rows, changed.row_lower[rows], changed.row_upper[rows])
    columns = _places(scenarios, "lower", "upper")
    if columns.size:
        highs.changeColsBounds(columns.size, columns, changed.lower[columns], changed.upper[columns])


def _places(scenarios: Scenarios, low: str, high: str) -> np.ndarray:
    parts = [change.indices for change in (getattr(scenarios, low), getattr(scenarios, high)) if change is not None]
    return np.unique(np.concatenate(parts)).astype(np.int32) if parts else np.zeros(0, dtype=np.int32)


def _solve(highs: Highs, changed: Program, settings: Settings, watch: Watch) -> ScenarioAnswer:
    import highspy

    S = highspy.HighsModelStatus
    highs.setOptionValue("time_limit", highs.getRunTime() + watch.remaining)
    highs.run()
    if highs.getModelStatus() == S.kUnknown and not watch.stopped:
        highs.clearSolver()  # numerical trouble from the old basis: afresh
        highs.run()
    words: dict[object, Status] = {
        S.kOptimal: "optimal",
        S.kModelEmpty: "optimal",
        S.kInfeasible: "infeasible",
        S.kUnbounded: "unbounded",
        S.kUnboundedOrInfeasible: "infeasible-or-unbounded",
    }
    status = words.get(highs.getModelStatus())
    info = highs.getInfo()
    iterations = max(0, info.simplex_iteration_count) + max(0, info.ipm_iteration_count)
    solution = highs.getSolution()
    if status in ("infeasible", "unbounded", "infeasible-or-unbounded") or not solution.value_valid:
        return _answer(status or "no-solution", iterations=iterations)
    point = point_at(changed, np.array(solution.col_value), integrality_tolerance=settings["integrality_tolerance"])
    if status is None:
        status = "feasible" if info.primal_solution_status == 2 else "no-solution"
        if status == "no-solution":
            return _answer(status, iterations=iterations)
    bound: float | None = info.mip_dual_bound if changed.discrete else None
    duals = None
    if not changed.discrete and solution.dual_valid:
        duals = np.array(solution.row_dual) + 0.0
        bound = dual_bound(changed, point, duals, reduced_costs_of(changed, point.x, duals)).value
    if bound is not None and not math.isfinite(bound):
        bound = None
    return ScenarioAnswer(
        status=status,
        objective=point.objective,
        bound=bound,
        x=point.x,
        row_duals=duals if status == "optimal" else None,
        certified=False,
        iterations=iterations,
    )


def _answer(status: Status, iterations: int = 0) -> ScenarioAnswer:
    return ScenarioAnswer(
        status=status, objective=None, bound=None, x=None, row_duals=None, certified=False, iterations=iterations
    )
