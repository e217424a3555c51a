"""Saddle points whose values are known, from the contract to the certificate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import SolverError
from tests.saddle.solving import solve

ENGINES = ["convex-program", "extragradient", "optimistic"]
GRADIENT = ENGINES[1:]
_RANDOM = np.random.default_rng(0)
PAYOFF = _RANDOM.normal(size=(12, 15))


def simplex(size: int) -> dict[str, Any]:
    return {"shape": [size], "lower": 0, "start": 1 / size}


def game(payoff: np.ndarray) -> dict[str, Any]:
    return {
        "data": {"A": payoff},
        "objective": "p @ A @ q",
        "minimize_over": {"p": simplex(payoff.shape[0])},
        "maximize_over": {"q": simplex(payoff.shape[1])},
        "constraints": ["sum(p) == 1", "sum(q) == 1"],
    }


def value_of(payoff: np.ndarray) -> float:
    """By the linear program of the minimizing player."""
    m, n = payoff.shape
    A = np.hstack([payoff.T, -np.ones((n, 1))])
    equality = np.append(np.ones(m), 0.0)[None]
    found = linprog(np.append(np.zeros(m), 1.0), A, np.zeros(n), equality, [1.0], [(0, None)] * m + [(None, None)])
    return float(found.fun)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_matrix_game_has_the_value_of_its_linear_program(engine: str) -> None:
    answer = solve(game(PAYOFF), engine)
    expected = value_of(PAYOFF)
    assert answer.status == "globally-optimal"
    assert answer.objective == pytest.approx(expected, abs=1e-9)
    assert answer.lower is not None
    assert answer.upper is not None
    assert answer.lower <= expected <= answer.upper
    assert answer.upper - answer.lower < 1e-6
    assert answer.certificate is not None
    assert answer.certificate.proved


def test_auto_takes_the_program_of_a_bilinear_game_and_says_why() -> None:
    answer = solve(game(PAYOFF))
    assert answer.engine == "convex-program"
    assert answer.why.startswith("bilinear, 12 variables against 15, 2 constraints")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_quadratic_saddle_point_solves_its_linear_equations(engine: str) -> None:
    A = _RANDOM.normal(size=(5, 4))
    problem = {
        "data": {"A": A},
        "objective": "norm2sq(x)/2 + x @ A @ y - norm2sq(y)/2 + sum(x) - sum(y)",
        "minimize_over": {"x": {"shape": [5]}},
        "maximize_over": {"y": {"shape": [4]}},
    }
    answer = solve(problem, engine)
    system = np.block([[np.eye(5), A], [A.T, -np.eye(4)]])
    expected = np.linalg.solve(system, np.concatenate([-np.ones(5), np.ones(4)]))
    assert answer.status == "globally-optimal"
    assert answer.minimizer is not None
    assert answer.maximizer is not None
    assert answer.minimizer["x"] == pytest.approx(expected[:5], abs=1e-7)
    assert answer.maximizer["y"] == pytest.approx(expected[5:], abs=1e-7)


@pytest.mark.parametrize("engine", GRADIENT)
def test_robust_least_squares_is_the_regularized_norm(engine: str) -> None:
    # the worst disturbance of X within a radius: El Ghaoui, Lebret 1997
    X, y, radius = _RANDOM.normal(size=(20, 3)), _RANDOM.normal(size=20), 0.5
    problem = {
        "data": {"X": X, "y": y},
        "objective": "u @ (X @ w - y) + v @ w",
        "minimize_over": {"w": {"shape": [3], "lower": -10, "upper": 10}},
        "maximize_over": {"u": {"shape": [20]}, "v": {"shape": [3]}},
        "constraints": ["norm2sq(u) <= 1", f"norm2sq(v) <= {radius**2}"],
    }
    answer = solve(problem, engine)
    found = minimize(lambda w: np.linalg.norm(X @ w - y) + radius * np.linalg.norm(w), np.ones(3), tol=1e-12)
    assert answer.status == "globally-optimal"
    assert answer.objective == pytest.approx(found.fun, abs=1e-6)


def test_constraints_that_share_variables_are_projected_onto_by_a_cone_program() -> None:
    problem = {
        "objective": "norm2sq(x - y) + 3*x[0] - 2*norm2sq(y)",
        "minimize_over": {"x": {"shape": [2], "lower": 0}},
        "maximize_over": {"y": {"shape": [2]}},
        "constraints": ["x[0] + x[1] >= 1", "x[0] - x[1] <= 0.5", "norm2sq(y) <= 4", "y[0] >= y[1]"],
    }
    answer = solve(problem, "extragradient")
    assert answer.status == "globally-optimal"
    # y = -x; then x0 + x1 = 1 with equal slopes 4 x0 + 3 = 4 x1
    assert answer.minimizer is not None
    assert answer.maximizer is not None
    assert answer.minimizer["x"] == pytest.approx([0.125, 0.875], abs=1e-5)
    assert answer.maximizer["y"] == pytest.approx([-0.125, -0.875], abs=1e-5)


@pytest.mark.parametrize("engine", GRADIENT)
@pytest.mark.parametrize(
    "objective",
    [
        # Jin, Netrapalli, Jordan 2020; Wang, Zhang, Ba 2020 (gradient descent-ascent diverges there)
        "-3*x**2 - y**2 + 4*x*y",
        "(4*x**2 - (y - 3*x + 0.05*x**3)**2 - 0.1*y**4)*exp(-0.01*(x**2 + y**2))",
    ],
)
def test_a_local_minimax_point_is_found_and_named(objective: str, engine: str) -> None:
    problem = {
        "objective": objective,
        "minimize_over": {"x": {"start": 0.5}},
        "maximize_over": {"y": {"start": -0.3}},
    }
    answer = solve(problem, engine)
    assert answer.status == "locally-stationary"
    assert answer.second_order == "local-minimax"
    assert answer.minimizer is not None
    assert answer.minimizer["x"] == pytest.approx(0.0, abs=1e-6)


def test_a_stationary_point_that_is_no_minimax_point_is_not_called_one() -> None:
    problem = {"objective": "x**2 + y**2", "minimize_over": {"x": {}}, "maximize_over": {"y": {}}}
    answer = solve(problem)
    assert answer.second_order == "not-a-local-minimax"
    assert answer.status == "locally-stationary"
    assert answer.upper is None


def test_a_wrong_point_is_not_called_a_saddle_point() -> None:
    from dataclasses import replace

    from solvers.saddle.certificates import certify
    from tests.saddle.solving import document
    from tests.solving import NoFiles
    from workers.families.saddle import FAMILY

    work = FAMILY.decode(document(game(PAYOFF)), NoFiles())
    answer = FAMILY.solve(work, "convex-program", "", LocalContext())
    assert answer.z is not None
    wrong = np.full(answer.z.size, 1.0)
    wrong[:12], wrong[12:] = 1 / 12, 1 / 15
    settled, _ = certify(work.problem, replace(answer, z=wrong, objective=work.problem.oracle.value(wrong)))
    assert settled.status == "feasible"
    assert settled.lower is not None
    assert settled.upper is not None
    assert settled.lower <= value_of(PAYOFF) <= settled.upper
    outside, certificate = certify(work.problem, replace(answer, z=wrong * 2.0))
    assert outside.status == "not-verified"
    assert {check.name for check in certificate.failures} >= {"feasibility"}
    _, certificate = certify(work.problem, replace(answer, objective=7.0))
    assert not certificate.verified


def test_limits_and_unfit_problems_are_obeyed_and_refused() -> None:
    assert solve(game(PAYOFF), "optimistic", {"iteration_limit": 15}).limit == "iterations"
    stopped = LocalContext(stop="cancelled")
    assert solve(game(PAYOFF), "extragradient", context=stopped).limit == "cancelled"
    curved = {
        "objective": "x*y",
        "minimize_over": {"x": {"lower": 0}},
        "maximize_over": {"y": {"lower": 0, "upper": 1}},
        "constraints": ["exp(x) <= 3"],
    }
    with pytest.raises(SolverError, match="neither affine nor convex quadratic"):
        solve(curved)
    empty = {**curved, "constraints": ["x <= -1"]}
    with pytest.raises(SolverError, match="leave no point"):
        solve(empty, "extragradient")
    assert set(registry.names("saddle")) == set(ENGINES)


def test_a_game_without_end_is_said_to_run_away() -> None:
    """x[1] falls for ever, without constraint."""
    problem = {
        "minimize_over": {"x": {"shape": [2]}},
        "maximize_over": {"y": {"shape": [2]}},
        "objective": "0.01*x[1] + softplus(x[1]) + x[0]*y[0] - norm2sq(y)",
    }
    answer = solve(problem, "extragradient")
    assert answer.status not in ("globally-optimal", "locally-stationary")
    assert "minimizing player's variables run away" in answer.message
    assert answer.statistics["iterations"] < 5000
