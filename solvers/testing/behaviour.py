"""How an engine behaves while it works: it reports, obeys, repeats itself, keeps its hands off what it was given."""

from __future__ import annotations

import time

import numpy as np
import pytest

from solvers.core.engine import LocalContext
from solvers.core.registry import names
from solvers.testing.base import Base, arrays_of, assert_certified
from solvers.testing.cases import market_split, solvable
from solvers.testing.contexts import Failing, Offering, Stopping


class BehaviourConformance(Base):
    """Progress, stop, determinism, purity."""

    def test_the_specification_is_well_formed(self) -> None:
        spec = self.engine.spec
        assert spec.family == "program"
        assert spec.id == spec.id.lower().replace("_", "-")
        assert "linear" in spec.solves
        assert spec.title
        assert spec.summary
        assert spec.version
        option_names = [option.name for option in spec.options]
        assert len(set(option_names)) == len(option_names)
        for option in spec.options:
            assert option.description
            assert option.default is None or not option.choices or option.default in option.choices
        for combination in spec.excludes:
            assert combination <= spec.solves

    def test_progress_is_reported_while_it_works(self) -> None:
        self.needs("progress")
        context = LocalContext(time_limit=1.0)
        self.run(self.hard(), {}, context)
        assert context.reports
        known = {"objective", "bound", "gap", "nodes", "iterations"}
        assert any(known & set(report) for report in context.reports)

    def test_the_log_goes_to_the_context_and_nowhere_else(self, capfd: pytest.CaptureFixture[str]) -> None:
        context = LocalContext()
        self.run(self.easy(), {"log": True}, context)
        silent = LocalContext()
        self.run(self.easy(), {"log": False}, silent)
        printed = capfd.readouterr()
        assert printed.out == ""
        assert printed.err == ""
        assert not silent.lines
        if "log" in self.engine.spec.capabilities:
            assert len(context.lines) > 3

    def test_a_stop_is_obeyed_soon_and_keeps_the_best_answer(self) -> None:
        context = Stopping(after=0.4)
        problem = self.hard()
        answer = self.run(problem, {}, context)
        assert context.told_at is not None
        assert time.monotonic() - context.told_at < self.stop_within
        assert answer.limit == "cancelled"
        assert answer.status in ("feasible", "no-solution")
        if context.incumbents:
            assert answer.x is not None
        assert context.questions < 1000
        assert_certified(problem, answer)

    def test_a_stop_before_the_beginning_costs_nothing(self) -> None:
        context = Stopping(after=0.0)
        began = time.monotonic()
        answer = self.run(self.hard(), {}, context)
        assert time.monotonic() - began < self.stop_within
        assert answer.status in ("no-solution", "feasible")
        assert answer.limit == "cancelled"

    def test_the_engine_asks_whether_to_stop_several_times_a_second(self) -> None:
        context = Stopping(after=1.0)
        self.run(self.hard(), {}, context)
        assert context.questions >= 4

    def test_incumbents_are_feasible_and_come_in_the_order_of_their_worth(self) -> None:
        self.needs("incumbents-out")
        problem = market_split(columns=30, seed=3)[0]
        self.accepts(problem)
        context = LocalContext(time_limit=1.0)
        answer = self.run(problem, {}, context)
        assert context.incumbents
        objectives = [objective for objective, _ in context.incumbents]
        assert objectives == sorted(objectives, reverse=True)
        for objective, x in context.incumbents[:: max(1, len(objectives) // 5)]:
            assert abs(objective - problem.objective_at(x)) <= 1e-6 * max(1.0, abs(objective))
            assert np.abs(problem.A @ x - problem.row_lower).max() <= 1e-5
        assert answer.objective is not None
        assert answer.objective <= objectives[-1] + 1e-6

    def test_a_point_of_another_engine_is_used(self) -> None:
        self.needs("incumbents-in")
        problem, best = market_split(seed=5)
        self.accepts(problem)
        context = Offering(point=(0.0, best), time_limit=8.0)
        answer = self.run(problem, {}, context)
        assert context.point is None, "nobody asked for it"
        assert answer.objective == pytest.approx(0.0, abs=1e-6)
        assert answer.status == "optimal"

    def test_a_worthless_point_of_another_engine_does_no_harm(self) -> None:
        self.needs("incumbents-in")
        problem = self.easy()
        answer = self.run(problem, {}, Offering(point=(-99.0, np.array([9.0, 9.0])), time_limit=20.0))
        assert answer.status == "optimal"
        assert answer.objective == pytest.approx(-11.0)

    def test_the_same_seed_gives_the_same_answer(self) -> None:
        self.needs("deterministic")
        problem = market_split(rows=2, columns=18, seed=1)[0] if "integer" in self.engine.spec.solves else self.easy()
        options = {"seed": 7, "threads": 1}
        first, second = self.run(problem, options), self.run(problem, options)
        assert first.status == second.status == "optimal"
        np.testing.assert_array_equal(first.x, second.x)
        assert first.bound == second.bound
        assert first.statistics.get("nodes") == second.statistics.get("nodes")
        assert first.statistics.get("iterations") == second.statistics.get("iterations")

    def test_problem_and_options_are_left_as_they_were(self) -> None:
        options = {"relative_gap": 1e-5, "ranging": True, "iis": True, "pool_size": 3}
        for case in solvable():
            if not self.engine.spec.accepts(case.program.features):
                continue
            for array in arrays_of(case.program):
                array.flags.writeable = False
            given = dict(options)
            try:
                self.run(case.program, given)
            except pytest.skip.Exception:
                continue
            assert given == options

    def test_an_error_of_the_context_comes_out(self) -> None:
        self.needs("progress")
        with pytest.raises(RuntimeError, match="the context is broken"):
            self.run(self.easy(), {}, Failing())

    def test_solves_in_several_threads_do_not_disturb_each_other(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        problem = self.easy()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: self.engine.solve(problem, {}, LocalContext()), range(12)))
        assert {answer.status for answer in answers} == {"optimal"}
        assert all(answer.objective == pytest.approx(-11.0) for answer in answers)

    def test_a_built_in_engine_is_in_the_registry_under_its_own_name(self) -> None:
        if type(self.engine).__module__.startswith("solvers.programs.engines"):
            assert self.engine.spec.id in names("program")
