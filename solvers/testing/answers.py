"""Right answers where they are known, and honest ones where there are none."""

from __future__ import annotations

import time

import pytest

from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidOption, UnsupportedProblem
from solvers.programs.options import OPTIONS
from solvers.programs.problem import Program
from solvers.testing.base import Base, assert_certified, assert_near
from solvers.testing.cases import Case, infeasible, solvable, unbounded

_FEATURES = (
    "integer",
    "semi-continuous",
    "quadratic-objective",
    "nonconvex-quadratic",
    "second-order-cone",
    "sos",
    "indicator",
    "nonlinear",
)


class AnswersConformance(Base):
    """Statuses, points and bounds."""

    @pytest.mark.parametrize("case", solvable(), ids=lambda case: case.name)
    def test_known_optimum_is_found_and_certified(self, case: Case) -> None:
        self.accepts(case.program)
        answer = self.run(case.program)
        assert answer.status == "optimal", answer.message
        assert answer.limit is None
        assert_near(answer.objective, case.optimum, max(case.tolerance, 1e-4 if case.program.discrete else 0.0))
        assert answer.x is not None
        assert answer.x.shape == (case.program.n,)
        assert answer.engine == self.engine.spec.id
        assert_certified(case.program, answer)

    @pytest.mark.parametrize("feature", ["linear", *_FEATURES])
    def test_every_claimed_feature_is_solved_in_some_case(self, feature: str) -> None:
        if feature not in self.engine.spec.solves:
            pytest.skip(f"{feature} is not claimed")
        solved = 0
        for case in solvable():
            needed = case.program.features
            if case.program.n and feature in needed and self.engine.spec.accepts(needed):
                try:
                    solved += self.engine.solve(case.program, {}, LocalContext()).status == "optimal"
                except UnsupportedProblem:
                    continue
        assert solved, f"no case with {feature} could be solved"

    @pytest.mark.parametrize("case", solvable(), ids=lambda case: case.name)
    def test_what_the_specification_does_not_cover_is_refused(self, case: Case) -> None:
        if self.engine.spec.accepts(case.program.features):
            pytest.skip("it is covered")
        with pytest.raises(UnsupportedProblem) as refusal:
            self.engine.solve(case.program, {}, LocalContext())
        assert refusal.value.code == "unsupported-problem"

    @pytest.mark.parametrize(("name", "program"), infeasible(), ids=[name for name, _ in infeasible()])
    def test_infeasible_is_called_infeasible(self, name: str, program: Program) -> None:
        self.accepts(program)
        answer = self.run(program)
        assert answer.status == "infeasible", answer.message
        assert answer.x is None
        if not program.discrete and "rays" in self.engine.spec.capabilities:
            assert answer.dual_ray is not None, name
        assert_certified(program, answer)

    @pytest.mark.parametrize(("name", "program"), unbounded(), ids=[name for name, _ in unbounded()])
    def test_unbounded_is_called_unbounded(self, name: str, program: Program) -> None:
        self.accepts(program)
        answer = self.run(program)
        assert answer.status in ("unbounded", "infeasible-or-unbounded"), (name, answer.message)
        if "rays" in self.engine.spec.capabilities and not program.discrete and program.Q is None:
            assert answer.status == "unbounded"
            assert answer.primal_ray is not None
        assert_certified(program, answer)

    def test_a_hopeless_time_limit_gives_an_honest_status_in_time(self) -> None:
        problem = self.hard()
        began = time.monotonic()
        answer = self.run(problem, {"time_limit": 0.05})
        assert time.monotonic() - began < 0.05 + self.grace
        assert answer.status in ("feasible", "no-solution")
        assert answer.limit == "time"
        assert (answer.status == "feasible") == (answer.x is not None)
        assert_certified(problem, answer)

    def test_the_deadline_of_the_context_counts_like_a_time_limit(self) -> None:
        began = time.monotonic()
        answer = self.run(self.hard(), {}, LocalContext(time_limit=0.2))
        assert time.monotonic() - began < 0.2 + self.grace
        assert answer.limit == "time"

    def test_an_unknown_option_is_refused_with_a_suggestion(self) -> None:
        with pytest.raises(InvalidOption) as refusal:
            self.engine.solve(self.easy(), {"time_limt": 3.0}, LocalContext())
        assert "time_limit" in refusal.value.hint

    @pytest.mark.parametrize(
        ("name", "value"), [("relative_gap", -1.0), ("threads", 0), ("method", "magic"), ("log", "yes"), ("seed", 0.5)]
    )
    def test_an_impossible_value_is_refused(self, name: str, value: object) -> None:
        with pytest.raises(InvalidOption) as refusal:
            self.engine.solve(self.easy(), {name: value}, LocalContext())
        assert refusal.value.pointer == f"/{name}"

    @pytest.mark.parametrize("name", [option.name for option in OPTIONS])
    def test_every_shared_option_may_be_given(self, name: str) -> None:
        """The default, or some value where the engine decides, changes nothing about a right answer."""
        option = next(option for option in OPTIONS if option.name == name)
        values = {"time_limit": 60.0, "objective_limit": -1e9, "cutoff": 1e9}
        value = option.default if option.default is not None else values.get(name, 100_000)
        answer = self.run(self.easy(), {name: value})
        assert answer.status == "optimal"
        assert_near(answer.objective, -11.0)

    def test_a_cutoff_that_nothing_reaches_leaves_no_solution(self) -> None:
        answer = self.run(self.easy(), {"cutoff": -12.0})
        assert answer.status == "no-solution"
        assert answer.limit == "cutoff"
        assert answer.x is None
