"""Every variant against its own dual, regularized or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.transport.certificates import certify
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Regularization, Transport
from tests.solvers.transport.certificates.examples import by_linear_program, by_sweeps, costs, points

LINEAR = {
    "balanced": {},
    "partial": {"variant": "partial", "mass": 0.37},
    "partial whole": {"variant": "partial", "mass": 1.0},
    "unbalanced-tv": {"variant": "unbalanced", "divergence": "tv", "strength": 0.6},
    "unbalanced-tv uneven": {"variant": "unbalanced", "divergence": "tv", "strength_a": 0.2, "strength_b": 5.0},
    "semi-relaxed-tv": {"variant": "semi-relaxed", "divergence": "tv", "strength": 0.5},
}
PENALISED = {
    "unbalanced-kl": {"variant": "unbalanced", "strength": 0.7},
    "unbalanced-kl uneven": {"variant": "unbalanced", "strength_a": 0.1, "strength_b": 30.0},
    "semi-relaxed-kl": {"variant": "semi-relaxed", "strength": 0.5},
    "balanced": {},
}


@pytest.mark.parametrize("form", ["points", "matrix", "signed matrix"])
@pytest.mark.parametrize("variant", LINEAR)
def test_optima_of_linear_variants_are_proved(variant, form):
    x, y = points(25, 30, 2, 11)
    fields = LINEAR[variant]
    problem = Transport.build(x, y, **fields)
    if form != "points":
        shift = 0.3 if form == "signed matrix" else 0.0
        problem = Transport.build(M=costs(problem) - shift, **fields)
    claimed = by_linear_program(problem)
    answer, certificate = certify(problem, claimed)
    assert answer.status == "optimal", answer.message
    assert certificate.proved
    assert answer.bound <= claimed.cost + 1e-12
    assert answer.cost >= claimed.cost - 1e-12
    assert answer.cost - answer.bound < 1e-10


@pytest.mark.parametrize("variant", LINEAR)
def test_a_dearer_plan_is_never_called_optimal_and_the_bound_stays_below(variant):
    x, y = points(12, 9, 2, 12)
    problem = Transport.build(x, y, **LINEAR[variant])
    claimed = by_linear_program(problem)
    other = sp.csr_array(np.outer(problem.a, problem.b) * (problem.mass or 1.0))
    worse = replace(claimed, plan=SparsePlan(other), cost=None)
    answer, _ = certify(problem, worse)
    assert answer.status == "feasible"
    assert answer.bound <= claimed.cost + 1e-12 <= answer.cost


@pytest.mark.parametrize("epsilon", [0.5, 0.1])
@pytest.mark.parametrize("variant", PENALISED)
def test_regularized_optima_are_enclosed(variant, epsilon):
    x, y = points(20, 30, 2, 13)
    problem = Transport.build(x, y, regularization=epsilon, **PENALISED[variant])
    claimed = by_sweeps(problem, epsilon)
    answer, certificate = certify(problem, claimed)
    assert answer.status == "optimal", answer.message
    assert certificate.proved
    assert answer.objective_bound <= claimed.objective + 1e-9
    assert answer.objective >= claimed.objective - 1e-9
    assert answer.objective - answer.objective_bound < 1e-6
    assert answer.bound <= answer.cost


@pytest.mark.parametrize("variant", PENALISED)
def test_no_plan_has_a_lower_regularized_objective_than_the_bound(variant):
    """The dual against many primal points, evaluated here entry by entry."""
    x, y = points(6, 7, 2, 14)
    epsilon = 0.2
    problem = Transport.build(x, y, regularization=epsilon, **PENALISED[variant])
    answer, _ = certify(problem, by_sweeps(problem, epsilon))
    random = np.random.default_rng(0)
    a, b, M = problem.a, problem.b, costs(problem)
    for _ in range(200):
        P = np.outer(a, b) * np.exp(random.normal(size=(6, 7)) * random.choice([0.01, 0.3, 1.0]))
        for _ in range(60):
            P *= (a / P.sum(axis=1))[:, None] if problem.variant != "unbalanced" else 1.0
            P *= b / P.sum(axis=0) if problem.variant == "balanced" else 1.0
        value = (P * M).sum() + epsilon * (P * np.log(P / np.outer(a, b)) - P + np.outer(a, b)).sum()
        for strength, r, w in ((problem.strength_a, P.sum(1), a), (problem.strength_b, P.sum(0), b)):
            value += strength * (r * np.log(r / w) - r + w).sum() if np.isfinite(strength) else 0.0
        assert value >= answer.objective_bound - 1e-9


def test_the_objective_of_a_repaired_plan_is_not_understated():
    """Against its entries: the kernel and the product that completes it are bounded apart."""
    x, y = points(10, 12, 2, 18)
    problem = Transport.build(x, y, regularization=0.3)
    good = by_sweeps(problem, 0.3)
    a, b, M = problem.a, problem.b, costs(problem)
    for share in (1e-11, 1e-6, 0.1, 0.5):
        scaled = replace(good.plan, f=good.plan.f + 0.3 * np.log(1.0 - share), row_rest=share * a, column_rest=b)
        P = np.outer(a, b) * np.exp((scaled.f[:, None] + scaled.g - M) / 0.3) + share * np.outer(a, b)
        value = (P * M).sum() + 0.3 * (P * np.log(P / np.outer(a, b))).sum()
        answer, _ = certify(problem, replace(good, status="feasible", plan=scaled, cost=None, objective=None))
        assert value - 1e-12 <= answer.objective <= value + 1e-6


def test_fewer_non_zeros_raise_the_lower_bound():
    x, y = points(12, 15, 2, 17)
    found = []
    for most in (1, 2, 12):
        problem = Transport.build(x, y, regularization=3.0, max_nonzeros=most)
        plan, f, g = quadratic(problem, 3.0)
        claimed = replace(by_linear_program(Transport.build(x, y)), plan=SparsePlan(plan), f=f, g=g, cost=None)
        found.append(certify(problem, claimed)[0].objective_bound)
    assert found[0] > found[1] + 1e-3 > found[2] + 1e-3


def test_relative_regularization_is_checked_against_the_mean_cost():
    x, y = points(20, 30, 2, 15)
    problem = Transport.build(x, y, regularization=Regularization("entropic", 0.05, relative=True))
    epsilon = 0.05 * costs(problem).mean()
    right = by_sweeps(problem, epsilon)
    assert certify(problem, right)[1].proved
    for factor in (0.5, 2.0):
        answer, certificate = certify(problem, by_sweeps(problem, factor * epsilon))
        assert answer.status != "optimal"
        assert "regularization" in {check.name for check in certificate.failures}


def quadratic(problem: Transport, strength: float) -> tuple[sp.csr_array, np.ndarray, np.ndarray]:
    """By alternating exact maximization of the dual, one potential at a time (bisection)."""
    M, a, b = costs(problem), problem.a, problem.b
    f, g = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(3000):
        f = _level(M - g, a * strength)
        g = _level((M - f[:, None]).T, b * strength)
    return sp.csr_array(np.maximum(f[:, None] + g - M, 0.0) / strength), f, g


def _level(table: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """t with ``sum_j max(t - table_j, 0) = mass`` in every row."""
    ordered = np.sort(table, axis=1)
    counts = np.arange(1, table.shape[1] + 1)
    levels = (np.cumsum(ordered, axis=1) + mass[:, None]) / counts
    valid = levels > ordered
    last = valid.shape[1] - 1 - np.argmax(valid[:, ::-1], axis=1)
    return levels[np.arange(len(table)), last]


def test_a_quadratic_optimum_is_enclosed():
    x, y = points(15, 12, 2, 16)
    problem = Transport.build(x, y, regularization=Regularization("quadratic", 3.0))
    plan, f, g = quadratic(problem, 3.0)
    objective = float(plan.multiply(costs(problem)).sum()) + 1.5 * float((plan.data**2).sum())
    claimed = replace(
        by_linear_program(problem), plan=SparsePlan(plan), f=f, g=g, cost=None, bound=None, objective=objective
    )
    answer, certificate = certify(problem, claimed)
    assert answer.status == "optimal", answer.message
    assert "regularized-gap" in {check.name for check in certificate.checks if check.outcome == "passed"}
    assert answer.objective - answer.objective_bound < 1e-6


@pytest.mark.parametrize("most", [1, 3, 12])
def test_non_zeros_of_a_sparse_plan_are_counted_exactly(most):
    x, y = points(12, 12, 2, 17)
    problem = Transport.build(x, y, regularization=3.0, max_nonzeros=most)
    plan, f, g = quadratic(problem, 3.0)
    fullest = int(np.diff(sp.csc_array(plan).indptr).max())
    answer, certificate = certify(
        problem, replace(by_linear_program(Transport.build(x, y)), plan=SparsePlan(plan), f=f, g=g, cost=None)
    )
    checks = {check.name: check.outcome for check in certificate.checks}
    assert checks["sparsity"] == ("passed" if fullest <= most else "failed")
    assert fullest <= most or answer.status == "imprecise"
    # a plan with fewer restrictions may well be cheaper than any that keeps them
    assert fullest > most or answer.objective_bound <= answer.objective + 1e-9
