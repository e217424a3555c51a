"""Gaussian processes against their definitions, written out with dense inverses and with mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.optimize import check_grad

from solvers.studies.encoding import Encoding
from solvers.studies.gp.fit import JITTER, Hyperparameters, Prior, fit, negative_log_posterior
from solvers.studies.gp.kernel import GAUSSIAN, MATERN52, Kernel, matern52
from solvers.studies.gp.posterior import Posterior
from solvers.studies.gp.preference import likelihood, preference_posterior
from solvers.studies.gp.surrogate import model
from solvers.studies.sampling import sobol
from tests.solvers.studies.problems import MIXED, cube, random_trials

KERNELS = [MATERN52, GAUSSIAN]


def data(count: int = 12, width: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    x = rng.random((count, width))
    return x, np.arange(width), np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + 0.1 * rng.standard_normal(count)


def test_the_kernel_is_the_matern_kernel_of_smoothness_five_halves() -> None:
    """Against the definition by the modified Bessel function (Rasmussen & Williams, eq. 4.14)."""
    for r in (1e-3, 0.3, 1.0, 4.0):
        u = mpmath.sqrt(5) * r
        nu = mpmath.mpf(5) / 2
        expected = 2 ** (1 - nu) / mpmath.gamma(nu) * u**nu * mpmath.besselk(nu, u)
        assert float(matern52(np.array([r * r]))[0]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_the_slope_of_the_kernel_is_its_derivative_in_the_squared_distance(kernel: Kernel) -> None:
    square = np.array([0.0, 0.01, 0.5, 3.0])
    value, slope = kernel.slope(square)
    assert value == pytest.approx(kernel.value(square))
    step = 1e-6
    assert slope == pytest.approx((kernel.value(square + step) - kernel.value(square)) / step, rel=1e-3)


def test_a_smooth_function_is_given_the_gaussian_kernel_and_one_with_kinks_is_not() -> None:
    encoding = Encoding(cube([(0, 1), (0, 1)]))
    x = sobol(encoding, 32, 0)
    smooth = np.sin(4 * x[:, 0]) * np.cos(3 * x[:, 1])
    kinked = np.abs(x[:, 0] - 0.37) + np.abs(np.abs(x[:, 1] - 0.61) - 0.2)

    both = (MATERN52, GAUSSIAN)
    kernels = [model(encoding, x, (y - y.mean()) / y.std(), "none", kernels=both).kernel for y in (smooth, kinked)]

    assert kernels == [GAUSSIAN, MATERN52]
    held = np.random.default_rng(0).random((50, 2))
    truth = np.sin(4 * held[:, 0]) * np.cos(3 * held[:, 1])
    found = model(encoding, x, (smooth - smooth.mean()) / smooth.std(), "none", kernels=both).mean_at(held)
    assert np.abs(found * smooth.std() + smooth.mean() - truth).max() < 0.01


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_the_posterior_is_the_conditional_normal(kernel: Kernel) -> None:
    """Mean and covariance by explicit inverses, the constant mean being a normal variable of variance 1."""
    x, group, y = data()
    new = np.random.default_rng(1).random((5, 3))
    hyper = Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 0.02, kernel=kernel)
    posterior = Posterior.of(x, group, y, hyper)

    def k(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        square = (((a[:, None] - b[None]) / hyper.lengthscales) ** 2).sum(-1)
        if kernel == GAUSSIAN:
            return 1.3 * np.exp(-square / 2)
        r = np.sqrt(5 * square)
        return 1.3 * (1 + r + r**2 / 3) * np.exp(-r)

    inverse = np.linalg.inv(k(x, x) + (0.02 + JITTER * 1.3) * np.eye(len(x)))
    ones = np.ones(len(x))
    constant = ones @ inverse @ y / (ones @ inverse @ ones + 1.0)
    mean, std = posterior.predict(new)
    assert mean == pytest.approx(constant + k(new, x) @ inverse @ (y - constant), rel=1e-9)
    covariance = k(new, new) - k(new, x) @ inverse @ k(x, new)
    assert std == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-7)
    assert posterior.covariance(new) == pytest.approx(covariance, abs=1e-10)
    assert posterior.mean_at(new) == pytest.approx(mean)


@pytest.mark.parametrize("apart", [(), (1,), (0, 1, 2)])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_the_gradient_of_the_likelihood_is_right(kernel: Kernel, apart: tuple[int, ...]) -> None:
    x, group, y = data()
    known = np.linspace(0, 0.1, len(y))
    prior = Prior.for_dimensions(3, apart=apart)
    for point in (np.zeros(5), np.array([0.3, -1.0, 0.8, 0.5, -4.0])):
        error = check_grad(
            lambda v: negative_log_posterior(v, x, group, y, known, prior, kernel)[0],
            lambda v: negative_log_posterior(v, x, group, y, known, prior, kernel)[1],
            point,
        )
        assert error < 1e-4


def test_the_likelihood_is_that_of_a_multivariate_normal() -> None:
    """With a flat prior: minus the log density (mpmath determinant), up to (n/2) log 2 pi."""
    x, group, y = data(6, 2)
    flat = Prior((0.0, 1e9), (0.0, 1e9), (0.0, 1e9), departure=(1e9, 2.0))
    vector = np.log(np.array([0.5, 0.8, 1.1, 0.05]))
    square = ((x[:, None] - x[None]) ** 2 / np.array([0.5, 0.8]) ** 2).sum(-1)
    covariance = 1.1 * matern52(square) + (0.05 + JITTER * 1.1) * np.eye(6)
    inverse = np.linalg.inv(covariance)
    constant = (inverse @ y).sum() / (inverse.sum() + 1.0)
    expected = (
        0.5 * float(mpmath.log(mpmath.det(mpmath.matrix(covariance.tolist()))))
        + 0.5 * (y - constant) @ inverse @ (y - constant)
        + 0.5 * constant**2
    )
    assert negative_log_posterior(vector, x, group, y, np.zeros(6), flat)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_predicted_slopes_are_derivatives(kernel: Kernel) -> None:
    x, group, y = data()
    hyper = Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 0.02, kernel=kernel)
    posterior = Posterior.of(x, group, y, hyper)
    at = np.random.default_rng(2).random((4, 3))
    mean, std, mean_slope, std_slope = posterior.slopes(at)
    assert (mean, std) == (pytest.approx(posterior.predict(at)[0]), pytest.approx(posterior.predict(at)[1]))
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-6
        high, low = posterior.predict(at + step), posterior.predict(at - step)
        assert mean_slope[:, j] == pytest.approx((high[0] - low[0]) / 2e-6, abs=1e-6)
        assert std_slope[:, j] == pytest.approx((high[1] - low[1]) / 2e-6, abs=1e-5)


def test_a_grown_posterior_equals_one_made_at_once() -> None:
    """Given the constant mean, which ``given`` keeps: values are shifted so that it is the same."""
    x, group, y = data()
    hyper = Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 0.02)
    part = Posterior.of(x[:8], group, y[:8], hyper)
    grown = part.given(x[8:10], y[8:10]).given(x[10:], y[10:])
    new = np.random.default_rng(3).random((5, 3))
    k = part.signal * matern52((((x[:, None] - x[None]) / hyper.lengthscales) ** 2).sum(-1)) + 0.02 * np.eye(12)
    cross = part.signal * matern52((((new[:, None] - x[None]) / hyper.lengthscales) ** 2).sum(-1))
    assert grown.predict(new)[0] == pytest.approx(part.mean + cross @ np.linalg.solve(k, y - part.mean), rel=1e-6)
    whole = Posterior.of(x, group, y, hyper)
    assert grown.predict(new)[1] == pytest.approx(whole.predict(new)[1], rel=1e-6)


def test_a_believed_value_leaves_the_mean_and_takes_the_doubt() -> None:
    x, group, y = data()
    posterior = Posterior.of(x, group, y, Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 1e-6))
    point = np.array([[0.9, 0.1, 0.5]])
    believed = posterior.given(point, posterior.mean_at(point))
    new = np.random.default_rng(3).random((20, 3))
    assert believed.predict(new)[0] == pytest.approx(posterior.predict(new)[0], abs=1e-6)
    assert believed.predict(point)[1][0] < 0.01 * posterior.predict(point)[1][0]


def test_leave_one_out_equals_leaving_each_one_out() -> None:
    x, group, y = data()
    hyper = Hyperparameters(np.array([0.4, 0.7, 1.5]), 1.3, 0.02)
    posterior = Posterior.of(x, group, y, hyper)
    mean, std = posterior.leave_one_out()
    for i in (0, 5, 11):
        rest = np.delete(np.arange(12), i)
        k = 1.3 * matern52((((x[:, None] - x[None]) / hyper.lengthscales) ** 2).sum(-1)) + (0.02 + JITTER) * np.eye(12)
        inverse = np.linalg.inv(k[np.ix_(rest, rest)])
        expected = posterior.mean + k[i, rest] @ inverse @ (y[rest] - posterior.mean)
        assert mean[i] == pytest.approx(expected, rel=1e-6)
        assert std[i] == pytest.approx(np.sqrt(k[i, i] - k[i, rest] @ inverse @ k[rest, i]), rel=1e-6)


def test_fitting_finds_which_coordinate_matters() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((60, 3))
    y = np.sin(9 * x[:, 1])
    hyper = fit(x, np.arange(3), 3, (y - y.mean()) / y.std())
    assert hyper.lengthscales[1] < 0.3 * min(hyper.lengthscales[0], hyper.lengthscales[2])
    assert hyper.noise < 1e-3


def test_features_of_conditional_parameters_keep_their_promised_distances() -> None:
    encoding = Encoding(MIXED.study.space)
    base = {"rate": 0.1, "layers": 2, "kind": "b"}
    rows = encoding.places(
        [
            {**base, "slope": 0.0},
            {**base, "slope": 0.5},
            {**base, "slope": 1.0},
            {"rate": 0.1, "layers": 2, "kind": "a"},
        ]
    )
    group = 3  # of slope
    block = encoding.features(rows)[:, encoding.group == group]
    distance = np.linalg.norm(block[:, None] - block[None], axis=-1)
    assert distance[0, 3] == pytest.approx(distance[1, 3]) == pytest.approx(distance[2, 3])
    assert 0 < distance[0, 1] < distance[0, 2]


def test_covariances_over_conditional_spaces_are_positive_definite() -> None:
    encoding = Encoding(MIXED.study.space)
    rows = np.unique(encoding.places([t.parameters for t in random_trials(MIXED, 80)]), axis=0)
    features = encoding.features(rows)
    square = ((features[:, None] - features[None]) ** 2).sum(-1)
    assert np.linalg.eigvalsh(matern52(square)).min() > 0


def test_gradients_reach_the_places_through_the_features() -> None:
    encoding = Encoding(MIXED.study.space)
    rows = encoding.places([t.parameters for t in random_trials(MIXED, 10)])
    rows = rows[~np.isnan(rows[:, 3])]
    weights = np.random.default_rng(0).random(len(encoding.group))
    pulled = encoding.pull(rows, np.tile(weights, (len(rows), 1)))
    for k, column in enumerate(encoding.smooth):
        moved = rows.copy()
        moved[:, column] += 1e-6
        slope = (encoding.features(moved) - encoding.features(rows)) @ weights / 1e-6
        assert pulled[:, k] == pytest.approx(slope, abs=1e-4)


def test_the_preference_likelihood_has_the_right_gradient_and_hessian() -> None:
    f = np.array([0.1, -0.2, 0.05])
    better, worse = np.array([1, 2, 1]), np.array([0, 0, 2])
    value, gradient, hessian = likelihood(f, better, worse)
    expected = sum(
        float(mpmath.log(mpmath.ncdf((f[b] - f[a]) / (mpmath.sqrt(2) * 0.1))))
        for a, b in zip(better, worse, strict=True)
    )
    assert value == pytest.approx(expected, rel=1e-10)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-6
        high, low = likelihood(f + step, better, worse), likelihood(f - step, better, worse)
        assert gradient[i] == pytest.approx((high[0] - low[0]) / 2e-6, rel=1e-5)
        assert -hessian[i] == pytest.approx((high[1] - low[1]) / 2e-6, rel=1e-4, abs=1e-4)


def test_a_posterior_of_comparisons_orders_the_points_as_they_were_ordered() -> None:
    x = np.linspace(0, 1, 7)[:, None]
    truth = (x[:, 0] - 0.3) ** 2
    order = [int(i) for i in np.argsort(truth)]
    posterior = preference_posterior(x, [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]])
    assert list(np.argsort(posterior.y)) == order
    near, far = posterior.predict(np.array([[0.33], [3.0]]))[1]
    assert near < far
