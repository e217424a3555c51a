"""Bridges, Gromov, barycenters, sliced and low-rank transport where the answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines import light_bridge
from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport, TransportProblem


def solve(name: str, problem: TransportProblem, **options: Any) -> TransportAnswer:
    answer: TransportAnswer = registry.load("transport", name).solve(problem, options, LocalContext())
    return answer


def test_the_bridge_between_gaussians_is_the_closed_form() -> None:
    """C^2 + e C = var_x var_y is the covariance of the plan; the conditional mean has slope C / var_x."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(800, 1)), 0.5 * r.normal(size=(800, 1)) + 3.0
    e, var_x, var_y = 0.5, x.var(), y.var()
    answer = solve("light-bridge", Transport.build(x, y, regularization=2.0 * e), components=1)
    covariance = 0.5 * (np.sqrt(e**2 + 4.0 * var_x * var_y) - e)
    assert answer.parameters["scales"][0, 0] == pytest.approx(covariance / var_x, rel=1e-5)
    assert answer.parameters["centres"][0, 0] == pytest.approx(y.mean() - covariance / var_x * x.mean(), abs=1e-5)


def _mixture() -> dict[str, np.ndarray]:
    return {
        "log_weights": np.log([0.3, 0.7]),
        "centres": np.array([[3.0, 0.0], [-3.0, 1.0]]),
        "scales": np.array([[1.0, 0.5], [0.4, 1.2]]),
        "epsilon": np.array([0.5]),
    }


def test_the_bridge_finds_the_mixture_that_made_the_data() -> None:
    truth = _mixture()
    x = np.random.default_rng(1).normal(size=(2000, 2))
    y = light_bridge.sample(truth, x, 1, seed=3)[:, 0]
    answer = solve("light-bridge", Transport.build(x, y, regularization=1.0), components=2)
    order = np.argsort(-answer.parameters["centres"][:, 0])
    np.testing.assert_allclose(answer.parameters["centres"][order], truth["centres"], atol=0.15)
    np.testing.assert_allclose(answer.parameters["scales"][order], truth["scales"], atol=0.15)
    assert answer.objective_gap is not None
    assert 0.0 <= answer.objective_gap < 0.01
    drawn = light_bridge.sample(answer.parameters, x, 1, seed=5)[:, 0]
    np.testing.assert_allclose(drawn.mean(axis=0), y.mean(axis=0), atol=0.3)


def test_samples_and_drift_follow_the_conditional_plan() -> None:
    truth = _mixture()
    x = np.array([[0.5, -0.2], [-1.0, 0.4]])
    shares, means = light_bridge.conditional(truth, x)
    expected = (shares[:, :, None] * means).sum(axis=1)
    np.testing.assert_allclose(light_bridge.sample(truth, x, 60_000, seed=2).mean(axis=1), expected, atol=0.06)
    np.testing.assert_allclose(light_bridge.drift(truth, x, 0.0), expected - x, atol=1e-12)


def test_the_diffusion_with_the_drift_ends_at_the_targets() -> None:
    truth = _mixture()
    r = np.random.default_rng(7)
    x = np.repeat([[0.5, -0.2]], 4000, axis=0)
    shares, means = light_bridge.conditional(truth, x[:1])
    steps = 200
    for k in range(steps):
        x = x + light_bridge.drift(truth, x, k / steps) / steps + r.normal(size=x.shape) * np.sqrt(0.5 / steps)
    np.testing.assert_allclose(x.mean(axis=0), (shares[0, :, None] * means[0]).sum(axis=0), atol=0.15)


def test_the_gradient_of_the_bridge_is_right() -> None:
    r = np.random.default_rng(0)
    x, y = r.normal(size=(20, 2)), r.normal(size=(25, 2)) + 1.0
    values = {"components": 3, "seed": 0}
    from solvers.transport.numerics.watch import Watch

    fit = light_bridge._Fit(x, y, np.full(20, 0.05), np.full(25, 0.04), 0.5, values, Watch(LocalContext()))
    theta = fit.start + 0.1 * r.normal(size=fit.start.shape)
    assert check_grad(lambda t: fit.loss(t)[0], lambda t: fit.loss(t)[1], theta) < 1e-5


def test_a_rotated_cloud_has_no_gromov_distortion() -> None:
    x = np.random.default_rng(0).random((25, 2))
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    answer = solve("pot-gromov", Gromov.build(x=x, y=x @ turn.T + 3.0), starts=5)
    assert answer.cost == pytest.approx(0.0, abs=1e-12)
    assert answer.status == "optimal"


def test_the_gromov_bound_is_below_what_is_found() -> None:
    r = np.random.default_rng(1)
    for M in (None, r.random((15, 12))):
        answer = solve("pot-gromov", Gromov.build(x=r.random((15, 2)), y=2.0 * r.random((12, 3)), M=M))
        assert answer.bound is not None
        assert answer.cost is not None
        assert 0.0 < answer.bound <= answer.cost


def test_the_barycenter_of_two_gaussians_is_between_them() -> None:
    """Equal spreads: the Gaussian in the middle; each is at distance 0.2 from it, so the value is 0.04."""
    grid = np.linspace(0.0, 1.0, 60)
    bells = [(np.exp(-0.5 * ((grid - c) / 0.06) ** 2), grid) for c in (0.3, 0.7)]
    answer = solve("barycenter", Barycenter.build(bells))
    assert answer.weights is not None
    assert answer.weights @ grid == pytest.approx(0.5, abs=1e-9)
    assert answer.cost == pytest.approx(0.04, rel=1e-2)
    assert answer.bound is not None
    assert answer.bound <= answer.cost
    assert answer.bound == pytest.approx(0.04, rel=1e-2)


def test_the_free_barycenter_of_translates_is_the_translate_between() -> None:
    x = np.random.default_rng(0).random((20, 2))
    answer = solve(
        "barycenter", Barycenter.build([x, x + np.array([4.0, 0.0])], free=True, support=x + np.array([1.0, 0.1]))
    )
    assert answer.cost == pytest.approx(4.0, rel=1e-9)


def test_sliced_transport_of_a_translation_is_its_square_over_the_dimension() -> None:
    x = np.random.default_rng(0).random((40, 3))
    answer = solve("sliced", Sliced.build(x, x + np.array([3.0, 0.0, 0.0]), projections=4000))
    assert answer.cost == pytest.approx(3.0, abs=5.0 * answer.statistics["standard_error"])
    uneven = solve("sliced", Sliced.build(x, x[:30], a=np.arange(1.0, 41.0), projections=50))
    assert uneven.cost is not None
    assert uneven.cost > 0.0


def test_low_rank_plans_have_their_rank_and_exact_marginals() -> None:
    r = np.random.default_rng(0)
    x, y = r.random((60, 2)), r.random((50, 2)) + np.array([2.0, 0.0])
    problem = Transport.build(x, y, rank=4)
    answer = solve("pot-low-rank", problem)
    plan: Any = answer.plan
    dense = (plan.Q / plan.weights) @ plan.R.T
    np.testing.assert_allclose(dense.sum(axis=1), problem.a, atol=1e-14)
    np.testing.assert_allclose(dense.sum(axis=0), problem.b, atol=1e-14)
    assert np.linalg.matrix_rank(dense) <= 4
    exact = solve("network-simplex", Transport.build(x, y))
    M = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    assert answer.cost == pytest.approx(float((dense * M).sum()), rel=1e-10)
    assert exact.cost is not None
    assert answer.cost is not None
    assert exact.cost <= answer.cost <= 1.3 * exact.cost
