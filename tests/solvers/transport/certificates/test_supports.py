"""Barycenters whose points move, and Gromov couplings: not convex, but not unknown."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import LocalContext
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.certificates.gromov import distortion_bound
from solvers.transport.problem import Barycenter, Gromov

rng = np.random.default_rng


def _solved(problem: Any, **options: Any) -> TransportAnswer:
    name = "barycenter" if isinstance(problem, Barycenter) else "pot-gromov"
    answer: TransportAnswer = registry.load("transport", name).solve(problem, options, LocalContext())
    return answer


def _outcomes(certificate: Certificate) -> dict[str, str]:
    return {check.name: check.outcome for check in certificate.checks}


def _three_clouds(**fields: Any) -> Barycenter:
    r = rng(0)
    return Barycenter.build([r.random((12, 2)), r.random((9, 2)) + 1.0, r.normal(size=(7, 2))], free=True, **fields)


def test_nothing_about_a_free_barycenter_rests_on_the_engine() -> None:
    answer, certificate = certify(_three_clouds(support_size=8), _solved(_three_clouds(support_size=8)))
    assert certificate.proved
    assert _outcomes(certificate) | {"value": "passed", "stationarity": "passed"} == _outcomes(certificate)
    assert answer.bound is not None
    assert answer.cost is not None
    assert 0.5 * answer.cost < answer.bound < answer.cost


def test_two_measures_half_way_are_proved_to_be_optimal() -> None:
    x = rng(1).random((15, 2))
    problem = Barycenter.build([x, x + 3.0], free=True, support=x + np.array([1.0, 1.2]))
    answer, certificate = certify(problem, _solved(problem))
    assert answer.status == "optimal"
    assert certificate.proved
    assert answer.cost == pytest.approx(0.25 * 18.0, rel=1e-9)
    assert answer.bound == pytest.approx(0.25 * 18.0, rel=1e-9)


def test_one_point_is_the_mean_of_all() -> None:
    x = rng(2).normal(size=(20, 3)) * 1e6
    problem = Barycenter.build([x], free=True, support=x[:1])
    answer, certificate = certify(problem, _solved(problem))
    assert certificate.verified
    np.testing.assert_allclose(answer.support, x.mean(axis=0, keepdims=True), rtol=1e-9)
    assert answer.cost == pytest.approx(x.var(axis=0).sum(), rel=1e-9)


def test_points_that_have_not_settled_are_found_out() -> None:
    problem = _three_clouds(support_size=8)
    early = _solved(problem, iteration_limit=1)
    assert early.limit == "iterations"
    _, certificate = certify(problem, replace(early, limit=None))
    assert _outcomes(certificate)["stationarity"] == "failed"


def test_couplings_that_are_not_optimal_are_found_out() -> None:
    problem = _three_clouds(support_size=8)
    honest = _solved(problem)
    worse = honest.parameters["couplings"].copy()
    first = worse[:, 0] == 0.0
    worse[first, 2] = np.roll(worse[first, 2], 3)
    lying = replace(honest, parameters={**honest.parameters, "couplings": worse})
    _, certificate = certify(problem, lying)
    assert _outcomes(certificate)["value"] == "failed"


def test_potentials_of_pairs_that_were_raised_prove_no_more() -> None:
    problem = _three_clouds(support_size=8)
    honest = _solved(problem)
    before, _ = certify(problem, honest)
    raised = {**honest.parameters, "pair_potentials": honest.parameters["pair_potentials"] + 5.0}
    after, _ = certify(problem, replace(honest, parameters=raised))
    assert before.bound is not None
    assert after.bound == pytest.approx(before.bound, rel=1e-9)


def test_a_barycenter_that_is_not_near_its_bound_is_not_optimal() -> None:
    problem = _three_clouds(support_size=3)
    answer, certificate = certify(problem, replace(_solved(problem), status="optimal"))
    assert answer.status == "feasible"
    assert _outcomes(certificate)["gap"] == "failed"


@pytest.mark.parametrize("seed", range(4))
def test_no_permutation_has_less_distortion_than_the_bound(seed: int) -> None:
    r = rng(seed)
    M = r.random((5, 5)) if seed % 2 else None
    problem = Gromov.build(x=r.random((5, 2)), y=r.random((5, 3)), M=M)
    bound = distortion_bound(problem)
    assert bound is not None
    values = []
    for order in permutations(range(5)):
        D = problem.D[np.ix_(order, order)]
        value = problem.alpha * float(((problem.C - D) ** 2).sum()) / 25.0
        values.append(value + (0.0 if M is None else (1.0 - problem.alpha) * float(M[np.arange(5), order].mean())))
    assert 0.0 < bound <= min(values)


def test_uneven_spaces_have_a_bound_too() -> None:
    r = rng(7)
    problem = Gromov.build(x=r.random((6, 2)), y=r.random((9, 2)), a=r.random(6) / 3.0, b=None)
    answer, certificate = certify(problem, _solved(problem, starts=5))
    assert certificate.proved
    assert answer.bound is not None
    assert answer.cost is not None
    assert 0.0 < answer.bound < answer.cost


def test_a_distortion_that_is_not_near_its_bound_is_not_optimal() -> None:
    r = rng(8)
    problem = Gromov.build(x=r.random((6, 2)), y=3.0 * r.random((6, 2)))
    answer, _ = certify(problem, replace(_solved(problem), status="optimal"))
    assert answer.status == "feasible"
