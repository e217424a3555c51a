"""Faults planted into right answers must be found, and the status must follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.certificates import certify, settle
from solvers.bilevel.problem import Bilevel
from tests.solvers.bilevel.problems import bard, pbgd_toy, quadratic, solve


@pytest.fixture(scope="module")
def local() -> tuple[Bilevel, BilevelAnswer]:
    problem, _ = quadratic()
    return problem, solve("implicit", problem)


@pytest.fixture(scope="module")
def proved() -> tuple[Bilevel, BilevelAnswer]:
    return bard(), solve("exact", bard())


def found(problem: Bilevel, answer: BilevelAnswer) -> tuple[str, set[str]]:
    certificate = certify(problem, answer)
    return settle(answer, certificate).status, {check.name for check in certificate.failures}


def test_right_answers_keep_their_words(
    local: tuple[Bilevel, BilevelAnswer], proved: tuple[Bilevel, BilevelAnswer]
) -> None:
    assert found(*local) == ("locally-stationary", set())
    assert found(*proved) == ("globally-optimal", set())


def _moved(answer: BilevelAnswer, part: str, by: float) -> dict[str, Any]:
    value = np.array(getattr(answer, part))
    value[0] += by
    return {part: value}


@pytest.mark.parametrize("by", [1e-2, -1e-3])
def test_a_y_that_does_not_solve_the_lower_level_is_not_verified(
    local: tuple[Bilevel, BilevelAnswer], by: float
) -> None:
    problem, answer = local
    wrong = replace(answer, **_moved(answer, "y", by))
    status, failures = found(problem, wrong)
    assert status == "not-verified"
    assert failures & {"lower-gap", "lower-stationarity", "objective"}


def test_a_wrong_hypergradient_leaves_a_feasible_point(local: tuple[Bilevel, BilevelAnswer]) -> None:
    problem, answer = local
    status, failures = found(problem, replace(answer, **_moved(answer, "hypergradient", 0.02)))
    assert status == "feasible"
    assert "hypergradient" in failures


def test_a_point_that_is_not_stationary_is_only_feasible() -> None:
    problem, _ = quadratic()
    answer = solve("implicit", problem, iteration_limit=0)
    status, failures = found(problem, replace(answer, status="locally-stationary"))
    assert (status, failures) == ("feasible", {"upper-stationarity"})


def test_a_false_objective_is_found(local: tuple[Bilevel, BilevelAnswer]) -> None:
    problem, answer = local
    status, failures = found(problem, replace(answer, objective=answer.objective - 1e-3))
    assert (status, failures) == ("not-verified", {"objective"})


def test_a_bound_that_is_too_good_is_refuted(proved: tuple[Bilevel, BilevelAnswer]) -> None:
    """A worse point that solves the lower level, with a bound that would make it optimal."""
    problem, answer = proved
    worse = replace(answer, x=np.array([1.0]), y=np.array([2.0]), objective=-7.0, bound=-7.0)
    certificate = certify(problem, worse)
    settled = settle(worse, certificate)
    assert settled.status == "feasible"
    assert settled.bound is None
    assert [check.name for check in certificate.failures] == ["bound"]


def test_a_claim_of_optimality_without_a_bound_is_none(proved: tuple[Bilevel, BilevelAnswer]) -> None:
    problem, answer = proved
    assert found(problem, replace(answer, bound=None))[0] == "feasible"
    assert found(problem, replace(answer, bound=-20.0))[0] == "feasible"


@pytest.mark.parametrize(
    ("x", "y", "failure"),
    [([-1.0], [4.0], "upper-feasibility"), ([4.0], [9.0], "lower-feasibility"), ([4.0], [4.5], "lower-feasibility")],
)
def test_points_outside_are_not_verified(
    proved: tuple[Bilevel, BilevelAnswer], x: list[float], y: list[float], failure: str
) -> None:
    problem, answer = proved
    status, failures = found(problem, replace(answer, x=np.array(x), y=np.array(y)))
    assert status == "not-verified"
    assert failure in failures


def test_infeasibility_is_not_believed_where_there_is_a_point(proved: tuple[Bilevel, BilevelAnswer]) -> None:
    problem, _ = proved
    status, failures = found(problem, BilevelAnswer(status="infeasible"))
    assert (status, failures) == ("no-solution", {"infeasibility"})


@pytest.mark.parametrize("x", [None, [np.nan], [1.0, 2.0], ["a"]])
def test_garbage_in_place_of_a_point_is_no_solution(proved: tuple[Bilevel, BilevelAnswer], x: Any) -> None:
    problem, answer = proved
    status, _ = found(problem, replace(answer, x=x))
    assert status == "no-solution"


def test_a_local_lower_minimum_that_is_not_the_global_one_is_found() -> None:
    """At x = 2.5 the lower objective has other stationary points; one of them is claimed."""
    problem = pbgd_toy()
    answer = solve("implicit", problem, iteration_limit=0)
    grid = np.linspace(-8, 8, 4001)
    from solvers.bilevel.certificates.functions import Functions

    functions = Functions(problem)
    x = np.array([3.0])
    slopes = [functions.gradient("lower", x, np.array([y]))[1][0] for y in grid]
    turning = [y for y, a, b in zip(grid, slopes, slopes[1:], strict=False) if a < 0.0 <= b and abs(y + 3.0) > 0.5]
    y = np.array([turning[0] if turning else -2.0])
    value = functions.value("upper", x, y)
    status, failures = found(problem, replace(answer, x=x, y=y, objective=value))
    assert status == "not-verified"
    assert "lower-gap" in failures
