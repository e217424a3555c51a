"""Expected improvement and its relatives for normal posteriors, stable in the far tail, with derivatives.

For minimisation below a target t, with z = (t - mean)/std: EI = std h(z), h(z) = phi(z) + z Phi(z), h'(z) = Phi(z)
(Jones, Schonlau, Welch 1998). EI underflows where z < -38 although its logarithm is harmless; log h is computed as in
Ament et al., Unexpected Improvements to Expected Improvement, NeurIPS 2023, by way of the scaled complementary error
function.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from solvers.studies.encoding import Array

_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)
_FAR = -1e5


def log_h(z: Array) -> Array:
    """log(phi(z) + z Phi(z)), to about 1e-10 relative for any finite z."""
    return log_h_slope(z)[0]


def log_h_slope(z: Array) -> tuple[Array, Array]:
    """log h(z) and its derivative Phi(z)/h(z)."""
    z = np.asarray(z, dtype=float)
    near = np.maximum(z, -1.0)
    density = np.exp(-0.5 * near * near - _LOG_ROOT_TWO_PI)
    below = ndtr(near)
    h = density + near * below
    value, slope = np.log(h), below / h
    tail = z < -1.0
    if np.any(tail):
        t = np.maximum(z[tail], _FAR)
        mills = math.sqrt(math.pi / 2) * erfcx(-t / math.sqrt(2.0))  # Phi/phi
        # 1 + t Phi/phi loses all digits for large |t|: there its series 1/t^2 - 3/t^4 + 15/t^6
        squared = 1.0 / (t * t)
        rest = np.where(t < -50.0, squared * (1.0 - squared * (3.0 - 15.0 * squared)), 1.0 + t * mills)
        value[tail] = -0.5 * z[tail] ** 2 - _LOG_ROOT_TWO_PI + np.log(rest) - 2.0 * np.log(z[tail] / t)
        slope[tail] = np.where(z[tail] < _FAR, -z[tail], mills / rest)
    return value, slope


def expected_improvement(mean: Array, deviation: Array, target: float) -> Array:
    """E[max(target - f, 0)]."""
    z = (target - mean) / deviation
    return np.asarray(deviation * np.exp(log_h(z)))


def log_expected_improvement(mean: Array, deviation: Array, target: float) -> tuple[Array, Array, Array]:
    """log EI and its derivatives with respect to mean and standard deviation."""
    z = (target - mean) / deviation
    value, slope = log_h_slope(z)
    return np.log(deviation) + value, -slope / deviation, (1.0 - z * slope) / deviation


def log_probability(mean: Array, deviation: Array, target: float) -> tuple[Array, Array, Array]:
    """log P(f <= target) and its derivatives with respect to mean and standard deviation (probability of improvement
    below an incumbent, or of feasibility of a slack with target 0)."""
    z = (target - mean) / deviation
    value = log_ndtr(z)
    slope = np.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI - value)
    return value, -slope / deviation, -slope * z / deviation
