"""What is answered when time runs out, or when supports are tied."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidProblem
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.passes import LAST_PASSES
from solvers.transport.numerics.setup import passes_of, prepare
from solvers.transport.numerics.watch import Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport


def _certified(problem: Transport, engine: str, **options: float) -> TransportAnswer:
    answer, _ = certify(problem, registry.load("transport", engine).solve(problem, options, LocalContext()), options)
    return answer


@pytest.mark.parametrize("engine", ["network-simplex", "sinkhorn-newton", "sinkhorn"])
@pytest.mark.parametrize("seconds", [1e-9, 0.001, 0.5])
def test_an_answer_within_any_deadline_has_a_feasible_plan(engine: str, seconds: float) -> None:
    r = np.random.default_rng(0)
    x, y = r.random((2500, 2)), r.random((2200, 2)) + 0.5
    answer = _certified(Transport.build(x, y), engine, time_limit=seconds)
    assert answer.status in ("feasible", "optimal")
    assert answer.plan is not None
    assert answer.cost is not None
    assert answer.bound is not None
    assert answer.bound <= answer.cost


@pytest.mark.parametrize("k", [1, 2])
def test_tied_supports_still_give_a_sparse_plan_with_the_asked_marginals(k: int) -> None:
    """Integer costs: many columns have several entries of equal worth."""
    r = np.random.default_rng(3)
    M = r.integers(0, 3, (12, 12)).astype(float)
    problem = Transport.build(M=M, regularization=0.5, max_nonzeros=k)
    answer = _certified(problem, "sparse")
    assert answer.status in ("feasible", "optimal")
    assert isinstance(answer.plan, SparsePlan)
    matrix = answer.plan.matrix.toarray()
    assert (np.count_nonzero(matrix, axis=0) <= k).all()
    np.testing.assert_allclose(matrix.sum(axis=1), problem.a, atol=1e-9)
    np.testing.assert_allclose(matrix.sum(axis=0), problem.b, atol=1e-9)
    assert answer.objective is not None
    assert answer.objective_bound is not None
    assert answer.objective_bound <= answer.objective


def test_a_sparse_plan_with_other_marginals_proves_no_cost() -> None:
    r = np.random.default_rng(8)
    problem = Transport.build(r.random((9, 2)), r.random((7, 2)), regularization=0.5, max_nonzeros=3)
    answer = registry.load("transport", "sparse").solve(problem, {}, LocalContext())
    assert isinstance(answer.plan, SparsePlan)
    wrong = TransportAnswer(
        "imprecise", plan=SparsePlan(answer.plan.matrix * 0.9), cost=answer.cost, f=answer.f, g=answer.g
    )
    settled, certificate = certify(problem, wrong)
    assert settled.cost is None
    assert not certificate.verified


def test_too_few_nonzeros_for_all_sources_are_refused_with_the_least_number() -> None:
    with pytest.raises(InvalidProblem) as caught:
        Transport.build(np.zeros((10, 2)), np.ones((3, 2)), regularization=1.0, max_nonzeros=3)
    assert caught.value.pointer == "/max_nonzeros"
    assert "at least 4" in str(caught.value.hint)


@pytest.mark.parametrize("cost", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("engine", ["sinkhorn-newton", "sinkhorn"])
def test_costs_that_are_computed_again_and_again_do_not_hold_up_the_end(engine: str, cost: str) -> None:
    """One pass over all pairs takes longer here than the limit: nothing may begin what cannot be stopped."""
    r = np.random.default_rng(1)
    problem = Transport.build(r.random((25_000, 16)), r.random((24_000, 16)) + 0.5, cost=cost)
    begin = time.process_time()
    answer = registry.load("transport", engine).solve(problem, {"time_limit": 1.0}, LocalContext())
    assert time.process_time() - begin < 5.0
    assert answer.limit == "time"
    assert answer.plan is not None
    assert answer.cost is not None


@pytest.mark.parametrize(
    ("cost", "p"), [("sqeuclidean", 2.0), ("euclidean", 2.0), ("l1", 1.0), ("lp", 3.0), ("cosine", 2.0)]
)
def test_the_spread_of_costs_that_are_not_kept_is_bounded(cost: str, p: float) -> None:
    r = np.random.default_rng(2)
    x, y = r.random((50, 3)), r.random((60, 3)) + 1.0
    kept, bound = (
        Geometry(x, y, None, cost, p, device=torch.device("cpu"), keep=keep).spread() for keep in (True, False)
    )
    assert kept <= bound <= 2.0 * kept


@pytest.mark.parametrize(("pass_seconds", "in_time"), [(0.1, True), (60.0, False)])
def test_an_answer_that_takes_long_to_evaluate_is_not_begun_at_the_end(pass_seconds: float, in_time: bool) -> None:
    watch = Watch(LocalContext(), time_limit=1.0)
    watch.reserve = LAST_PASSES * pass_seconds
    assert watch.answers_in_time()
    watch.deadline = time.monotonic()
    assert watch.stopped()
    assert watch.answers_in_time() is in_time


def test_every_pass_keeps_the_time_of_its_evaluation_back() -> None:
    r = np.random.default_rng(3)
    watch = Watch(LocalContext(), time_limit=60.0)
    passes = passes_of(prepare(Transport.build(r.random((300, 2)), r.random((200, 2))), {}), watch)
    passes.state(torch.zeros(200, dtype=torch.float64), 0.1)
    assert 0.0 < passes.seconds <= watch.reserve / LAST_PASSES
