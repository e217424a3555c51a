"""Sums with rigorous bounds on their rounding errors."""

from __future__ import annotations

import math

import numpy as np

from solvers.transport.certificates.costs import UNIT


def dot(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """``x.y`` and a bound on its error: the products are summed without error (Shewchuk), so only theirs remain."""
    products = x * y
    value = math.fsum(products)
    error = UNIT * (math.fsum(np.abs(products)) + abs(value)) * (1 + 8 * UNIT) + products.size * 5e-324
    return value, error


def total(x: np.ndarray) -> float:
    """The correctly rounded sum."""
    return math.fsum(x)


def down(value: float, error: float) -> float:
    """A double that is certainly not above ``value - error``."""
    return math.nextafter(value - error, -math.inf) if math.isfinite(value) else value


def up(value: float, error: float) -> float:
    """A double that is certainly not below ``value + error``."""
    return math.nextafter(value + error, math.inf) if math.isfinite(value) else value


def accumulated(terms: int) -> float:
    """Largest relative error of a sum of non-negative terms in any order."""
    return (terms + 4) * UNIT * (1.0 + 1e-9)
