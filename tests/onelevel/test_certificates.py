"""A certificate of one level finds out what is wrong with an answer, and proves no more than is true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solvers.core.engine import LocalContext
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.certificates import certify
from solvers.onelevel.problem import Minimize
from tests.onelevel.solving import document, solve
from tests.solving import NoFiles
from workers.families.minimize import FAMILY

RIDGE = {
    "variables": {"w": {"shape": [3], "lower": -1, "upper": 1}},
    "data": {"X": [[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]], "y": [1.0, 2.5]},
    "minimize": "norm2sq(X @ w - y) + 0.1*norm2sq(w)",
    "constraints": ["sum(w) <= 0.5"],
}


def _solved(problem: dict[str, Any], engine: str) -> tuple[Minimize, MinimizeAnswer]:
    work = FAMILY.decode(document(problem), NoFiles())
    return work.problem, FAMILY.solve(work, engine, "", LocalContext())


def _outcomes(problem: Minimize, answer: MinimizeAnswer) -> tuple[str, dict[str, str], bool]:
    settled, certificate = certify(problem, answer)
    return settled.status, {check.name: check.outcome for check in certificate.checks}, certificate.verified


def test_a_right_answer_is_proved_globally_optimal() -> None:
    status, outcomes, verified = _outcomes(*_solved(RIDGE, "augmented-lagrangian"))
    assert status == "globally-optimal"
    assert set(outcomes.values()) == {"passed"}
    assert verified


def test_a_wrong_objective_fails() -> None:
    problem, answer = _solved(RIDGE, "augmented-lagrangian")
    assert answer.objective is not None
    _, outcomes, verified = _outcomes(problem, replace(answer, objective=answer.objective - 1e-6))
    assert outcomes["objective"] == "failed"
    assert not verified


@pytest.mark.parametrize("change", [[0.2, 0, 0], [0, 0, 1.0]])
def test_a_point_that_violates_a_constraint_or_bound_is_not_verified(change: list[float]) -> None:
    problem, answer = _solved(RIDGE, "augmented-lagrangian")
    assert answer.x is not None
    x = answer.x + change
    moved = replace(answer, x=x, objective=problem.oracle.value(x))
    status, outcomes, verified = _outcomes(problem, moved)
    assert outcomes["feasibility"] == "failed"
    assert status == "not-verified"
    assert not verified


def test_a_feasible_point_that_is_not_stationary_is_only_called_feasible() -> None:
    problem, answer = _solved(RIDGE, "augmented-lagrangian")
    x = np.array([0.1, 0.1, 0.1])
    moved = replace(answer, x=x, objective=problem.oracle.value(x), multipliers=None)
    settled, _ = certify(problem, moved)
    assert settled.status == "feasible"
    assert settled.bound is not None
    assert answer.objective is not None
    assert settled.bound <= answer.objective


def test_wrong_multipliers_prove_less_but_never_too_much() -> None:
    problem, answer = _solved(RIDGE, "augmented-lagrangian")
    assert answer.multipliers is not None
    assert answer.objective is not None
    for factor in (0.0, 0.5, 2.0, -1.0):
        changed = replace(answer, multipliers=tuple(factor * m for m in answer.multipliers))
        settled, _ = certify(problem, changed)
        assert settled.bound is not None
        assert settled.bound <= answer.objective + 1e-9


def test_multipliers_are_found_where_the_engine_gave_none() -> None:
    problem, answer = _solved(RIDGE, "augmented-lagrangian")
    status, _, _ = _outcomes(problem, replace(answer, multipliers=None))
    assert status == "globally-optimal"


def test_a_claimed_bound_beyond_a_feasible_point_fails() -> None:
    problem, answer = _solved({"variables": {"x": {"lower": -2, "upper": 2}}, "minimize": "sin(3*x) + x"}, "scip")
    assert answer.objective is not None
    status, outcomes, verified = _outcomes(problem, replace(answer, bound=answer.objective + 1.0))
    assert outcomes["engine-bound"] == "failed"
    assert status == "locally-stationary"
    assert not verified


def test_a_local_minimum_of_a_non_convex_function_is_not_called_global() -> None:
    problem = {"variables": {"x": {"start": 1.5}}, "minimize": "sin(3*x) + x**2/10"}
    status, outcomes, _ = _outcomes(*_solved(problem, "newton"))
    assert status == "locally-stationary"
    assert "global-bound" not in outcomes


def test_a_convex_function_without_any_modulus_is_not_called_global_unless_its_gradient_leaves_no_room() -> None:
    problem = {"variables": {"x": {"start": 1.5}}, "minimize": "x**4 - x"}
    assert _outcomes(*_solved(problem, "newton"))[0] == "locally-stationary"
    bounded = {"variables": {"x": {"start": 1.5, "lower": -10, "upper": 10}}, "minimize": "x**4 - x"}
    assert _outcomes(*_solved(bounded, "newton"))[0] == "globally-optimal"


def test_bounds_of_random_convex_problems_are_below_their_optima() -> None:
    random = np.random.default_rng(1)
    for _ in range(10):
        problem = {
            "variables": {"w": {"shape": [4], "lower": -2, "upper": 2}},
            "data": {"X": random.normal(size=(6, 4)), "y": random.normal(size=6), "a": random.normal(size=4)},
            "minimize": "sum(logistic(X @ w, y)) + mean((X @ w - y)**2)",
            "constraints": ["a @ w <= 0.1", "norm2sq(w) <= 3"],
        }
        stated, best = _solved(problem, "augmented-lagrangian")
        assert best.objective is not None
        x = np.asarray(best.x) * random.uniform(0.5, 1.0)
        crude, _ = certify(stated, replace(best, x=x, objective=stated.oracle.value(x), multipliers=None))
        settled, _ = certify(stated, best)
        assert settled.status == "globally-optimal"
        assert crude.bound is not None
        assert crude.bound <= best.objective + 1e-8


def test_huge_multipliers_that_cancel_do_not_make_a_point_stationary() -> None:
    dependent = {
        "variables": {"x": {"shape": [3], "lower": -9, "upper": 9}},
        "minimize": "x[0] + norm2sq(x)",
        "constraints": ["x[0] + x[1] == 1", "x[1] + x[2] == 1", "x[0] + 2*x[1] + x[2] == 2"],
    }
    problem, answer = _solved(dependent, "ipopt")
    assert certify(problem, answer)[0].status == "globally-optimal"
    x = np.array([0.0, 1.0, 0.0])
    multipliers = tuple(np.array([factor]) for factor in (1e15, 1e15, -1e15))
    wrong = replace(answer, x=x, objective=problem.oracle.value(x), multipliers=multipliers)
    assert certify(problem, wrong)[0].status == "feasible"


@pytest.mark.parametrize("p", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
def test_a_wrong_point_where_the_slope_of_an_entropy_is_infinite_is_never_proved(p: list[float]) -> None:
    entropy = {
        "variables": {"p": {"shape": [3], "lower": 0, "upper": 1, "start": 0.3}},
        "minimize": "sum(p*log(p))",
        "constraints": ["sum(p) == 1"],
    }
    problem, answer = _solved(entropy, "augmented-lagrangian")
    wrong = replace(answer, x=np.array(p), objective=problem.oracle.value(np.array(p)))
    settled, certificate = certify(problem, wrong)
    assert settled.status not in ("globally-optimal", "locally-stationary")
    assert settled.bound is None or settled.bound <= -np.log(3) + 1e-9
    bound = next(check for check in certificate.checks if check.name == "global-bound")
    assert bound.outcome != "passed"


def test_a_slope_is_confirmed_where_the_objective_curves_without_measure() -> None:
    """Brown's badly scaled function: at its minimum third derivatives are 1e12 times its first ones."""
    problem = {
        "variables": {"x": {"shape": [2], "start": 1}},
        "minimize": "(x[0] - 1e6)**2 + (x[1] - 2e-6)**2 + (x[0]*x[1] - 2)**2",
    }
    answer = solve(problem)
    assert answer.status == "globally-optimal"
    assert answer.certificate is not None
    assert answer.certificate.verified
