"""Plans with few non-zeros a column, where the dual does not give one."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidProblem
from solvers.transport.certificates import certify
from solvers.transport.numerics.packing import packed, repacked
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport


def _weights(count: int, random: np.random.Generator) -> np.ndarray:
    found = random.random(count) + 0.1
    shares: np.ndarray = found / found.sum()
    return shares


@pytest.mark.parametrize(("n", "m", "k"), [(40, 40, 2), (60, 20, 4), (200, 50, 5), (20, 60, 2), (8, 3, 4)])
def test_any_weights_are_packed_with_few_entries_a_column(n: int, m: int, k: int) -> None:
    r = np.random.default_rng(n)
    a, b = _weights(n, r), _weights(m, r)
    plan = packed(a, b, k, r)
    assert plan is not None
    assert (plan >= 0.0).all()
    assert ((plan > 0.0).sum(axis=0) <= k).all()
    np.testing.assert_allclose(plan.sum(axis=1), a, atol=1e-14)
    np.testing.assert_allclose(plan.sum(axis=0), b, atol=1e-14)


def test_columns_far_from_those_that_are_too_full_stay_as_they_are() -> None:
    r = np.random.default_rng(0)
    a, b = np.full(9, 1.0 / 9.0), np.array([3.0, 3.0, 1.5, 1.5]) / 9.0
    plan = np.zeros((9, 4))
    plan[:3, 0] = plan[3:6, 1] = 1.0 / 9.0
    plan[6:9, 2] = plan[6:9, 3] = 0.5 / 9.0
    found = repacked(plan, a, b, 3, r, np.ones((9, 4)))
    assert found is not None
    np.testing.assert_array_equal(found, plan)
    found = repacked(plan, a, b, 2, r, np.ones((9, 4)))
    assert found is None  # three sources can fill the first column only together


@pytest.mark.parametrize("seconds", [0.001, 2.0])
def test_a_limit_leaves_a_sparse_plan_with_the_asked_marginals(seconds: float) -> None:
    r = np.random.default_rng(2)
    a, b = _weights(40, r), _weights(40, r)
    problem = Transport.build(r.random((40, 2)), r.random((40, 2)), a=a, b=b, regularization=0.1, max_nonzeros=2)
    options = {"time_limit": seconds}
    answer = registry.load("transport", "sparse").solve(problem, options, LocalContext())
    answer, _ = certify(problem, answer, options)
    assert answer.status == "feasible"
    assert isinstance(answer.plan, SparsePlan)
    matrix = answer.plan.matrix.toarray()
    assert (np.count_nonzero(matrix, axis=0) <= 2).all()
    np.testing.assert_allclose(matrix.sum(axis=1), problem.a, atol=1e-9)
    assert answer.objective is not None
    assert answer.objective_bound is not None
    assert answer.objective_bound <= answer.objective


def test_a_column_that_no_few_sources_can_fill_is_refused_with_the_reason() -> None:
    with pytest.raises(
        InvalidProblem, match=r"column 1 wants 0.7, and the 2 heaviest sources have 0.5 together"
    ) as raised:
        Transport.build(np.arange(4.0), np.arange(2.0), b=[0.3, 0.7], regularization=1.0, max_nonzeros=2)
    assert raised.value.pointer == "/max_nonzeros"
    assert raised.value.hint == "at least 3"


def test_that_no_plan_exists_is_said_where_it_is_shown() -> None:
    """One source a column: no part of these columns adds up to a source."""
    problem = Transport.build(
        np.arange(2.0), np.arange(3.0), a=[0.5, 0.5], b=[0.4, 0.35, 0.25], regularization=1.0, max_nonzeros=1
    )
    answer = registry.load("transport", "sparse").solve(problem, {}, LocalContext())
    assert answer.status == "no-solution"
    assert "there is no plan" in answer.message
