"""The posterior of a Gaussian process: mean, standard deviation, their gradients, more points."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, lapack

from solvers.core.errors import EngineFailure
from solvers.studies.encoding import Array, Indices
from solvers.studies.gp.fit import _MEAN_PRECISION, JITTER, Hyperparameters
from solvers.studies.gp.kernel import MATERN52, Kernel, square_distances


@dataclass(frozen=True)
class Posterior:
    """A Gaussian process that has seen values. Immutable; ``given`` makes a new one and shares the factor.

    Attributes:
        features: (n, m) rows seen.
        y: (n,) values seen.
        scale: (m,) the inverse lengthscale of every feature column.
        factor: (n, n) lower Cholesky factor of the covariance of the values seen.
        alpha: (n,) the covariance's inverse times (y - mean).
        mean: the constant mean.
        kernel: of the prior.
    """

    features: Array
    y: Array
    scale: Array
    signal: float
    noise: float
    factor: Array
    alpha: Array
    mean: float
    kernel: Kernel = MATERN52

    @classmethod
    def of(
        cls, features: Array, group: Indices, y: Array, hyper: Hyperparameters, known: Array | None = None
    ) -> Posterior:
        """Condition on values.

        Raises:
            EngineFailure: the covariance cannot be factored even with a hundredth of the variance added.
        """
        scale = 1.0 / hyper.lengthscales[group] if len(group) else np.ones(0)
        scaled = features * scale
        count = len(y)
        covariance = hyper.signal * hyper.kernel.value(square_distances(scaled, scaled))
        base = hyper.noise + (0.0 if known is None else known) + JITTER * hyper.signal
        extra = 0.0
        for _ in range(6):
            attempt = covariance.copy()
            attempt.flat[:: count + 1] += base + extra
            factor, info = lapack.dpotrf(attempt, lower=1, clean=1)
            if info == 0:
                break
            extra = max(extra * 100, 1e-10 * hyper.signal)
        else:
            raise EngineFailure("the covariance of the trials cannot be factored")
        ones = cho_solve((factor, True), np.column_stack([y, np.ones(count)]))
        mean = float(ones[:, 0].sum() / (ones[:, 1].sum() + _MEAN_PRECISION))
        alpha = ones[:, 0] - mean * ones[:, 1]
        return cls(features, y, scale, hyper.signal, hyper.noise, factor, alpha, mean, hyper.kernel)

    def given(self, features: Array, y: Array, noise: float | None = None) -> Posterior:
        """Condition on q more values with a block row added to the factor: n^2 q flops, nothing is factored again.

        The hyperparameters and the constant mean stay.
        """
        extra = len(y)
        if extra == 0:
            return self
        scaled = features * self.scale
        cross = self.signal * self.kernel.value(square_distances(self.features * self.scale, scaled))
        corner = self.signal * self.kernel.value(square_distances(scaled, scaled))
        corner.flat[:: extra + 1] += (self.noise if noise is None else noise) + JITTER * self.signal
        below = self._solve(cross)
        corner -= below.T @ below
        corner.flat[:: extra + 1] += 1e-10 * self.signal
        last = np.linalg.cholesky(corner)
        count = len(self.y)
        factor = np.zeros((count + extra, count + extra), order="F")
        factor[:count, :count] = self.factor
        factor[count:, :count] = below.T
        factor[count:, count:] = last
        values = np.concatenate([self.y, y])
        alpha = cho_solve((factor, True), values - self.mean, check_finite=False)
        return replace(self, features=np.vstack([self.features, features]), y=values, factor=factor, alpha=alpha)

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of f (without noise) at q rows: (q,), (q,)."""
        cross = self.signal * self.kernel.value(square_distances(features * self.scale, self.features * self.scale))
        mean = self.mean + cross @ self.alpha
        half = self._solve(cross.T)
        variance = self.signal - np.einsum("ij,ij->j", half, half)
        return mean, np.sqrt(np.maximum(variance, 1e-12 * self.signal))

    def _solve(self, right: Array, *, transposed: bool = False) -> Array:
        """The factor's inverse, or its transpose, times columns; LAPACK itself, since scipy's checks take longer."""
        return np.asarray(lapack.dtrtrs(self.factor, right, lower=1, trans=int(transposed))[0])

    def mean_at(self, features: Array) -> Array:
        """The mean alone, in n q m flops."""
        cross = self.kernel.value(square_distances(features * self.scale, self.features * self.scale))
        return np.asarray(self.mean + self.signal * (cross @ self.alpha))

    def covariance(self, features: Array) -> Array:
        """The joint covariance of f at q rows, (q, q)."""
        scaled = features * self.scale
        cross = self.signal * self.kernel.value(square_distances(self.features * self.scale, scaled))
        half = self._solve(cross)
        return np.asarray(self.signal * self.kernel.value(square_distances(scaled, scaled)) - half.T @ half)

    def average(self, features: Array) -> tuple[Array, float]:
        """Of the average of f over q rows: its prior covariance with the values seen (n,), and its prior variance."""
        scaled = features * self.scale
        cross = self.signal * self.kernel.value(square_distances(self.features * self.scale, scaled))
        return cross.mean(axis=1), float(self.signal * self.kernel.value(square_distances(scaled, scaled)).mean())

    def of_averages(self, crosses: Array, priors: Array) -> tuple[Array, Array]:
        """Posterior mean and variance of averages, from what ``average`` gave: (n, g) and (g,) to (g,) and (g,)."""
        half = self._solve(crosses)
        variance = priors - np.einsum("ij,ij->j", half, half)
        return self.mean + crosses.T @ self.alpha, np.maximum(variance, 1e-12 * self.signal)

    def slopes(self, features: Array) -> tuple[Array, Array, Array, Array]:
        """Mean, standard deviation, and their derivatives with respect to the features: (q,), (q,), (q, m), (q, m)."""
        kernel, slope = self.kernel.slope(square_distances(features * self.scale, self.features * self.scale))
        cross = self.signal * kernel  # as in ``predict``, to the last digit
        mean = self.mean + cross @ self.alpha
        half = self._solve(cross.T)
        whole = self._solve(half, transposed=True).T
        variance = self.signal - np.einsum("ij,ij->j", half, half)
        deviation = np.sqrt(np.maximum(variance, 1e-12 * self.signal))
        weights = 2.0 * self.scale * self.scale
        first = (self.signal * slope) * self.alpha
        mean_slope = weights * (features * first.sum(axis=1)[:, None] - first @ self.features)
        second = (-self.signal * slope) * whole / deviation[:, None]
        deviation_slope = weights * (features * second.sum(axis=1)[:, None] - second @ self.features)
        return mean, deviation, mean_slope, deviation_slope

    def leave_one_out(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each value (with noise) given all others, at fixed hyperparameters
        (Rasmussen & Williams, eq. 5.12): (n,), (n,)."""
        inverse, _ = lapack.dpotri(self.factor, lower=1)
        precision = np.diagonal(inverse)
        return self.y - self.alpha / precision, np.sqrt(1.0 / precision)

    @property
    def log_likelihood(self) -> float:
        """Of the values seen, at the constant mean."""
        residual = self.y - self.mean
        return float(
            -0.5 * residual @ self.alpha
            - np.log(np.diagonal(self.factor)).sum()
            - 0.5 * len(self.y) * math.log(2 * math.pi)
        )
