"""Lower bounds for points on a line, without looking at every pair: O((n + m) log(n + m)).

For a cost that is a convex function of x - y, potentials that meet the cost along any monotone staircase through the
sorted points are feasible everywhere (the costs are a Monge array; Villani 2009, chapter 5, c-cyclical monotonicity).
Along the staircase of the monotone coupling they are optimal. So they are computed here, whatever the engine says.
"""

from __future__ import annotations

import numpy as np

from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import UNIT

#: From so many pairs on; below, the general way is as quick.
PAIRS = 250_000

_CONVEX = ("sqeuclidean", "euclidean", "l1", "lp")


def on_a_line(case: Case) -> bool:
    """Large, balanced, of one dimension, with a convex cost."""
    problem = case.problem
    return (
        problem.cost in _CONVEX
        and problem.d == 1
        and case.a.fixed
        and case.b.fixed
        and case.costs.n * case.costs.m > PAIRS
    )


def staircase_potentials(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Potentials with ``f_i + g_j <= M_ij`` exactly, and equality up to rounding where an optimal plan has mass."""
    problem = case.problem
    assert problem.x is not None
    assert problem.y is not None
    x, y = problem.x[case.rows, 0], problem.y[case.columns, 0]
    by_x, by_y = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    x, y = x[by_x].astype(np.longdouble), y[by_y].astype(np.longdouble)
    # the staircase: which side the next step is on, by the order in which masses are used up
    ends = np.concatenate([np.cumsum(case.a.weights[by_x])[:-1], np.cumsum(case.b.weights[by_y])[:-1]])
    down = np.argsort(ends, kind="stable") < len(x) - 1
    i, j = np.cumsum(down), np.cumsum(~down)
    before_i: np.ndarray = i - down
    before_j: np.ndarray = j - ~down
    power = {"sqeuclidean": 2.0, "euclidean": 1.0, "l1": 1.0}.get(problem.cost, problem.p)
    steps = _cost(x[i] - y[j], power) - _cost(x[before_i] - y[before_j], power)
    first = _cost(x[:1] - y[:1], power)
    f = np.concatenate([np.zeros(1, np.longdouble), np.cumsum(steps[down])])
    g = np.concatenate([first, first + np.cumsum(steps[~down])])
    # every partial sum is rounded once, every cost has a few roundings of its own
    size = np.abs(f).max() + np.abs(g).max() + 16 * (8 + problem.p) * case.costs.largest
    error = float(np.finfo(np.longdouble).eps * len(steps) * size)
    lowered_f, lowered_g = np.empty(len(x)), np.empty(len(y))
    lowered_f[by_x], lowered_g[by_y] = f, g
    return lowered_f - error - 2 * UNIT * np.abs(lowered_f), lowered_g - error - 2 * UNIT * np.abs(lowered_g)


def _cost(differences: np.ndarray, power: float) -> np.ndarray:
    distances = np.abs(differences)
    result: np.ndarray = distances if power == 1.0 else distances * distances if power == 2.0 else distances**power
    return result
