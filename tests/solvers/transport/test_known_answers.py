"""Answers that are known in closed form, and the eight settings on which other libraries stall."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.transport.access import apply, to_sparse
from solvers.transport.answer import TransportAnswer
from solvers.transport.problem import Transport, TransportProblem
from solvers.transport.start import Start
from tests.solvers.transport.data import clouds, colours, pictures

SETTINGS = [(n, d, epsilon) for n in (500, 1000) for d in (2, 64) for epsilon in (1e-2, 1e-3)]


def solve(name: str, problem: TransportProblem, **options: Any) -> TransportAnswer:
    answer: TransportAnswer = registry.load("transport", name).solve(problem, options, LocalContext())
    return answer


@pytest.mark.parametrize(("n", "d", "epsilon"), SETTINGS)
def test_newton_reaches_marginals_of_1e_9_where_others_stall(n: int, d: int, epsilon: float) -> None:
    x, y = clouds(n, d)
    answer = solve("sinkhorn-newton", Transport.build(x, y, regularization=epsilon, relative=True))
    assert answer.status == "optimal"
    assert answer.marginal_error is not None
    assert answer.marginal_error <= 1e-9
    assert answer.objective_gap is not None
    assert abs(answer.objective_gap) <= 1e-9
    assert answer.bound is not None
    assert answer.cost is not None
    assert answer.bound < answer.cost


@pytest.mark.parametrize("d", [2, 64])
def test_newton_goes_on_where_epsilon_is_tiny(d: int) -> None:
    x, y = clouds(300, d, seed=3)
    answer = solve("sinkhorn-newton", Transport.build(x, y, regularization=1e-5, relative=True))
    assert answer.status == "optimal", answer.message
    exact = solve("network-simplex", Transport.build(x, y))
    assert answer.cost == pytest.approx(exact.cost, rel=1e-4)


def test_the_published_method_converges_where_its_paper_says() -> None:
    x, y = clouds(300, 64)
    problem = Transport.build(x, y, regularization=1e-2, relative=True)
    published = solve("sinkhorn-newton", problem, method="published")
    ours = solve("sinkhorn-newton", problem)
    assert published.status == "optimal"
    assert published.objective == pytest.approx(ours.objective, rel=1e-9)
    assert published.statistics["iterations"] > 2 * ours.statistics["iterations"]


def test_entropic_transport_between_gaussians_has_the_covariance_of_the_closed_form() -> None:
    """Janati, Muzellec, Peyre, Cuturi 2020: with cost |x-y|^2 / 2 and e, C^2 + e C = var_x var_y."""
    s, t, e = 1.0, 0.6, 0.5
    x = np.linspace(-6.0, 6.0, 241)
    a, b = np.exp(-0.5 * (x / s) ** 2), np.exp(-0.5 * ((x - 0.3) / t) ** 2)
    problem = Transport.build(x, x, a=a, b=b, normalize=True, regularization=2.0 * e)
    answer = solve("sinkhorn-newton", problem)
    assert answer.plan is not None
    covariance = float((problem.a * 0.0 + x) @ apply(problem, answer.plan, x - 0.3))
    expected = 0.5 * (np.sqrt(4.0 * s**2 * t**2 + e**2) - e)
    assert covariance == pytest.approx(expected, rel=1e-6)


def test_gaussians_on_a_line_have_their_wasserstein_distance() -> None:
    x = np.linspace(-9.0, 9.0, 20_001)
    a, b = np.exp(-0.5 * x**2), np.exp(-0.5 * ((x - 1.0) / 0.5) ** 2)
    answer = solve("line", Transport.build(x, x, a=a, b=b, normalize=True))
    assert answer.cost == pytest.approx(1.0**2 + 0.5**2, rel=1e-5)
    assert answer.bound == pytest.approx(answer.cost, rel=1e-12)


def test_the_gap_encloses_the_true_cost_without_an_epsilon_from_the_user() -> None:
    x, y = clouds(400, 2, seed=5)
    problem = Transport.build(x, y)
    exact = solve("network-simplex", problem)
    for name in ("sinkhorn-newton", "sinkhorn"):
        answer = solve(name, problem, tolerance=1e-2)
        assert answer.status == "optimal"
        assert answer.gap is not None
        assert answer.gap <= 1e-2
        assert answer.epsilon_from == "tolerance"
        assert answer.bound is not None
        assert answer.bound <= exact.cost <= answer.cost


def test_penalized_marginals_agree_with_an_independent_dual_ascent() -> None:
    r = np.random.default_rng(2)
    n, m, e, tau = 12, 9, 0.05, 0.3
    M, a, b = r.random((n, m)), r.random(n) + 0.1, 2.0 * r.random(m) + 0.1

    def negative_dual(z: np.ndarray) -> tuple[float, np.ndarray]:
        f, g = z[:n], z[n:]
        P = a[:, None] * b * np.exp((f[:, None] + g - M) / e)
        value = -tau * a @ np.expm1(-f / tau) - tau * b @ np.expm1(-g / tau) - e * (P.sum() - a.sum() * b.sum())
        gradient = np.concatenate([a * np.exp(-f / tau) - P.sum(axis=1), b * np.exp(-g / tau) - P.sum(axis=0)])
        return -value, -gradient

    best = -minimize(
        negative_dual, np.zeros(n + m), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 5000}
    ).fun
    problem = Transport.build(M=M, a=a, b=b, variant="unbalanced", strength=tau, regularization=e)
    for engine in ("sinkhorn", "sinkhorn-newton"):
        answer = solve(engine, problem, marginal_tolerance=1e-12)
        assert answer.objective == pytest.approx(best, rel=1e-7)
        assert answer.objective_bound == pytest.approx(best, rel=1e-7)


def test_streamed_and_kept_costs_give_the_same_answer() -> None:
    x, y = clouds(300, 2, seed=1)
    problem = Transport.build(x, y[:250], regularization=1e-2, relative=True)
    kept = solve("sinkhorn-newton", problem)
    streamed = solve("sinkhorn-newton", problem, memory_limit=1.0)
    assert streamed.statistics["streamed"]
    assert not kept.statistics["streamed"]
    assert streamed.status == kept.status == "optimal"
    assert streamed.objective == pytest.approx(kept.objective, rel=1e-9)
    assert streamed.bound == pytest.approx(kept.bound, rel=1e-6)


def test_warm_potentials_save_the_way_down() -> None:
    x, y = clouds(300, 2, seed=2)
    problem = Transport.build(x, y, regularization=1e-2, relative=True)
    cold = solve("sinkhorn-newton", problem)
    warm = solve("sinkhorn-newton", problem, start=Start(f=cold.f, g=cold.g))
    assert warm.status == "optimal"
    assert warm.statistics["passes"] < 0.5 * cold.statistics["passes"]
    assert warm.objective == pytest.approx(cold.objective, rel=1e-9)


def test_a_batch_of_ragged_problems_agrees_with_each_alone() -> None:
    r = np.random.default_rng(4)
    sizes = r.integers(1, 50, size=(20, 2))
    problems = [
        Transport.build(r.random((n, 3)), r.random((m, 3)), regularization=2e-2, relative=True) for n, m in sizes
    ]
    answer = solve("batched-newton", Transport.batch(problems))
    assert answer.status == "optimal"
    for problem, one in zip(problems, answer.batch, strict=True):
        alone = solve("sinkhorn-newton", problem)
        assert one.objective == pytest.approx(alone.objective, rel=1e-8)
        assert one.marginal_error is not None
        assert one.marginal_error <= 1e-9


def test_sparse_plans_have_at_most_k_entries_a_column_and_k_large_is_quadratic() -> None:
    x, y = clouds(100, 2)
    quadratic = solve("quadratic", Transport.build(x, y, regularization=1.0, relative=True, kind="quadratic"))
    wide = solve("sparse", Transport.build(x, y, regularization=1.0, relative=True, max_nonzeros=100))
    assert wide.objective == pytest.approx(quadratic.objective, rel=1e-9)
    for k in (2, 5):
        answer = solve("sparse", Transport.build(x, y, regularization=1.0, relative=True, max_nonzeros=k))
        plan = to_sparse(Transport.build(x, y), answer.plan)  # type: ignore[arg-type]
        assert np.diff(plan.tocsc().indptr).max() <= k
        assert answer.objective_bound is not None
        assert answer.status == "optimal" or "tied" in answer.message


def test_a_quadratic_plan_is_optimal_by_its_conditions() -> None:
    x, y = clouds(80, 64)
    problem = Transport.build(x, y, regularization=3.0, relative=True, kind="quadratic")
    answer = solve("quadratic", problem)
    M = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    plan = to_sparse(problem, answer.plan).toarray()  # type: ignore[arg-type]
    expected = np.maximum(answer.f[:, None] + answer.g - M, 0.0) / answer.epsilon  # type: ignore[index,operator]
    np.testing.assert_allclose(plan, expected, atol=1e-12)
    np.testing.assert_allclose(plan.sum(axis=1), 1.0 / 80, atol=1e-11)
    np.testing.assert_allclose(plan.sum(axis=0), 1.0 / 80, atol=1e-11)


def test_real_pictures_cost_what_is_certified() -> None:
    known = pictures() or [_drawn()]
    for one in known[:: max(1, len(known) // 3)]:
        answer = solve("network-simplex", one.problem)
        assert answer.status == "optimal"
        assert answer.cost == pytest.approx(one.optimum, rel=max(one.tolerance, 1e-9))
        assert answer.bound == pytest.approx(one.optimum, rel=max(one.tolerance, 1e-9))


def test_newton_encloses_a_real_picture_and_the_colours_of_two_photographs() -> None:
    for one in [*(pictures() or [_drawn()])[:1], *colours()[:1]]:
        answer = solve("sinkhorn-newton", one.problem, tolerance=1e-2)
        assert answer.status == "optimal"
        assert answer.bound is not None
        assert answer.cost is not None
        assert answer.bound <= one.optimum * (1.0 + 1e-9)
        assert answer.cost >= one.optimum * (1.0 - 1e-9)


def _drawn() -> Any:
    """A picture moved by two pixels along each axis: the translation is optimal, so the cost is 8."""
    from tests.solvers.transport.data import Known

    picture = np.zeros((16, 16))
    picture[3:9, 4:12] = np.random.default_rng(0).random((6, 8))
    problem = Transport.build(A=picture, B=np.roll(picture, (2, 2), axis=(0, 1)))
    return Known("drawn", problem, 8.0, 1e-9)
