"""What is answered when time runs out, or when supports are tied."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidProblem
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport


def _certified(problem: Transport, engine: str, **options: float) -> TransportAnswer:
    answer, _ = certify(problem, registry.load("transport", engine).solve(problem, options, LocalContext()), options)
    return answer


@pytest.mark.parametrize("engine", ["network-simplex", "sinkhorn-newton", "sinkhorn"])
@pytest.mark.parametrize("seconds", [0.001, 0.5])
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
