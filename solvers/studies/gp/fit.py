"""Hyperparameters of a Gaussian process: maximum of marginal likelihood times prior, with analytic gradients.

Model: y = m + f + e, f with variance s times a kernel, e with variance v (plus known variances). Values are
expected to be standardised (mean 0, variance 1). m is profiled out under a normal prior.

Lengthscales are thought to be alike, but for a few: the mean of their logarithms is normal about a value that grows
with the square root of the number of dimensions (Hvarfner, Hellsten, Nardi: Vanilla Bayesian Optimization Performs
Great in High Dimensions, ICML 2024, sec. 4), so that the model's complexity does not grow with them; departures from
that mean follow Student's t with a small scale. With independent priors a few points bend one lengthscale after the
other to chance, and the search runs along them; with departures that are normal, a function of few of its parameters is
recognised too late (tails as in Eriksson and Jankowiak, SAASBO, UAI 2021, for the same reason).

An evaluation costs n^3 (Cholesky and inverse) + 2 n^2 m (gradients of all lengthscales from one product) flops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from solvers.studies.encoding import Array, Indices
from solvers.studies.gp.kernel import MATERN52, Kernel, square_distances

JITTER = 1e-10
_MEAN_PRECISION = 1.0
#: More values than this are not used for hyperparameters (a spread subset is).
FIT_LIMIT = 300


@dataclass(frozen=True)
class Prior:
    """Normal priors of the logarithms: (mean, standard deviation).

    Attributes:
        lengthscale: of the mean of the lengthscales' logarithms.
        departure: scale and degrees of freedom of Student's t, for each lengthscale's departure from that mean.
        apart: groups that are of another nature than the others (fidelities): each has the prior of that mean.
    """

    lengthscale: tuple[float, float]
    signal: tuple[float, float] = (0.0, 1.0)
    noise: tuple[float, float] = (math.log(1e-4), 2.5)
    noise_bounds: tuple[float, float] = (math.log(1e-8), math.log(1.0))
    departure: tuple[float, float] = (0.3, 2.0)
    apart: tuple[int, ...] = ()

    @classmethod
    def for_dimensions(cls, groups: int, noise: str = "unknown", apart: tuple[int, ...] = ()) -> Prior:
        """For a number of lengthscales and what the study says of noise (``"labels"``: values are -1 and 1)."""
        # median 0.5 sqrt(d); the paper's 4.1 sqrt(d) is for squared exponential kernels and long horizons
        lengthscale = (math.log(0.5) + 0.5 * math.log(max(groups, 1)), 1.0)
        if noise == "none":
            level, bounds = (math.log(1e-8), 0.1), (math.log(1e-9), math.log(1e-7))
        elif noise == "high":
            level, bounds = (math.log(1e-3), 2.5), (math.log(1e-8), math.log(4.0))
        elif noise == "labels":
            level, bounds = (math.log(0.1), 1.5), (math.log(1e-4), math.log(4.0))
        else:
            level, bounds = cls.noise, cls.noise_bounds
        return cls(lengthscale, noise=level, noise_bounds=bounds, apart=apart)


@dataclass(frozen=True)
class Hyperparameters:
    """On feature rows and standardised values: lengthscale of each group, variances of signal and noise; the negative
    log posterior that they reached (of the values that were used for the fit); the kernel."""

    lengthscales: Array
    signal: float
    noise: float
    misfit: float = math.inf
    kernel: Kernel = MATERN52

    def vector(self) -> Array:
        return np.asarray(np.log(np.concatenate([self.lengthscales, [self.signal, self.noise]])))

    @classmethod
    def of(cls, vector: Array, misfit: float = math.inf, kernel: Kernel = MATERN52) -> Hyperparameters:
        values = np.exp(vector)
        return cls(values[:-2], float(values[-2]), float(values[-1]), misfit, kernel)


def negative_log_posterior(
    vector: Array, features: Array, group: Indices, y: Array, known: Array, prior: Prior, kernel: Kernel = MATERN52
) -> tuple[float, Array]:
    """The function that ``fit`` minimises, and its gradient.

    Args:
        vector: logarithms of lengthscales, signal variance, noise variance.
        features: (n, m) rows; ``group`` of their columns (m,).
        y: (n,) standardised values; ``known`` (n,) noise variances that are given.
    """
    groups = len(vector) - 2
    count = len(y)
    signal, noise = math.exp(vector[-2]), math.exp(vector[-1])
    scaled = features * np.exp(-vector[:groups])[group]
    values, slope = kernel.slope(square_distances(scaled, scaled))
    covariance = signal * values
    covariance.flat[:: count + 1] += noise + known + JITTER * signal
    factor, info = lapack.dpotrf(covariance, lower=1, clean=1)
    if info != 0:
        return 1e25, np.zeros_like(vector)
    half = float(np.log(np.diagonal(factor)).sum())
    inverse, _ = lapack.dpotri(factor, lower=1)
    inverse += inverse.T
    inverse.flat[:: count + 1] *= 0.5
    whole = inverse @ np.column_stack([y, np.ones(count)])
    mean = whole[:, 0].sum() / (whole[:, 1].sum() + _MEAN_PRECISION)
    alpha = whole[:, 0] - mean * whole[:, 1]
    value = half + 0.5 * float((y - mean) @ alpha) + 0.5 * _MEAN_PRECISION * mean * mean

    inverse -= np.outer(alpha, alpha)
    gradient = np.empty_like(vector)
    gradient[-2] = 0.5 * signal * (float(np.vdot(inverse, values)) + JITTER * float(np.trace(inverse)))
    gradient[-1] = 0.5 * noise * float(np.trace(inverse))
    slope *= inverse
    slope *= signal
    # sum_ij B_ij (a_i - a_j)^2 = 2 sum_i (B 1)_i a_i^2 - 2 a' B a, for all columns at once
    spread = 2.0 * (slope.sum(axis=1) @ (scaled * scaled)) - 2.0 * np.einsum("ij,ij->j", scaled, slope @ scaled)
    gradient[:groups] = -np.bincount(group, weights=spread, minlength=groups)

    alike = np.setdiff1d(np.arange(groups), prior.apart) if prior.apart else slice(0, groups)
    normal = [*((k, prior.lengthscale) for k in prior.apart), (groups, prior.signal), (groups + 1, prior.noise)]
    logs = vector[:groups][alike]
    if len(logs):
        (centre, width), (scale, freedom) = prior.lengthscale, prior.departure
        common = float(logs.mean())
        z = (common - centre) / width
        away = logs - common
        near = freedom * scale * scale
        pull = (freedom + 1.0) * away / (near + away * away)
        value += 0.5 * z * z + 0.5 * (freedom + 1.0) * float(np.log1p(away * away / near).sum())
        gradient[:groups][alike] += z / (width * len(logs)) + pull - pull.mean()
    for k, (centre, width) in normal:
        z = (vector[k] - centre) / width
        value += 0.5 * z * z
        gradient[k] += z / width
    return value, gradient


def fit(
    features: Array,
    group: Indices,
    groups: int,
    y: Array,
    *,
    known: Array | None = None,
    prior: Prior | None = None,
    start: Hyperparameters | None = None,
    iterations: int = 60,
    kernel: Kernel = MATERN52,
) -> Hyperparameters:
    """The most probable hyperparameters, from one fixed start: by default the prior's median. Deterministic.

    Args:
        features: (n, m); ``group`` (m,) with values below ``groups``.
        y: (n,) standardised.
        known: (n,) given noise variances in units of y squared.
    """
    prior = prior or Prior.for_dimensions(groups)
    known = np.zeros(len(y)) if known is None else known
    if len(y) > FIT_LIMIT:
        chosen = spread_subset(y, FIT_LIMIT)
        features, y, known = features[chosen], y[chosen], known[chosen]
    first = np.concatenate([np.full(groups, prior.lengthscale[0]), [prior.signal[0], prior.noise[0]]])
    first = first if start is None else start.vector()
    low, high = prior.noise_bounds
    bounds = [(math.log(0.01), math.log(100.0))] * groups + [(math.log(0.01), math.log(100.0)), (low, high)]
    found = minimize(
        negative_log_posterior,
        first,
        args=(features, group, y, known, prior, kernel),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations, "maxcor": 10, "ftol": 1e-5, "gtol": 1e-2},
    )
    good = np.isfinite(found.fun) and found.fun < 1e24
    return Hyperparameters.of(found.x if good else first, float(found.fun) if good else math.inf, kernel)


def spread_subset(y: Array, limit: int) -> Indices:
    """Indices of the best third of ``limit``, and of the rest evenly over the order of arrival; ascending."""
    best = np.argsort(y, kind="stable")[: limit // 3]
    rest = np.setdiff1d(np.arange(len(y)), best)
    even = rest[np.linspace(0, len(rest) - 1, limit - len(best)).astype(int)]
    return np.sort(np.concatenate([best, even]))
