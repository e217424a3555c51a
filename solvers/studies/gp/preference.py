"""A Gaussian process that learns from comparisons: Laplace's approximation.

P(a better than b) = Phi((f(b) - f(a)) / (sqrt(2) s)), f minimised (Chu & Ghahramani, Preference Learning with Gaussian
Processes, ICML 2005). The posterior mode is found by Newton's method; around it f is normal with precision K^-1 + W, W
the Hessian of the negative log likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from solvers.studies.encoding import Array, Indices
from solvers.studies.gp.kernel import matern52, square_distances
from solvers.studies.gp.posterior import Posterior
from solvers.studies.observations import Observations
from solvers.studies.parameters import Point

_NOISE = 0.1
#: Pairs that a model takes in.
MOST_PAIRS = 4000
_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Compared:
    """Trials that were compared.

    Attributes:
        numbers: ascending; ``points`` their parameters.
        pairs: (better, worse) as positions in ``numbers``, in the order in which they were told.
    """

    numbers: tuple[int, ...]
    points: tuple[Point, ...]
    pairs: tuple[tuple[int, int], ...]


def compared(observations: Observations) -> Compared:
    """Of several thousand pairs the newest: the cost grows with the cube of the trials."""
    pairs = [pair for comparison in observations.comparisons for pair in comparison.pairs()][-MOST_PAIRS:]
    numbers = sorted({number for pair in pairs for number in pair})
    index = {number: i for i, number in enumerate(numbers)}
    points = {trial.number: trial.parameters for trial in observations.trials}
    return Compared(
        tuple(numbers),
        tuple(points[number] for number in numbers),
        tuple((index[better], index[worse]) for better, worse in pairs),
    )


def likelihood(f: Array, better: Indices, worse: Indices, noise: float = _NOISE) -> tuple[float, Array, Array]:
    """Log likelihood of pairs of indices, its gradient (n,) and its negative Hessian (n, n)."""
    width = math.sqrt(2.0) * noise
    z = (f[worse] - f[better]) / width
    logs = log_ndtr(z)
    ratio = np.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI - logs)
    gradient = np.zeros(len(f))
    np.add.at(gradient, worse, ratio / width)
    np.add.at(gradient, better, -ratio / width)
    curvature = ratio * (z + ratio) / width**2
    hessian = np.zeros((len(f), len(f)))
    for sign, a, b in ((1.0, better, better), (1.0, worse, worse), (-1.0, better, worse), (-1.0, worse, better)):
        np.add.at(hessian, (a, b), sign * curvature)
    return float(logs.sum()), gradient, hessian


def preference_posterior(features: Array, pairs: Sequence[tuple[int, int]]) -> Posterior:
    """The posterior of f over feature rows from (better, worse) pairs of row indices.

    The lengthscale, one for all groups, is the one of four with the highest evidence.
    """
    better = np.array([a for a, _ in pairs], dtype=np.intp)
    worse = np.array([b for _, b in pairs], dtype=np.intp)
    width = max(features.shape[1], 1) ** 0.5
    tried = [_laplace(features, better, worse, lengthscale * width) for lengthscale in (0.15, 0.3, 0.6, 1.2)]
    return max(tried, key=lambda pair: pair[0])[1]


def _laplace(features: Array, better: Indices, worse: Indices, lengthscale: float) -> tuple[float, Posterior]:
    count = len(features)
    scale = np.full(features.shape[1], 1.0 / lengthscale)
    scaled = features * scale
    kernel = matern52(square_distances(scaled, scaled)) + 1e-6 * np.eye(count)
    f = np.zeros(count)
    for _ in range(50):
        value, gradient, hessian = likelihood(f, better, worse)
        # Newton on log p(pairs|f) - f'K^-1 f/2: f <- K (I + W K)^-1 (W f + g), which needs no inverse of K or W
        target = kernel @ np.linalg.solve(np.eye(count) + hessian @ kernel, hessian @ f + gradient)
        step = 1.0
        before = value - 0.5 * float(f @ np.linalg.solve(kernel, f))
        while step > 1e-4:
            trial = f + step * (target - f)
            after = likelihood(trial, better, worse)[0] - 0.5 * float(trial @ np.linalg.solve(kernel, trial))
            if after >= before - 1e-12:
                break
            step /= 2
        moved = float(np.abs(trial - f).max())
        f = trial
        if moved < 1e-9:
            break
    value, _, hessian = likelihood(f, better, worse)
    alpha = np.asarray(np.linalg.solve(kernel, f), dtype=np.float64)
    _, logdet = np.linalg.slogdet(np.eye(count) + hessian @ kernel)
    evidence = value - 0.5 * float(f @ alpha) - 0.5 * float(logdet)
    # as if f had been measured with noise covariance W^-1: rows without comparisons get a huge one
    noise = np.linalg.inv(hessian + 1e-6 * np.eye(count))
    factor = np.asarray(np.linalg.cholesky(kernel + 0.5 * (noise + noise.T)), dtype=np.float64)
    return evidence, Posterior(features, f, scale, 1.0, 0.0, factor, alpha, 0.0)
