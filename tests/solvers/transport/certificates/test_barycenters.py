"""Barycenters on given points have a dual: what it proves, and what it does not let pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.problem import Barycenter


def _problem(**fields: Any) -> Barycenter:
    r = np.random.default_rng(1)
    measures = [(r.random(8) + 0.1, r.random((8, 2))), (r.random(6) + 0.1, r.random((6, 2)) + 0.4)]
    return Barycenter.build(measures, weights=[0.7, 0.3], **fields)


def _solved(problem: Barycenter, **options: Any) -> TransportAnswer:
    answer: TransportAnswer = registry.load("transport", "barycenter").solve(problem, options, LocalContext())
    return answer


class _Impatient(LocalContext):
    """Stops the solve at its first report."""

    def __init__(self) -> None:
        super().__init__()
        self.reported = False

    def report(self, **metrics: Any) -> None:
        super().report(**metrics)
        self.reported = True

    def should_stop(self) -> Any:
        return "cancelled" if self.reported else None


def _by_linear_program(problem: Barycenter) -> float:
    """All plans and the barycenter's weights at once."""
    s = len(problem.support)
    sizes = [s * len(measure.weights) for measure in problem.measures]
    columns = sum(sizes) + s
    costs, rows, sides, at = [], [], [], 0
    for share, measure, size in zip(problem.weights, problem.measures, sizes, strict=True):
        costs.append(share * cdist(problem.support, measure.points, "sqeuclidean").ravel())
        for i in range(s):
            row = np.zeros(columns)
            row[at + i * len(measure.weights) : at + (i + 1) * len(measure.weights)] = 1.0
            row[sum(sizes) + i] = -1.0
            rows.append(row)
            sides.append(0.0)
        for j, mass in enumerate(measure.weights):
            row = np.zeros(columns)
            row[at + j : at + size : len(measure.weights)] = 1.0
            rows.append(row)
            sides.append(mass)
        at += size
    found = linprog(np.concatenate([*costs, np.zeros(s)]), A_eq=np.array(rows), b_eq=np.array(sides), method="highs")
    return float(found.fun)


def test_the_optimum_lies_between_the_proved_bound_and_the_cost() -> None:
    problem = _problem()
    answer, certificate = certify(problem, _solved(problem, iteration_limit=200))
    optimum = _by_linear_program(problem)
    assert certificate.verified
    assert answer.bound is not None
    assert answer.cost is not None
    assert answer.bound <= optimum <= answer.cost * (1.0 + 1e-12)
    assert answer.cost - answer.bound < 0.05 * optimum


@pytest.mark.parametrize("strength", [0.3, 0.02])
def test_a_regularized_barycenter_has_a_gap_that_closes(strength: float) -> None:
    problem = _problem(regularization=strength, relative=True)
    answer, certificate = certify(problem, _solved(problem))
    assert answer.status == "optimal"
    assert certificate.verified
    assert "trusted" not in {check.outcome for check in certificate.checks}
    assert answer.objective is not None
    assert answer.objective_bound is not None
    assert 0.0 <= answer.objective - answer.objective_bound <= 1e-7
    assert answer.bound is not None
    assert answer.cost is not None
    assert answer.bound <= _by_linear_program(problem) <= answer.cost


def test_weights_that_are_not_the_barycenters_are_found_out() -> None:
    problem = _problem(regularization=0.05)
    honest = _solved(problem)
    assert honest.weights is not None
    other = np.roll(honest.weights, 1)
    answer, certificate = certify(problem, replace(honest, weights=other))
    assert answer.status != "optimal"
    assert "regularized-gap" in {check.name for check in certificate.checks if check.outcome == "failed"}


def test_potentials_that_were_raised_prove_no_more() -> None:
    problem = _problem(regularization=0.05)
    honest = _solved(problem)
    before, _ = certify(problem, honest)
    raised = replace(honest, parameters={"potentials": honest.parameters["potentials"] + 1.0})
    after, _ = certify(problem, raised)
    assert before.objective_bound is not None
    assert after.objective_bound == pytest.approx(before.objective_bound, abs=1e-9)


def test_another_strength_than_the_asked_one_is_found_out() -> None:
    problem = _problem(regularization=0.05, relative=True)
    honest = _solved(problem)
    assert honest.epsilon is not None
    _, certificate = certify(problem, replace(honest, epsilon=2.0 * honest.epsilon))
    assert "regularization" in {check.name for check in certificate.checks if check.outcome == "failed"}


def test_a_stop_leaves_the_measure_so_far() -> None:
    r = np.random.default_rng(0)
    problem = Barycenter.build([r.random((600, 2)), r.random((600, 2)) + 1.0], regularization=1e-4, relative=True)
    given = registry.load("transport", "barycenter").solve(problem, {}, _Impatient())
    answer, certificate = certify(problem, given)
    assert answer.status == "feasible"
    assert answer.limit == "cancelled"
    assert answer.weights is not None
    assert answer.objective is not None
    assert answer.objective_bound is not None
    assert answer.objective_bound <= answer.objective
    assert certificate.verified
