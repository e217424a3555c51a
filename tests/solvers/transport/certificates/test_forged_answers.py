"""Answers that were made to look right: potentials of any size, entries that come twice, forms that were not asked
for, samples that are no proof. Their bounds stay on their sides of the truth, and none of them is proved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import LocalContext
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify, plain
from solvers.transport.certificates.barycenters import _bound
from solvers.transport.plan import LowRankPlan, PotentialPlan, SparsePlan
from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport
from tests.solvers.transport.certificates.examples import by_linear_program, by_sweeps

rng = np.random.default_rng
SWAP = np.array([[0.0, 1.0], [1.0, 0.0]])


def _outcomes(certificate: Certificate) -> dict[str, str]:
    return {check.name: check.outcome for check in certificate.checks}


def _two_points(**fields: Any) -> Transport:
    return Transport.build(M=SWAP, a=[0.5, 0.5], b=[0.5, 0.5], **fields)


@pytest.mark.parametrize("size", [0.2, 0.5, 0.9, 1e3, 1e15, 1e100, 1e300])
def test_potentials_whose_exponentials_overflow_prove_nothing(size: float) -> None:
    problem = _two_points(regularization=1e-3)
    P = np.array([[0.05, 0.45], [0.45, 0.05]])
    objective = float((P * SWAP).sum() + 1e-3 * (P * np.log(4.0 * P)).sum())
    forged = TransportAnswer(
        "optimal",
        cost=0.9,
        objective=objective,
        epsilon=1e-3,
        plan=SparsePlan(sp.csr_array(P)),
        f=np.full(2, size),
        g=np.full(2, size),
    )
    answer, certificate = certify(problem, forged)
    assert answer.status == "feasible"
    assert _outcomes(certificate)["regularized-gap"] == "failed"
    assert answer.objective_bound is None or answer.objective_bound <= 1e-3 * np.log(2.0)


@pytest.mark.parametrize("epsilon", [1e-2, 0.3, 10.0])
def test_no_potentials_prove_more_than_the_entropic_optimum(epsilon: float) -> None:
    r = rng(3)
    M = r.random((3, 4))
    a, b = r.random(3) + 0.1, r.random(4) + 0.1
    a, b = a / a.sum(), b / b.sum()
    problem = Transport.build(M=M, a=a, b=b, regularization=epsilon)
    optimum = by_sweeps(problem, epsilon, 2000).objective
    assert optimum is not None
    proved = 0
    for _ in range(300):
        size = epsilon * 10.0 ** r.uniform(-1, 20)
        f, g = size * r.normal(size=3), size * r.normal(size=4) + r.choice([-1.0, 0.0, 1.0]) * size
        plan = SparsePlan(sp.csr_array(np.outer(a, b)))
        answer, _ = certify(problem, TransportAnswer("feasible", epsilon=epsilon, plan=plan, f=f, g=g))
        if answer.objective_bound is not None:
            proved += 1
            assert answer.objective_bound <= optimum + 1e-12
    assert proved > 50


def test_total_variation_bounds_hold_for_large_potentials_too() -> None:
    """All mass at the one column costs -137 at most; potentials of hundreds of epsilons once proved more."""
    r = rng(0)
    for _ in range(100):
        M = 100.0 * r.normal(size=(2, 2))
        problem = Transport.build(
            M=M,
            a=[0.5, 0.5],
            b=[0.5, 0.5],
            variant="semi-relaxed",
            divergence="tv",
            strength_b=10.0,
            regularization=0.1,
        )
        plan = SparsePlan(sp.csr_array(0.5 * (M.min(axis=1, keepdims=True) == M)))
        f, g = 300.0 * r.normal(size=2), 300.0 * r.normal(size=2)
        answer, _ = certify(problem, TransportAnswer("feasible", epsilon=0.1, plan=plan, f=f, g=g))
        assert answer.objective is not None
        assert answer.objective_bound is None or answer.objective_bound <= answer.objective


@pytest.mark.parametrize("variant", ["semi-relaxed", "unbalanced"])
def test_without_entropy_mass_may_be_made_where_there_is_none(variant: str) -> None:
    """At the first column, which has no weight and costs nothing: so the unregularized bound is low."""
    r = rng(6)
    M, b = r.random((6, 7)) + 0.2, r.random(7)
    M[:, 0], b[0] = 0.0, 0.0
    strengths = {"strength_b": 0.05} if variant == "semi-relaxed" else {"strength_a": 5.0, "strength_b": 0.05}
    fields = {"M": M, "a": r.random(6), "b": b, "variant": variant, "divergence": "tv", **strengths}
    optimum = by_linear_program(Transport.build(**fields)).cost
    problem = Transport.build(**fields, regularization=0.01)
    for name in ("sinkhorn", "sinkhorn-newton"):
        found = registry.load("transport", name).solve(problem, {}, LocalContext())
        answer, certificate = certify(problem, found)
        assert answer.status == "optimal"
        assert certificate.proved
        assert answer.bound is not None
        assert answer.cost is not None
        assert optimum is not None
        assert answer.bound <= optimum < answer.cost


def test_bounds_that_cross_are_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = _two_points(regularization=0.1)
    good = by_sweeps(problem, 0.1, 100)
    assert certify(problem, good)[1].proved
    monkeypatch.setattr(plain, "regularized_bound", lambda *_: (1.0, None))
    answer, certificate = certify(problem, good)
    assert answer.status == "feasible"
    assert "is above the second" in {check.name: check.text for check in certificate.failures}["regularized-gap"]


def test_no_potentials_prove_more_than_the_regularized_barycenter_costs() -> None:
    r = rng(5)
    support = r.random((4, 1))
    problem = Barycenter.build([r.random((3, 1)), r.random((5, 1)) + 1.0], support=support, regularization=0.05)
    engine = registry.load("transport", "barycenter")
    good, certificate = certify(problem, engine.solve(problem, {}, LocalContext()))
    assert certificate.verified
    assert good.objective is not None
    for _ in range(300):
        f = 10.0 ** r.uniform(-2, 18) * r.normal(size=4)
        forged = replace(good, parameters={"potentials": np.stack([f, -f])})
        answer, _ = certify(problem, forged)
        assert answer.objective_bound is None or answer.objective_bound <= good.objective
        assert answer.bound is None or good.cost is None or answer.bound <= good.cost


def test_all_mass_at_one_of_two_measures_is_no_barycenter() -> None:
    support = np.array([[0.0], [1.0], [2.0]])
    measures = [(np.array([1.0]), np.array([[0.0]])), (np.array([1.0]), np.array([[2.0]]))]
    problem = Barycenter.build(measures, support=support)
    couplings = np.array([[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    for more in ({}, {"couplings": couplings}):
        forged = TransportAnswer(
            "optimal",
            cost=2.0,
            bound=2.0,
            weights=np.array([1.0, 0.0, 0.0]),
            support=support,
            parameters={"potentials": np.zeros((2, 3)), **more},
        )
        answer, certificate = certify(problem, forged)
        assert answer.status == "feasible"
        assert _outcomes(certificate)["gap"] == "failed"
        assert answer.bound == pytest.approx(0.0, abs=1e-9)


def test_a_barycenter_without_potentials_has_no_bound() -> None:
    support = np.array([[0.0], [1.0], [2.0]])
    problem = Barycenter.build([support[:1], support[2:]], support=support)
    claimed = TransportAnswer("optimal", cost=1.0, bound=1.0, weights=np.array([0.0, 1.0, 0.0]), support=support)
    answer, certificate = certify(problem, claimed)
    assert not certificate.proved
    assert answer.bound is None


def test_the_bound_of_a_large_barycenter_on_a_line_is_that_of_its_potentials() -> None:
    """Not that of potentials which Kantor could make itself for one of the transports: their sum is not zero."""
    grid = np.linspace(0.0, 1.0, 520)[:, None]
    problem = Barycenter.build([grid, grid + 0.25], support=grid)
    r = rng(0)
    M = [(grid - one.points.T) ** 2 for one in problem.measures]
    for size in (0.0, 0.1, 1.0):
        f = size * r.normal(size=520)
        exact = sum(0.5 * float((costs - g[:, None]).min(axis=0).mean()) for costs, g in zip(M, (f, -f), strict=True))
        assert _bound(problem, [f, -f]) == pytest.approx(exact, abs=1e-12)


def test_a_sliced_distance_is_an_estimate() -> None:
    r = rng(0)
    x, y = r.normal(size=(20, 2)), r.normal(size=(20, 2)) + 1.0
    for projections in (1, 100):
        problem = Sliced.build(x, y, projections=projections)
        engine = registry.load("transport", "sliced")
        answer, certificate = certify(problem, engine.solve(problem, {}, LocalContext()))
        assert answer.status == "feasible"
        assert certificate.verified
        assert certificate.rests_on_engine == ("cost",)
        assert ("standard_error" in answer.statistics) == (projections > 1)
        assert "standard error of about" in {check.name: check.text for check in certificate.checks}["cost"]
        claimed, _ = certify(problem, TransportAnswer("optimal", cost=answer.cost, bound=answer.cost))
        assert claimed.status == "feasible"
        assert claimed.bound is None


def test_fewer_directions_than_asked_for_are_judged_as_so_few() -> None:
    r = rng(2)
    problem = Sliced.build(r.normal(size=(9, 2)), 5.0 * r.normal(size=(9, 2)) + [9.0, 0.0], projections=100_000)
    engine = registry.load("transport", "sliced")
    for seed in range(5):
        few = engine.solve(Sliced.build(problem.x, problem.y, projections=3), {"seed": seed}, LocalContext())
        assert certify(problem, few)[1].verified


def test_on_a_line_all_directions_are_one() -> None:
    r = rng(1)
    problem = Sliced.build(r.normal(size=(9, 1)), r.normal(size=(7, 1)), p=1.5, projections=3)
    answer = registry.load("transport", "sliced").solve(problem, {}, LocalContext())
    assert certify(problem, answer)[1].proved
    assert certify(problem, answer)[0].status == "optimal"
    forged = TransportAnswer("optimal", cost=answer.cost * (1.0 + 1e-6))
    assert certify(problem, forged)[0].status == "imprecise"


@pytest.mark.parametrize("form", ["entries", "potentials"])
def test_a_plan_of_higher_rank_is_not_taken_for_one_of_low_rank(form: str) -> None:
    x = np.arange(4.0)
    problem = Transport.build(x, x, rank=2)
    zeros = np.zeros(4)
    plan: Any = SparsePlan(sp.csr_array(np.eye(4) / 4.0))
    if form == "potentials":
        plan = PotentialPlan(np.full(4, np.log(4.0) * 1e-3), zeros, 1e-3, zeros, zeros)
    answer, certificate = certify(problem, TransportAnswer("optimal", plan=plan, f=zeros, g=zeros))
    assert answer.status == "imprecise"
    assert _outcomes(certificate)["rank"] == "failed"


def test_entries_in_few_rows_have_a_low_rank() -> None:
    x, y = np.arange(2.0), np.arange(6.0)
    exact = registry.load("transport", "network-simplex").solve(Transport.build(x, y), {}, LocalContext())
    answer, certificate = certify(Transport.build(x, y, rank=2), exact)
    assert answer.status == "optimal"
    assert certificate.proved


@pytest.mark.parametrize("kind", ["quadratic", "entropic"])
def test_entries_that_come_twice_count_as_one(kind: str) -> None:
    problem = _two_points(regularization=1.0, kind=kind)
    twice = sp.csr_array((np.full(8, 0.125), np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 4, 8])), shape=(2, 2))
    f = np.full(2, 0.25)
    answer, _ = certify(problem, TransportAnswer("feasible", epsilon=1.0, plan=SparsePlan(twice), f=f, g=f))
    assert answer.objective == pytest.approx(0.25 if kind == "quadratic" else np.log(2.0), rel=1e-9)
    assert twice.nnz == 8  # the engine's own is left as it is


@pytest.mark.parametrize("kind", ["quadratic", "entropic"])
def test_a_repaired_plan_has_no_entry_twice(kind: str) -> None:
    problem = _two_points(regularization=1.0, kind=kind)
    half = SparsePlan(sp.csr_array(np.eye(2) * 0.25))
    given = TransportAnswer("feasible", epsilon=1.0, plan=half, f=np.full(2, 0.25), g=np.full(2, 0.25))
    answer, _ = certify(problem, given, {"marginal_tolerance": 1.0})
    assert isinstance(answer.plan, SparsePlan)
    P = answer.plan.matrix.toarray()
    terms = 0.5 * (P**2).sum() if kind == "quadratic" else (P[P > 0] * np.log(4.0 * P[P > 0])).sum()
    assert answer.objective == pytest.approx((P * SWAP).sum() + terms, rel=1e-9)


def test_what_completes_a_plan_by_factors_has_squares_too() -> None:
    problem = _two_points(regularization=1.0, kind="quadratic")
    little = LowRankPlan(np.full((2, 1), 1e-9), np.full((2, 1), 1e-9), np.ones(1))
    answer, _ = certify(problem, TransportAnswer("feasible", epsilon=1.0, plan=little), {"marginal_tolerance": 1.0})
    assert answer.objective is not None
    assert answer.objective >= 0.5 + 0.125 - 1e-9  # the independent coupling


def test_half_a_gromov_coupling_is_not_optimal_whatever_marginals_are_accepted() -> None:
    x = rng(4).random((4, 2))
    problem = Gromov.build(x=x, y=3.0 * x)
    half = TransportAnswer("optimal", plan=SparsePlan(sp.csr_array(np.eye(4) / 8.0)))
    whole, _ = certify(problem, replace(half, plan=SparsePlan(sp.csr_array(np.eye(4) / 4.0))))
    assert whole.cost is not None
    answer, certificate = certify(problem, replace(half, cost=0.25 * whole.cost), {"marginal_tolerance": 1.0})
    assert answer.status == "feasible"
    assert not certificate.proved
    assert answer.cost is not None
    assert answer.cost >= whole.cost


def _with_a_point_without_weight(plan: Any, **fields: Any) -> tuple[TransportAnswer, Certificate]:
    problem = Transport.build(M=np.ones((2, 2)), a=[1.0, 0.0], b=[0.5, 0.5], **fields)
    return certify(problem, TransportAnswer("optimal", plan=plan, f=np.zeros(2), g=np.ones(2)))


def test_mass_at_points_without_weight_is_seen_in_every_form_of_a_plan() -> None:
    half, none, one = np.full(2, 0.5), np.zeros(2), np.array([0.0, 1.0])
    good = _with_a_point_without_weight(SparsePlan(sp.csr_array([[0.5, 0.5], [0.0, 0.0]])))
    assert good[1].proved
    plans: list[Any] = [
        SparsePlan(sp.csr_array([[0.5, 0.5], [0.0, 1.0]])),
        PotentialPlan(np.ones(2), none, 1.0, one, half),
        LowRankPlan(np.array([[1.0], [1.0]]), half[:, None], np.ones(1)),
    ]
    for plan in plans:
        assert _with_a_point_without_weight(plan)[0].status in ("imprecise", "no-solution")
    soft = _with_a_point_without_weight(plans[0], variant="unbalanced", strength=100.0)
    assert {check.name for check in soft[1].failures} >= {"marginals"}


def test_a_free_barycenter_has_as_many_points_as_asked_for_and_equal_weights() -> None:
    x = rng(1).random((6, 2))
    asked = Barycenter.build([x, x + 3.0], free=True, support=x + np.array([1.0, 1.2]))
    engine = registry.load("transport", "barycenter")
    good = engine.solve(asked, {}, LocalContext())
    assert certify(asked, good)[1].proved
    fewer = Barycenter.build([x, x + 3.0], free=True, support=x[:3])
    assert _outcomes(certify(fewer, good)[1])["weights"] == "failed"
    uneven = replace(good, weights=np.linspace(0.5, 1.5, 6) / 6.0)
    assert _outcomes(certify(asked, uneven)[1])["weights"] == "failed"
