"""Problems without an optimum are called what they are, with a proof; problems that have one never are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from solvers.core.certificate import Certificate
from solvers.core.engine import LocalContext
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.certificates import certify
from solvers.onelevel.contradiction import contradiction
from solvers.onelevel.problem import Minimize
from solvers.onelevel.rays import proved
from tests.onelevel.solving import document, solve
from tests.solving import NoFiles
from workers.families.minimize import FAMILY

FREE: dict[str, Any] = {"x": {}, "y": {}}
BOX: dict[str, Any] = {"x": {"lower": -2, "upper": 2}, "y": {"lower": -2, "upper": 2}}


def _problem(variables: dict[str, Any], constraints: list[str], minimize: str = "x + y**2", **more: Any) -> Minimize:
    given = {"variables": variables, "minimize": minimize, "constraints": constraints, **more}
    problem: Minimize = FAMILY.decode(document(given), NoFiles()).problem
    return problem


INFEASIBLE = {
    "a square below zero": (FREE, ["x**2 + y**2 <= -1"]),
    "bounds": (BOX, ["x + y >= 4.001"]),
    "two balls": (FREE, ["x**2 + y**2 <= 1", "(x - 3)**2 + y**2 <= 1"]),
    "a norm and a line": (FREE, ["norm2(stack(x, y)) <= 1", "x + y >= 1.415"]),
    "a linear system": (FREE, ["x + y >= 3", "x + y <= 2.9"]),
    "an exponential": (FREE, ["exp(x) == -1", "x + y == 0"]),
    "exponentials and a line": (FREE, ["exp(x) + exp(y) <= 1", "x + y >= -1.3"]),
    "a wave": (BOX, ["sin(x)*y >= 2.001"]),
    "a sum of waves": (BOX, ["sin(x)*y + cos(y) >= 2.001", "x*y <= 3"]),
    "a circle and a hyperbola": (FREE, ["x**2 + y**2 == 1", "x*y >= 0.51"]),
    "whole numbers": ({"x": {"integer": True, "lower": 0, "upper": 10}, "y": {}}, ["2*x == 3", "y == x"]),
}
FEASIBLE = {
    "just so": (FREE, ["x**2 + y**2 <= 1", "x + y >= 1.4142"]),
    "one point": (BOX, ["x + y >= 4"]),
    "a wave": (BOX, ["sin(x)*y >= 1.999"]),
    "far away": (FREE, ["x >= 1e7", "y >= x**2"]),
    "a linear system": (FREE, ["x + y >= 3", "x + y <= 3"]),
    "whole numbers": ({"x": {"integer": True, "lower": 0, "upper": 10}, "y": {}}, ["2*x == 4", "y == x"]),
    "where it is not defined": (FREE, ["where(x > 0, log(x), -1) <= -1", "y >= x"]),
}


@pytest.mark.parametrize("name", INFEASIBLE)
def test_what_no_point_satisfies_is_proved_infeasible(name: str) -> None:
    variables, constraints = INFEASIBLE[name]
    answer = solve({"variables": variables, "minimize": "x + y**2", "constraints": constraints})
    assert answer.status == "infeasible"
    assert answer.certificate is not None
    assert [(check.name, check.outcome) for check in answer.certificate.checks] == [("infeasibility", "passed")]
    assert answer.bound is None
    assert answer.objective is None
    assert "no point satisfies all constraints" in answer.message


@pytest.mark.parametrize("name", FEASIBLE)
def test_what_some_point_satisfies_is_never_proved_infeasible(name: str) -> None:
    assert contradiction(_problem(*FEASIBLE[name]), None) is None


def test_random_systems_around_a_known_point_are_never_proved_infeasible() -> None:
    random = np.random.default_rng(3)
    for k in range(12):
        A, point = random.normal(size=(12, 4)), random.normal(size=4)
        data = {"A": A, "b": A @ point + 1e-7 * random.uniform(size=12), "p": point}
        variables = {"x": {"shape": [4], **({"lower": -9, "upper": 9} if k % 2 else {})}}
        constraints = ["A @ x <= b", "norm2sq(x - p) <= 1e-9", "exp(x[0]) + x[1]**2 <= exp(p[0]) + p[1]**2 + 1e-9"]
        assert contradiction(_problem(variables, constraints, "x[0]", data=data), None) is None


def test_a_linear_contradiction_hidden_in_real_data_is_found() -> None:
    random = np.random.default_rng(0)
    A, y = random.normal(size=(30, 10)), random.uniform(size=30)
    A[-1] = -(y[:-1] @ A[:-1]) / y[-1]
    b = random.normal(size=30)
    b[-1] = (-0.01 - y[:-1] @ b[:-1]) / y[-1]
    problem = _problem({"x": {"shape": [10]}}, ["A @ x <= b"], "x[0]", data={"A": A, "b": b})
    assert contradiction(problem, None) is not None
    b = A @ random.normal(size=10) + 1e-9
    assert contradiction(_problem({"x": {"shape": [10]}}, ["A @ x <= b"], "x[0]", data={"A": A, "b": b}), None) is None


UNBOUNDED: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "linear": ({"x": {"lower": 0}, "y": {"lower": 0}}, "-x - y", ["x - y <= 1"]),
    "whole": ({"x": {"integer": True}, "y": {"integer": True}}, "x", ["2*x == 3*y"]),
    "a saddle": (FREE, "x*y - x", []),
    "flat one way": (FREE, "(x - y)**2 - x", []),
    "a cubic": (FREE, "x**3 - 3*x + y**2", []),
    "concave": (FREE, "y - norm2(stack(x, y, 1))", []),
    "nonlinear constraints": (FREE, "x", ["x*y >= 1", "x + y <= 0", "x - y == 5"]),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_an_objective_without_end_comes_with_a_ray(name: str) -> None:
    variables, minimize, constraints = UNBOUNDED[name]
    given = {"variables": variables, "minimize": minimize, "constraints": constraints}
    answer = solve(given)
    assert answer.status == "unbounded"
    assert answer.certificate is not None
    assert {check.name: check.outcome for check in answer.certificate.checks} == {
        "feasibility": "passed",
        "unbounded-ray": "passed",
    }
    assert answer.ray is not None
    assert answer.variables is not None
    problem: Minimize = FAMILY.decode(document(given), NoFiles()).problem
    begin, along = (
        np.array([float(part[name]) for name in problem.layout.names])  # type: ignore[arg-type]
        for part in (answer.variables, answer.ray)
    )
    values = [problem.oracle.value(begin + step * along) for step in (0.0, 1e3, 1e6)]
    assert values[0] - 500.0 > values[1] > values[2] + 1e5


def test_maximizing_without_end_is_said_in_the_users_sense() -> None:
    answer = solve({"variables": {"w": {"shape": [3]}}, "maximize": "norm2sq(w) - w[0]"})
    assert answer.status == "unbounded"
    assert "rises without end" in answer.message


@pytest.mark.parametrize(
    ("minimize", "constraints"),
    [
        ("x**2 + y**2 - 1e9*x", []),
        ("(x - y)**2 + 1e-9*x**2 - x - y", []),
        ("-x", ["x <= 1e9", "y == 0"]),
        ("x", ["x**3 >= -1e30", "y == 0"]),
        ("-x - y", ["x**2 + y**2 <= 1e18"]),
        ("x**4 + y**2 - 1e8*x", []),
    ],
)
def test_what_has_a_far_end_is_never_proved_unbounded(minimize: str, constraints: list[str]) -> None:
    problem = _problem(FREE, constraints, minimize)
    for point in (np.zeros(2), np.array([1e9, 0.0]), np.array([-1e9, -1e9])):
        for hint in (None, np.array([1.0, 1.0]), np.array([1.0, 1e-5])):
            assert proved(problem, point, hint, 1e-6) is None


def _certified(problem: Minimize, answer: MinimizeAnswer) -> tuple[MinimizeAnswer, Certificate]:
    return certify(problem, answer)


@pytest.mark.parametrize("status", ["infeasible", "unbounded"])
def test_a_wrong_claim_of_an_engine_is_not_verified(status: Any) -> None:
    problem = _problem(FREE, ["x + y >= 1"], "x**2 + y**2")
    settled, certificate = _certified(problem, MinimizeAnswer(status=status, engine="liar"))
    assert not certificate.verified
    assert [check.outcome for check in certificate.checks] == ["trusted"]
    answer = FAMILY.solve(FAMILY.decode(document(_given(problem)), NoFiles()), "ipopt", "", LocalContext())
    settled, certificate = _certified(problem, replace(answer, status=status))
    assert settled.status == "globally-optimal"


def _given(problem: Minimize) -> dict[str, Any]:
    return {"variables": FREE, "minimize": problem.source or "x**2 + y**2", "constraints": ["x + y >= 1"]}


def test_a_pole_at_a_bound_is_pointed_out() -> None:
    answer = solve({"variables": {"x": {"lower": 0, "start": 1}}, "minimize": "log(x)"})
    assert answer.status == "feasible"
    assert "infinite where x is at its bound 0" in answer.message


def test_a_variable_that_runs_away_slowly_is_pointed_out() -> None:
    answer = solve({"variables": {"x": {"lower": 0, "start": 1}}, "minimize": "-log(x)"})
    assert answer.status != "unbounded"
    assert "may be unbounded" in answer.message
