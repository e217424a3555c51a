"""What is particular about the HiGHS engine."""

from __future__ import annotations

import gc
import time
import weakref

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import UnsupportedProblem
from solvers.programs.engines import highs_events
from solvers.programs.engines.highs import ENGINE
from solvers.programs.problem import Program
from solvers.programs.start import Start
from solvers.testing.cases import heavy_linear, market_split
from tests.solvers.engines.data import instances


def small(seed: int = 1, size: int = 20) -> Program:
    rng = np.random.default_rng(seed)
    A = rng.random((size, size))
    return Program.build(c=-rng.random(size), A=A, row_upper=A.sum(axis=1) + 1.0)


def test_a_small_linear_program_costs_about_a_millisecond() -> None:
    program, times = small(), []
    for _ in range(60):
        began = time.perf_counter()
        ENGINE.solve(program, {}, LocalContext())
        times.append(time.perf_counter() - began)
    assert np.quantile(times, 0.25) < 0.004  # a busy machine; 0.6 ms on a quiet one


def test_callbacks_stay_inactive_but_for_a_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = highs_events.Events._called

    def counted(self: highs_events.Events, kind: int, *rest: object) -> None:
        calls.append(kind)
        original(self, kind, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(highs_events.Events, "_called", counted)
    ENGINE.solve(market_split()[0], {"log": False}, LocalContext(time_limit=1.0))
    assert 0 < len([kind for kind in calls if kind != highs_events.LOGGING]) < 150


def test_nothing_of_a_solve_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[weakref.ref[highs_events.Events]] = []
    original = highs_events.Events.disconnect

    def remembered(self: highs_events.Events) -> None:
        seen.append(weakref.ref(self))
        original(self)

    monkeypatch.setattr(highs_events.Events, "disconnect", remembered)
    ENGINE.solve(small(), {}, LocalContext())
    gc.collect()
    assert seen
    assert seen[0]() is None


def test_semi_continuous_variables_beyond_the_limit_are_refused_not_tightened() -> None:
    program = Program.build(
        c=[1.0, 3.0], A=[[1.0, 1.0]], row_lower=2e5, lower=[10.0, 0.0], upper=[1e6, 1e6], integrality=[2, 0]
    )
    with pytest.raises(UnsupportedProblem, match="semi-continuous") as refusal:
        ENGINE.solve(program, {}, LocalContext())
    assert "scip" in refusal.value.hint


def test_the_number_of_threads_may_change_from_solve_to_solve() -> None:
    for threads in (2, 1, 2):
        assert ENGINE.solve(small(), {"threads": threads}, LocalContext()).status == "optimal"


def test_a_start_near_the_optimum_saves_iterations() -> None:
    program = next(one for one in instances("lp/netlib") if one.name == "stair").program()
    cold = ENGINE.solve(program, {"presolve": False}, LocalContext())
    assert cold.x is not None
    warm = ENGINE.solve(program, {"presolve": False, "start": Start(x=cold.x)}, LocalContext())
    assert warm.objective == pytest.approx(cold.objective)
    assert warm.statistics["iterations"] < 0.5 * cold.statistics["iterations"]


def test_an_iteration_limit_ends_a_linear_program_honestly() -> None:
    answer = ENGINE.solve(small(), {"iteration_limit": 2, "presolve": False}, LocalContext())
    assert answer.limit == "iterations"
    assert answer.status in ("feasible", "no-solution")


def test_an_iteration_limit_ends_a_branch_and_bound_search() -> None:
    answer = ENGINE.solve(market_split()[0], {"iteration_limit": 1000, "time_limit": 20.0}, LocalContext())
    assert answer.limit == "iterations"


def test_a_bound_beyond_the_cutoff_ends_the_search() -> None:
    """The bound of a market split is 0 from the root: no search can follow a cutoff below it."""
    answer = ENGINE.solve(market_split()[0], {"cutoff": -1.0, "time_limit": 20.0}, LocalContext())
    assert answer.status == "no-solution"
    assert answer.limit == "cutoff"
    assert answer.statistics["seconds"] < 10.0


def test_a_stopped_linear_program_gives_the_bound_that_its_duals_prove() -> None:
    answer = ENGINE.solve(heavy_linear(700), {"method": "dual-simplex"}, LocalContext(time_limit=0.4))
    assert answer.status == "no-solution"
    assert answer.limit == "time"


@pytest.mark.parametrize("seed", range(6))
def test_a_support_vector_machine_has_a_finite_and_right_optimum(seed: int) -> None:
    """Weights, an offset and slacks, of which only the weights are curved: the active set method lost its way there."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(30, 3))
    y, C = np.sign(X[:, 0] + 0.3 * random.normal(size=30)), 10 ** random.uniform(-3, 3)
    program = Program.build(
        c=np.r_[np.zeros(4), np.full(30, C)],
        Q=np.diag(np.r_[np.ones(3), np.zeros(31)]),
        A=np.hstack([y[:, None] * X, y[:, None], np.eye(30)]),
        row_lower=1.0,
        row_upper=np.inf,
        lower=np.r_[np.full(4, -np.inf), np.zeros(30)],
    )
    expected = registry.load("program", "clarabel").solve(program, {}, LocalContext())
    answer = ENGINE.solve(program, {}, LocalContext())
    assert answer.objective == pytest.approx(expected.objective, rel=1e-5)
