"""Adaptive batch sizes: the norm test and the inner-product test.

Byrd, Chin, Nocedal, Wu 2012 (norm test); Bollapragada, Byrd, Nocedal 2018 (inner-product test, augmented); as used by
Lau, Liu, Kolar, "AdAdaGrad" (arXiv 2402.11215).
"""

from __future__ import annotations

import math


def norm_test(variance: float, norm: float, eta: float) -> float:
    """The batch at which ``variance / b <= eta**2 * norm**2``: the gradient's noise is no more than a share of it.

    Args:
        variance: of a single sample's gradient: the trace of the covariance.
        norm: of the batch's gradient.
        eta: in (0, 1).
    """
    return _ratio(variance, eta**2 * norm**2)


def inner_product_test(
    variance: float, norm: float, theta: float, orthogonal: float | None = None, nu: float = 5.84
) -> float:
    """The batch at which samples agree with the batch's direction: ``variance / b <= theta**2 * norm**4``; if given,
    also ``orthogonal / b <= nu**2 * norm**2``.

    Args:
        variance: of the inner products of single samples' gradients with the batch's gradient.
        orthogonal: variance of what is orthogonal to it (the augmented test).
        nu: tan(80 degrees), as in the paper.
    """
    wanted = _ratio(variance, theta**2 * norm**4)
    return wanted if orthogonal is None else max(wanted, _ratio(orthogonal, nu**2 * norm**2))


def following(batch: int, wanted: float, largest: int) -> int:
    """The next batch size: never smaller than now, at most doubled at once, at most ``largest``."""
    if math.isnan(wanted):
        return batch
    return max(batch, min(largest, 2 * batch, math.ceil(min(wanted, 1e18))))


def _ratio(above: float, below: float) -> float:
    if not (above >= 0 and below >= 0):
        return math.nan
    return math.inf if below == 0 and above > 0 else 0.0 if above == 0 else above / below
