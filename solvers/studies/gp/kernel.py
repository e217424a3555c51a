"""Kernels on feature rows, with one lengthscale for each group of columns; r^2 = sum over groups of
|x_g - x'_g|^2 / l_g^2 (Rasmussen & Williams, Gaussian Processes for Machine Learning, chapter 4).

Matern of smoothness 5/2: k = (1 + u + u^2/3) exp(-u), u = sqrt(5) r (eq. 4.17); in s = r^2 its derivative is
-(5/6)(1 + u) exp(-u): bounded, so that no gradient is lost where points coincide. Gaussian: k = exp(-s/2) (eq. 4.9):
for functions without kinks, of which it knows more between and beyond the points than the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solvers.studies.encoding import Array


def square_distances(a: Array, b: Array) -> Array:
    """Squared Euclidean distances of rows, (len(a), len(b))."""
    out = a @ (-2.0 * b.T)
    out += np.einsum("ij,ij->i", a, a)[:, None]
    out += np.einsum("ij,ij->i", b, b)[None, :]
    return np.maximum(out, 0.0, out=out)


def matern52(square: Array) -> Array:
    """The kernel (variance 1) at squared scaled distances."""
    u = np.sqrt(5.0 * square)
    return np.asarray((1.0 + u * (1.0 + u / 3.0)) * np.exp(-u))


def matern52_slope(square: Array) -> tuple[Array, Array]:
    """The kernel and its derivative with respect to the squared scaled distance."""
    u = np.sqrt(5.0 * square)
    decay = np.exp(-u)
    slope = (1.0 + u) * decay
    return slope + (u * u / 3.0) * decay, slope * (-5.0 / 6.0)


def gaussian(square: Array) -> Array:
    """The kernel (variance 1) at squared scaled distances."""
    return np.asarray(np.exp(-0.5 * square))


def gaussian_slope(square: Array) -> tuple[Array, Array]:
    """The kernel and its derivative with respect to the squared scaled distance."""
    value = gaussian(square)
    return value, -0.5 * value


@dataclass(frozen=True)
class Kernel:
    """A function of the squared scaled distance; ``slope`` gives its derivative too."""

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], tuple[Array, Array]]


MATERN52 = Kernel("matern-5/2", matern52, matern52_slope)
GAUSSIAN = Kernel("gaussian", gaussian, gaussian_slope)
