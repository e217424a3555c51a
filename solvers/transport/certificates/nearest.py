"""Lower bounds for squared distances in low dimension, without looking at every pair: O((n + m) log(n + m)).

The c-transform ``min_i |x_i - y_j|^2 - f_i`` is a nearest-neighbour search in one more dimension, among the points
``(x_i, sqrt(F - f_i))`` for any F not below the largest f (Aurenhammer 1987). What a k-d tree finds may be too large by
the roundings of the squared distances that it compares, which are bounded here and taken off.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import UNIT

#: From so many pairs on; below, the general way is as quick. And up to which dimension trees help.
PAIRS = 20_000_000
DIMENSIONS = 3


def by_trees(case: Case) -> bool:
    """Large, balanced, of low dimension, with squared distances."""
    problem = case.problem
    large = case.costs.n * case.costs.m > PAIRS
    low = problem.cost == "sqeuclidean" and 0 < problem.d <= DIMENSIONS
    return large and low and case.a.fixed and case.b.fixed


def feasible_potentials(case: Case, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Potentials with ``f_i + g_j <= M_ij`` exactly, of which g is the c-transform of the given f, and f then of g."""
    problem = case.problem
    assert problem.x is not None
    assert problem.y is not None
    centre = problem.y.mean(axis=0)
    x, y = problem.x[case.rows], problem.y[case.columns]
    g = _transform(x - centre, f, y - centre, x, y)
    return _transform(y - centre, g, x - centre, y, x), g


def _transform(
    sources: np.ndarray, potential: np.ndarray, targets: np.ndarray, given: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Not above the c-transform. Centring may move a point by a rounding of its coordinate, the root may be off by one
    of the height: all squared distances between lifted points are right up to ``margin``."""
    d = sources.shape[1]
    top = float(potential.max())
    lifted = np.column_stack([sources, np.sqrt(np.maximum(top - potential, 0.0))])
    flat = np.column_stack([targets, np.zeros(len(targets))])
    distances, nearest = KDTree(lifted).query(flat)
    values = ((given[nearest] - other) ** 2).sum(axis=1) - potential[nearest]
    reach = float(np.abs(lifted).max() + np.abs(flat).max())
    moved = UNIT * float(np.abs(given).max() + np.abs(other).max())
    largest = float(distances.max()) + reach
    margin = 8 * (d + 8) * UNIT * largest * largest + 8 * largest * moved + 4 * UNIT * abs(top)
    result: np.ndarray = values - 2.0 * margin - 4 * UNIT * np.abs(values)
    return result
