"""The conformance suite for engines of transport problems.

    from solvers.testing.transport import TransportEngineConformance

    class TestMyEngine(TransportEngineConformance):
        engine = MyEngine()

Run it with pytest. An engine is held to what its specification claims: features decide which problems it must solve
and which it must refuse, capabilities which tests apply.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

_PARTS = ["solvers.testing.transport_cases"]
pytest.register_assert_rewrite(*(name for name in _PARTS if name not in sys.modules))

from solvers.core.engine import Context, Engine, LocalContext  # noqa: E402  # after the registration
from solvers.core.errors import InvalidOption, UnsupportedProblem  # noqa: E402
from solvers.core.registry import names  # noqa: E402
from solvers.testing.contexts import Stopping  # noqa: E402
from solvers.testing.transport_cases import TransportCase, cases, hard  # noqa: E402
from solvers.transport.access import apply, apply_transposed  # noqa: E402
from solvers.transport.answer import TransportAnswer  # noqa: E402
from solvers.transport.options import OPTIONS  # noqa: E402
from solvers.transport.problem import Transport, TransportProblem  # noqa: E402


class TransportEngineConformance:
    """Every test for engines of the family ``transport``. Set ``engine`` in your subclass.

    Attributes:
        gap: relative gap to which the engine is asked to solve what has no regularization.
        stop_within: seconds after a request in which the engine must be back.
    """

    engine: Engine[Any, TransportAnswer]
    gap = 1e-3
    stop_within = 3.0

    def run(
        self, problem: TransportProblem, options: Mapping[str, Any] | None = None, context: Context | None = None
    ) -> TransportAnswer:
        """The engine's answer; skips the test if the engine refuses the problem."""
        if not self.engine.spec.accepts(problem.features):
            pytest.skip(f"{self.engine.spec.id} does not claim {', '.join(sorted(problem.features))}")
        try:
            return self.engine.solve(problem, options or {}, context if context is not None else LocalContext())
        except UnsupportedProblem as refusal:
            pytest.skip(f"{self.engine.spec.id} refuses it: {refusal}")

    def some(self) -> TransportCase:
        """A case that the engine takes."""
        for case in cases():
            try:
                if self.engine.spec.accepts(case.problem.features):
                    check = getattr(self.engine, "check", None)
                    if check is not None:
                        check(case.problem)
                    return case
            except UnsupportedProblem:
                continue
        pytest.skip(f"{self.engine.spec.id} takes no small case")

    @pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
    def test_known_optimum_is_found_and_enclosed(self, case: TransportCase) -> None:
        answer = self.run(case.problem, {"tolerance": self.gap})
        assert answer.status == "optimal", answer.message
        assert answer.limit is None
        regularized = case.problem.regularization is not None
        upper, lower = (answer.objective, answer.objective_bound) if regularized else (answer.cost, answer.bound)
        assert upper is not None
        scale = max(abs(case.optimum), 1e-3)
        allowed = case.tolerance if regularized or "exact" in self.engine.spec.capabilities else 2.0 * self.gap
        assert abs(upper - case.optimum) <= allowed * scale, (upper, case.optimum)
        assert lower is not None
        assert lower <= case.optimum + 1e-9 * scale
        assert upper >= case.optimum - 1e-7 * scale
        assert lower >= case.optimum - max(allowed, 1e-7) * scale, (lower, case.optimum)

    @pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
    def test_the_plan_has_the_marginals_and_the_cost_that_are_claimed(self, case: TransportCase) -> None:
        problem = case.problem
        answer = self.run(problem, {"tolerance": self.gap})
        assert answer.plan is not None
        rows = apply(problem, answer.plan, np.ones(problem.m))
        columns = apply_transposed(problem, answer.plan, np.ones(problem.n))
        total = problem.a.sum()
        if problem.variant in ("balanced", "semi-relaxed"):
            assert np.abs(rows - problem.a).sum() <= 1e-8 * total
        if problem.variant == "balanced":
            assert np.abs(columns - problem.b).sum() <= 1e-8 * total
        if problem.variant == "partial":
            assert (rows <= problem.a * (1.0 + 1e-9) + 1e-12).all()
            assert (columns <= problem.b * (1.0 + 1e-9) + 1e-12).all()
            assert rows.sum() == pytest.approx(problem.mass, rel=1e-8)
        if problem.M is not None and problem.variant in ("balanced", "partial"):
            dense = apply(problem, answer.plan, np.eye(problem.m))
            assert float((dense * problem.M).sum()) == pytest.approx(answer.cost, rel=1e-7, abs=1e-10)

    @pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
    def test_what_the_specification_does_not_cover_is_refused(self, case: TransportCase) -> None:
        if self.engine.spec.accepts(case.problem.features):
            pytest.skip("it is covered")
        with pytest.raises(UnsupportedProblem) as refusal:
            self.engine.solve(case.problem, {}, LocalContext())
        assert refusal.value.code == "unsupported-problem"

    @pytest.mark.parametrize("variant", ["points", "matrix"])
    def test_potentials_are_those_of_the_claimed_bound(self, variant: str) -> None:
        for case in cases():
            problem = case.problem
            if variant not in problem.features or problem.variant != "balanced" or problem.regularization is not None:
                continue
            if not self.engine.spec.accepts(problem.features):
                continue
            answer = self.run(problem, {"tolerance": self.gap})
            assert answer.f is not None
            assert answer.g is not None
            assert answer.f.shape == (problem.n,)
            assert answer.g.shape == (problem.m,)
            assert np.isfinite(answer.f).all()
            assert np.isfinite(answer.g).all()
            assert float(problem.a @ answer.f + problem.b @ answer.g) == pytest.approx(answer.bound, rel=1e-9, abs=1e-9)
            if problem.M is not None:
                slack = problem.M - answer.f[:, None] - answer.g[None, :]
                assert slack.min() >= -1e-9 * max(1.0, float(np.abs(problem.M).max()))

    def test_the_specification_is_well_formed(self) -> None:
        spec = self.engine.spec
        assert spec.family == "transport"
        assert spec.id == spec.id.lower().replace("_", "-")
        assert spec.title
        assert spec.summary
        assert spec.version
        shared = {option.name for option in OPTIONS}
        own = [option.name for option in spec.options]
        assert len(set(own)) == len(own)
        assert not shared & set(own)
        for option in spec.options:
            assert option.description

    def test_problem_and_options_are_left_as_they_were(self) -> None:
        options = {"tolerance": self.gap, "threads": 1}
        for case in cases():
            problem = case.problem
            if not self.engine.spec.accepts(problem.features):
                continue
            kept = {name: None if getattr(problem, name) is None else getattr(problem, name).copy() for name in "abxyM"}
            given = dict(options)
            try:
                self.run(problem, given)
            except pytest.skip.Exception:
                continue
            assert given == options
            for name, before in kept.items():
                if before is not None:
                    np.testing.assert_array_equal(getattr(problem, name), before)

    def test_an_unknown_option_is_refused_with_a_suggestion(self) -> None:
        with pytest.raises(InvalidOption) as refusal:
            self.engine.solve(self.some().problem, {"tolerence": 1e-3}, LocalContext())
        assert "tolerance" in refusal.value.hint

    @pytest.mark.parametrize(("name", "value"), [("tolerance", -1.0), ("threads", 0), ("device", "tpu"), ("seed", 0.5)])
    def test_an_impossible_value_is_refused(self, name: str, value: object) -> None:
        with pytest.raises(InvalidOption) as refusal:
            self.engine.solve(self.some().problem, {name: value}, LocalContext())
        assert refusal.value.pointer == f"/{name}"

    def test_the_same_seed_gives_the_same_answer(self) -> None:
        problem = self.some().problem
        first, second = (self.run(problem, {"seed": 7, "tolerance": self.gap}) for _ in range(2))
        assert first.cost == second.cost
        assert first.bound == second.bound
        assert first.f is not None
        np.testing.assert_array_equal(first.f, second.f)

    def test_a_stop_is_obeyed_soon_and_keeps_an_honest_status(self) -> None:
        context = Stopping(after=0.15)
        answer = self.run(self._hard(), {"tolerance": 1e-9, "marginal_tolerance": 1e-12}, context)
        late = None if context.told_at is None else time.monotonic() - context.told_at
        if late is None or (answer.status == "optimal" and answer.limit is None and late < 0.3):
            pytest.skip("it was done before, or just then")
        assert late < self.stop_within
        assert answer.limit == "cancelled"
        assert answer.status in ("feasible", "imprecise", "no-solution")
        assert (answer.cost is None) == (answer.status == "no-solution")

    def test_a_stop_before_the_beginning_costs_nothing(self) -> None:
        began = time.monotonic()
        answer = self.run(self._hard(), {}, Stopping(after=0.0))
        assert time.monotonic() - began < self.stop_within
        assert answer.limit == "cancelled"
        assert answer.status in ("no-solution", "feasible")

    def test_a_time_limit_is_kept_and_said(self) -> None:
        began = time.monotonic()
        answer = self.run(self._hard(), {"time_limit": 0.1, "tolerance": 1e-9, "marginal_tolerance": 1e-12})
        assert time.monotonic() - began < 0.1 + self.stop_within
        if answer.status != "optimal":
            assert answer.limit == "time"

    def test_solves_in_several_threads_do_not_disturb_each_other(self) -> None:
        case = self.some()
        alone = self.run(case.problem, {"tolerance": self.gap})
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: self.run(case.problem, {"tolerance": self.gap}), range(8)))
        assert {answer.cost for answer in answers} == {alone.cost}

    def test_a_batch_has_an_answer_for_each_problem_in_order(self) -> None:
        if "batch" not in self.engine.spec.solves:
            pytest.skip("batches are not claimed")
        singles = [case.problem for case in cases() if self._takes(case.problem)]
        answer = self.run(Transport.batch(singles), {"tolerance": self.gap})
        assert len(answer.batch) == len(singles)
        assert answer.status == "optimal"
        for problem, one in zip(singles, answer.batch, strict=True):
            alone = self.run(problem, {"tolerance": self.gap})
            assert one.cost == pytest.approx(alone.cost, rel=1e-6, abs=1e-9)

    def test_a_built_in_engine_is_in_the_registry_under_its_own_name(self) -> None:
        if type(self.engine).__module__.startswith("solvers.transport.engines"):
            assert self.engine.spec.id in names("transport")

    def _takes(self, problem: Transport) -> bool:
        check = getattr(self.engine, "check", None)
        try:
            if check is not None:
                check(problem)
        except UnsupportedProblem:
            return False
        return self.engine.spec.accepts(problem.features)

    def _hard(self) -> Transport:
        for entropic in (True, False):
            problem = hard(entropic)
            if self.engine.spec.accepts(problem.features):
                return problem
        pytest.skip("no hard problem of this kind")


__all__ = ["TransportEngineConformance"]
