"""Scenarios: the answers of single solves, in order, certified, sooner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidProblem
from solvers.programs import batch
from solvers.programs.batch import Change, Scenarios
from solvers.programs.problem import Program
from solvers.testing.duals import production

HIGHS = registry.load("program", "highs")
K = 12


def table(program: Program, **changed: Any) -> Scenarios:
    rng = np.random.default_rng(0)
    base: dict[str, Any] = {
        "objective": Change(np.array([0, 3]), program.c[[0, 3]] * rng.uniform(0.8, 1.2, (K, 2))),
        "row_upper": Change(np.array([0]), rng.uniform(12.0, 20.0, (K, 1))),
        "upper": Change(np.array([2]), rng.uniform(1.0, 2.0, (K, 1))),
    }
    return Scenarios(K, **{**base, **changed})


@pytest.mark.parametrize("engine", ["highs", "clarabel", "scip"])
def test_each_scenario_is_answered_as_if_it_were_alone(engine: str) -> None:
    program = production("max")
    scenarios = table(program)
    context = LocalContext()
    answer = batch.solve(registry.load("program", engine), program, scenarios, {}, context)
    assert answer.status == "optimal"
    assert len(answer.scenarios) == K
    for k, found in enumerate(answer.scenarios):
        alone = HIGHS.solve(scenarios.program(program, k), {}, LocalContext())
        assert found.status == "optimal"
        assert found.certified
        assert found.objective == pytest.approx(alone.objective, rel=1e-6)
    assert context.reports[-1]["scenario"] == K
    assert answer.statistics["scenarios_certified"] == K


def test_integer_scenarios_are_solved() -> None:
    program = Program.build(
        c=[10.0, 13.0, 7.0, 8.0], A=[[3.0, 4.0, 2.0, 3.0]], row_upper=7.0, upper=1.0, integrality=1, sense="max"
    )
    capacities = np.arange(13.0).reshape(-1, 1)
    answer = batch.solve(HIGHS, program, Scenarios(13, row_upper=Change(np.array([0]), capacities)), {}, LocalContext())
    values = [found.objective for found in answer.scenarios]
    assert values[:5] == [0.0, 0.0, 7.0, 10.0, 13.0]
    assert values == sorted(values, key=lambda value: value or 0.0)
    assert values[12] == 38.0


def test_infeasible_and_unbounded_scenarios_do_not_spoil_the_others() -> None:
    program = Program.build(c=[-1.0], A=[[1.0]], row_lower=0.0, row_upper=4.0)
    sides = np.array([[4.0], [-1.0], [np.inf], [3.0]])
    lows = np.array([[0.0], [-5.0], [0.0], [0.0]])
    scenarios = Scenarios(4, row_upper=Change(np.array([0]), sides), row_lower=Change(np.array([0]), lows))
    answer = batch.solve(HIGHS, program, scenarios, {}, LocalContext())
    assert [found.status for found in answer.scenarios] == ["optimal", "infeasible", "unbounded", "optimal"]
    assert [found.objective for found in answer.scenarios][::3] == [-4.0, -3.0]


def test_the_base_program_is_left_as_it_was() -> None:
    program = production("min")
    before = [array.copy() for array in (program.c, program.row_upper, program.upper)]
    batch.solve(HIGHS, program, table(program), {}, LocalContext())
    for array, copy in zip((program.c, program.row_upper, program.upper), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_stop_leaves_the_rest_unsolved_but_answered() -> None:
    program = production("max")
    context = LocalContext()
    scenarios = Scenarios(2000, objective=Change(np.array([0]), np.linspace(0.5, 1.5, 2000).reshape(-1, 1)))
    answer = batch.solve(HIGHS, program, scenarios, {"time_limit": 0.05}, context)
    assert len(answer.scenarios) == 2000
    assert answer.scenarios[-1].status == "no-solution"


@pytest.mark.parametrize(
    ("scenarios", "pointer"),
    [
        (Scenarios(2), "/scenarios"),
        (Scenarios(0, upper=Change(np.array([0]), np.zeros((0, 1)))), "/scenarios/count"),
        (Scenarios(1, upper=Change(np.array([9]), np.ones((1, 1)))), "/scenarios/upper/indices/0"),
        (Scenarios(2, upper=Change(np.array([0]), np.ones((1, 1)))), "/scenarios/upper/values"),
        (Scenarios(1, upper=Change(np.array([0, 0]), np.ones((1, 2)))), "/scenarios/upper/indices"),
        (Scenarios(1, objective=Change(np.array([0]), np.array([[np.inf]]))), "/scenarios/objective/values/0/0"),
        (Scenarios(2, lower=Change(np.array([1]), np.array([[0.0], [11.0]]))), "/scenarios/lower/values/1"),
        (Scenarios(1, upper=Change(np.array([0]), np.ones((1, 1))), names=("a", "b")), "/scenarios/names"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(scenarios: Scenarios, pointer: str) -> None:
    with pytest.raises(InvalidProblem) as refusal:
        batch.solve(HIGHS, production("max"), scenarios, {}, LocalContext())
    assert refusal.value.pointer == pointer


def test_points_are_dropped_where_they_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_NUMBERS", 10)
    answer = batch.solve(HIGHS, production("max"), table(production("max")), {}, LocalContext())
    assert all(found.x is None and found.objective is not None for found in answer.scenarios)
