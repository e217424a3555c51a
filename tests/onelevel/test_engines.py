"""Engines of one level on problems whose answers are known in closed form."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import SolverError
from tests.onelevel.solving import document, solve
from tests.solving import NoFiles
from workers.families.minimize import FAMILY

_RANDOM = np.random.default_rng(0)
X = _RANDOM.normal(size=(60, 20))
TRUE = np.concatenate([[3.0, -2.0, 1.0, 0.5], np.zeros(16)])
Y = X @ TRUE + 0.1 * _RANDOM.normal(size=60)
DATA = {"X": X, "y": Y}
W: dict[str, Any] = {"w": {"shape": [20]}}
ROSENBROCK = {
    "variables": {"x": {"shape": [6], "start": -1.2}},
    "minimize": "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)",
}


def _values(answer: Any, name: str) -> np.ndarray:
    return np.asarray(answer.variables[name], dtype=float)


@pytest.mark.parametrize("engine", ["lbfgs", "newton", "gauss-newton", "proximal", "augmented-lagrangian", "highs"])
def test_ridge_regression_is_the_solution_of_its_normal_equations(engine: str) -> None:
    problem = {"data": DATA, "variables": W, "minimize": "mean((X @ w - y)**2) + 0.1*norm2sq(w)"}
    answer = solve(problem, engine)
    expected = np.linalg.solve(X.T @ X / 60 + 0.1 * np.eye(20), X.T @ Y / 60)
    assert answer.status == "globally-optimal"
    assert _values(answer, "w") == pytest.approx(expected, abs=1e-4)
    assert answer.certificate is not None
    assert answer.certificate.proved


@pytest.mark.parametrize("engine", ["lbfgs", "newton", "gauss-newton"])
def test_rosenbrock_is_zero_at_one_and_known_to_be_global_by_its_sign(engine: str) -> None:
    answer = solve(ROSENBROCK, engine)
    assert _values(answer, "x") == pytest.approx(np.ones(6), abs=1e-5)
    assert answer.status == "globally-optimal"
    assert answer.bound == 0.0


def test_the_lasso_satisfies_its_optimality_conditions_and_is_proved() -> None:
    weight = 0.1
    answer = solve({"data": DATA, "variables": W, "minimize": f"mean((X @ w - y)**2) + {weight}*norm1(w)"})
    w = _values(answer, "w")
    slope = 2 * X.T @ (X @ w - Y) / 60
    assert answer.engine == "proximal"
    assert answer.status == "globally-optimal"
    assert (w == 0).sum() >= 10
    assert slope[w != 0] == pytest.approx(-weight * np.sign(w[w != 0]), abs=1e-5)
    assert (np.abs(slope[w == 0]) <= weight + 1e-6).all()


def test_the_group_lasso_drops_whole_groups() -> None:
    answer = solve(
        {
            "data": {"X": X, "y": Y},
            "variables": {"W": {"shape": [5, 4]}},
            "let": {"w": "reshape(W, 20)", "lam": "0.5"},
            "minimize": "mean((X @ w - y)**2) + lam*sum(norm2(W, axis=1))",
        }
    )
    groups = np.linalg.norm(_values(answer, "W"), axis=1)
    assert answer.engine == "proximal"
    assert answer.status == "globally-optimal"
    assert (groups == 0).tolist() == [False, True, True, True, True]


def test_bounds_hold_exactly_and_the_active_ones_have_the_right_slope() -> None:
    problem = {
        "data": DATA,
        "variables": {"w": {"shape": [20], "lower": 0, "upper": 1}},
        "minimize": "mean((X @ w - y)**2)",
    }
    for engine in ("lbfgs", "newton", "highs"):
        w = _values(solve(problem, engine), "w")
        assert (w >= 0).all()
        assert (w <= 1).all()
        slope = X.T @ (X @ w - Y)
        assert (slope[w == 0] >= -1e-4).all()
        assert (slope[w == 1] <= 1e-4).all()
        assert w[0] == 1


def test_maximizing_is_minimizing_the_negative() -> None:
    answer = solve({"variables": {"x": {"shape": [2]}}, "maximize": "3 - norm2sq(x - 2)"})
    assert answer.objective == pytest.approx(3)
    assert answer.bound == pytest.approx(3)
    assert answer.status == "globally-optimal"


def test_a_linear_program_goes_to_highs_and_its_multipliers_prove_the_bound() -> None:
    answer = solve(
        {
            "variables": {"x": {"shape": [3], "lower": 0}},
            "maximize": "x[0] + 2*x[1] - x[2]",
            "constraints": ["sum(x) <= 4", "x[0] + 3*x[1] <= 6"],
        }
    )
    assert answer.engine == "highs"
    assert answer.objective == pytest.approx(5)
    assert answer.multipliers == pytest.approx([0.5, 0.5])
    assert answer.certificate is not None
    assert answer.certificate.proved


def test_integers_go_to_branch_and_bound() -> None:
    answer = solve(
        {
            "variables": {"k": {"shape": [3], "integer": True, "lower": 0, "upper": 9}},
            "minimize": "(k[0] - 2.6)**2 + (k[1] - 1.2)**2 + exp(k[2]/5) - k[2]",
        }
    )
    best = min(
        (a - 2.6) ** 2 + (b - 1.2) ** 2 + np.exp(c / 5) - c for a in range(10) for b in range(10) for c in range(10)
    )
    assert answer.status == "globally-optimal"
    assert answer.objective == pytest.approx(best)


def test_an_infeasible_problem_is_called_so_whatever_the_engine_found() -> None:
    problem = {"variables": {"x": {"lower": 0, "upper": 1}}, "minimize": "x", "constraints": ["x >= 2"]}
    assert solve(problem).status == "infeasible"
    answer = solve({**problem, "minimize": "x**4", "constraints": ["x**2 >= 2"]}, "augmented-lagrangian")
    assert answer.status == "infeasible"
    assert answer.certificate is not None
    assert [check.name for check in answer.certificate.checks] == ["infeasibility"]


def test_a_start_where_the_objective_is_not_defined_is_left_for_one_nearby() -> None:
    answer = solve({"variables": {"x": {"shape": [2], "start": -1}}, "minimize": "sum(x - log(x))"}, "lbfgs")
    assert answer.objective == pytest.approx(2.0, abs=1e-6)
    nowhere = {"variables": {"x": {"start": -50, "upper": -40}}, "minimize": "x - log(x)"}
    with pytest.raises(SolverError, match="no finite value at the start") as refused:
        solve(nowhere, "lbfgs")
    assert refused.value.pointer == "/problem/variables"


@pytest.mark.parametrize("engine", ["lbfgs", "newton", "gauss-newton", "proximal", "augmented-lagrangian"])
def test_an_engine_stops_at_once_when_told_and_reports_on_the_way(engine: str) -> None:
    big = {
        "data": {"X": _RANDOM.normal(size=(400, 300)), "y": _RANDOM.normal(size=400)},
        "variables": {"w": {"shape": [300]}},
    }
    problem = {**big, "minimize": "mean((tanh(X @ w) - y)**2)"}
    context = LocalContext(time_limit=0.3)
    began = time.monotonic()
    answer = solve(problem, engine, {"tolerance": 1e-12}, context)
    assert time.monotonic() - began < 8.0
    assert answer.limit in ("time", None)
    assert context.reports


@pytest.mark.parametrize("engine", registry.names("minimize"))
def test_an_engine_is_deterministic_and_leaves_the_problem_as_it_was(engine: str) -> None:
    data = {"X": X[:, :3], "y": Y}
    variables = {"w": {"shape": [3], "lower": -9, "upper": 9}}
    given = document({"data": data, "variables": variables, "minimize": "mean((X @ w - y)**2) + 0.1*norm2sq(w)"})
    work = FAMILY.decode(given, NoFiles())
    before = {name: array.copy() for name, array in work.problem.data.items()}
    answers = [FAMILY.solve(work, engine, "", LocalContext()) for _ in range(2)]
    assert np.array_equal(answers[0].x, answers[1].x)
    assert all(np.array_equal(before[name], work.problem.data[name]) for name in before)


def test_an_unknown_option_is_refused_with_the_near_one() -> None:
    given = document(ROSENBROCK, {"engine_options": {"histry": 3}})
    work = FAMILY.decode(given, NoFiles())
    with pytest.raises(SolverError) as caught:
        FAMILY.solve(work, "lbfgs", "", LocalContext())
    assert caught.value.pointer == "/options/engine_options/histry"
    assert "history" in caught.value.hint


def test_an_engine_says_what_it_cannot_take() -> None:
    problem = {"variables": {"x": {"shape": [2]}}, "minimize": "norm2sq(x)", "constraints": ["sum(x) == 1"]}
    with pytest.raises(SolverError, match="does not take constraints"):
        solve(problem, "lbfgs")
    with pytest.raises(SolverError, match="branch and bound does not take erf"):
        solve({"variables": {"x": {"lower": 0, "upper": 1}}, "minimize": "erf(x)"}, "scip")


def test_inspection_says_what_was_inferred() -> None:
    problem = {"data": DATA, "variables": W, "minimize": "mean((X @ w - y)**2) + 0.1*norm1(w)"}
    found = json.loads(FAMILY.inspect(FAMILY.decode(document(problem), NoFiles())))
    assert found["summary"] == "convex, not smooth, 20 variables"
    assert found["details"]["regularizers"] == [{"norm": "norm1", "weight": 0.1}]
    assert found["details"]["convex_problem"] is True


@pytest.mark.parametrize("engine", ["auto", "newton", "lbfgs"])
@pytest.mark.parametrize(
    ("objective", "polynomial"), [("x + y**2", True), ("-exp(0.1*x) + y**2", False), ("x**3 + y**2", True)]
)
def test_a_point_that_runs_away_is_never_called_stationary(engine: str, objective: str, polynomial: bool) -> None:
    answer = solve({"variables": {"x": {"start": -0.1}, "y": {"start": 1}}, "minimize": objective}, engine)
    assert answer.status in (("unbounded",) if polynomial else ("feasible", "not-verified"))
    assert answer.bound is None
    if polynomial:
        return
    assert answer.status == "not-verified" or "unbounded" in answer.message


def test_an_entropy_is_proved_minimal_and_is_that_of_a_softmax() -> None:
    cost = np.array([1.0, 0.3, -0.4, 2.0])
    problem = {
        "data": {"c": cost},
        "variables": {"p": {"shape": [4], "lower": 0}},
        "minimize": "c @ p + 0.5*sum(p*log(p))",
        "constraints": ["sum(p) == 1"],
    }
    answer = solve(problem)
    expected = np.exp(-cost / 0.5)
    assert answer.status == "globally-optimal"
    assert _values(answer, "p") == pytest.approx(expected / expected.sum(), abs=1e-6)
    assert answer.objective == pytest.approx(-0.5 * np.log(expected.sum()), abs=1e-8)
