"""Engines on problems whose solutions are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from solvers.bilevel.engines.richardson import extrapolate
from solvers.bilevel.problem import tensor
from tests.solvers.bilevel.problems import (
    bard,
    bda_counterexample,
    checked,
    lv_hba_toy,
    pbgd_toy,
    quadratic,
    saturating_ridge,
    solve,
)


def test_many_starts_find_all_three_optima_of_the_penalty_toy() -> None:
    answer, certificate = checked("penalty", pbgd_toy(), starts=24, descent_steps=400)
    found = sorted((float(optimum.x[0]), optimum.objective) for optimum in answer.optima)
    assert [x for x, _ in found] == pytest.approx([0.3824, 1.2152, 2.8296], abs=2e-4)
    assert [value for _, value in found] == pytest.approx([0.44271, 0.19991, 1.24346], abs=1e-5)
    assert sum(optimum.starts for optimum in answer.optima) == 24
    assert answer.objective == pytest.approx(0.19991, abs=1e-5)
    assert answer.status == "locally-stationary"
    assert "lower-gap" in certificate.rests_on_engine, "the lower level is not convex"


def test_a_constrained_lower_level_is_solved_exactly() -> None:
    answer, certificate = checked("exact", lv_hba_toy())
    assert answer.status == "globally-optimal"
    assert certificate.proved
    assert answer.objective == pytest.approx(5.0, abs=1e-6)
    assert answer.x == pytest.approx(np.full(100, -0.3), abs=1e-5)
    assert answer.y == pytest.approx(np.r_[np.full(100, 0.7), np.full(100, -0.4)], abs=1e-5)


@pytest.mark.parametrize(("engine", "options"), [("implicit", {}), ("penalty", {"descent_steps": 50})])
def test_gradients_through_a_lower_constraint_reach_the_same_point(engine: str, options: dict[str, int]) -> None:
    answer = solve(engine, lv_hba_toy(3, quadratic=False), **options)
    assert answer.objective == pytest.approx(0.15, abs=1e-4)
    assert answer.x == pytest.approx(np.full(3, -0.3), abs=1e-2)


@pytest.mark.slow
def test_lv_hba_converges_where_unscaled_constraints_make_it_diverge() -> None:
    answer = solve("lv-hba", lv_hba_toy(), iteration_limit=20_000)
    assert answer.x == pytest.approx(np.full(100, -0.3), abs=0.01)
    assert answer.objective == pytest.approx(5.0, abs=0.1)


def test_bards_problem_is_proved_optimal() -> None:
    answer, certificate = checked("exact", bard())
    assert (answer.status, certificate.proved) == ("globally-optimal", True)
    assert (answer.objective, answer.bound) == (pytest.approx(-12.0), pytest.approx(-12.0))
    assert (answer.x, answer.y) == (pytest.approx([4.0]), pytest.approx([4.0]))


@pytest.mark.parametrize("engine", ["exact", "penalty", "bda"])
def test_the_best_of_several_lower_solutions_is_found(engine: str) -> None:
    options = {"inner_steps": 6, "iteration_limit": 200} if engine == "bda" else {}
    answer = solve(engine, bda_counterexample(), **options)
    assert answer.objective == pytest.approx(0.0, abs=1e-4)
    assert answer.x == pytest.approx(np.ones(3), abs=1e-2)
    assert answer.y == pytest.approx(np.ones(6), abs=1e-2)


@pytest.mark.parametrize(
    ("engine", "error", "options"),
    [
        ("implicit", 1e-6, {"system": "dense"}),
        ("implicit", 1e-6, {"system": "cg"}),
        ("implicit", 1e-5, {"system": "neumann"}),
        ("penalty", 1e-5, {"descent_steps": 200}),
        ("f2sa", 5e-2, {"iteration_limit": 300, "inner_steps": 3}),
        ("soba", 3e-2, {"iteration_limit": 1500}),
    ],
)
def test_the_quadratic_with_a_closed_form_is_solved(engine: str, error: float, options: dict[str, object]) -> None:
    problem, best = quadratic()
    answer = solve(engine, problem, **options)
    assert np.abs(answer.x - best).max() <= error * (1.0 + np.abs(best).max())


def test_richardson_gains_an_order_with_each_point() -> None:
    """The penalized solution of a quadratic has an expansion in 1/gamma; x_gamma is known in closed form."""
    random = np.random.default_rng(3)
    m, n = 5, 3
    root = random.normal(size=(m, m))
    A, B, b = root @ root.T / m + np.eye(m), random.normal(size=(m, n)), random.normal(size=m)

    def penalized(gamma: float) -> torch.Tensor:
        # min over x, y of |y - b|^2/2 + |x|^2/20 + gamma (f(x, y) - min f(x, .))
        value = B.T @ np.linalg.solve(A, B)
        system = np.block([[0.1 * np.eye(n) + gamma * value, -gamma * B.T], [-gamma * B, np.eye(m) + gamma * A]])
        return tensor(np.linalg.solve(system, np.concatenate([np.zeros(n), b]))[:n])

    S = np.linalg.solve(A, B)
    best = tensor(np.linalg.solve(S.T @ S + 0.1 * np.eye(n), S.T @ b))

    def error(points: int, gamma: float) -> float:
        gammas = [gamma * 2**k for k in range(points)]
        return float((extrapolate([penalized(g) for g in gammas], gammas) - best).norm())

    for points in (1, 2, 3):
        order = np.log10(error(points, 40.0) / error(points, 400.0))
        assert order == pytest.approx(points, abs=0.2)
    two = 2.0 * penalized(20.0) - penalized(10.0)
    assert torch.allclose(extrapolate([penalized(10.0), penalized(20.0)], [10.0, 20.0]), two)


def test_short_steps_find_a_better_optimum_than_long_ones() -> None:
    """Penalties that saturate: long steps throw some to where the hyper-objective is flat."""
    problem = saturating_ridge(5)
    long = solve("implicit", problem, descents=0)
    both = solve("implicit", problem)
    assert long.objective == pytest.approx(3.90877, abs=1e-3)
    assert both.objective is not None
    assert both.objective < 3.8703
    assert both.status == "locally-stationary"
    assert both.statistics["evaluations"] < 12 * long.statistics["evaluations"]
