"""Barycenters whose points move: exact plans to all measures, then every point to the mean of its partners (Cuturi &
Doucet 2014, algorithm 2 with full steps; for squared distances the value falls until no plan changes).

Also what proves something about them: for any measure q and any couplings to the others, glued at q, ``sum_k w_k |x -
y_k|^2 >= sum_{k<l} w_k w_l |y_k - y_l|^2`` (weights of total 1), so that the pairs' own transport costs bound every
barycenter from below (Agueh & Carlier 2011; tight for two measures).
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
import ot
from scipy.spatial.distance import cdist

from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Barycenter, Measure

#: A round that lowers the value by less than this part of it is the last.
SETTLED = 1e-13


class Coupling(NamedTuple):
    """``mass[k]`` from point ``rows[k]`` of the barycenter to point ``columns[k]`` of a measure; f: (s,) potentials."""

    rows: np.ndarray
    columns: np.ndarray
    mass: np.ndarray
    cost: float
    f: np.ndarray


class Moved(NamedTuple):
    """``residual``: by how much the value would fall if every point moved to the mean of its partners."""

    points: np.ndarray
    couplings: list[Coupling]
    cost: float
    residual: float
    rounds: int

    @property
    def settled(self) -> bool:
        return self.residual <= SETTLED * self.cost


def coupled(points: np.ndarray, weights: np.ndarray, measure: Measure, M: np.ndarray | None = None) -> Coupling:
    """Exact transport from a measure on these points to another; squared distances without M."""
    costs = cdist(points, measure.points, "sqeuclidean") if M is None else M
    unit = float(np.abs(costs).max()) or 1.0
    masses = measure.weights * (weights.sum() / measure.weights.sum())
    flow, log = ot.emd(weights, masses, costs / unit, numItermax=10_000_000, log=True, check_marginals=False)
    rows, columns = np.nonzero(flow)
    mass = np.asarray(flow[rows, columns])
    return Coupling(rows, columns, mass, float(mass @ costs[rows, columns]), np.asarray(log["u"]) * unit)


def rounds(problem: Barycenter, points: np.ndarray, most: int, watch: Watch) -> Moved:
    """Until the points settle, or so many rounds; after a stop, as far as they came.

    Raises:
        Stopped: by the watch, before the first round was done.
    """
    uniform = np.full(len(points), 1.0 / len(points))
    moved: Moved | None = None
    for count in range(1, most + 1):
        try:
            couplings = [
                aside(partial(coupled, points, uniform, measure), watch, "POT") for measure in problem.measures
            ]
        except Stopped:
            if moved is None:
                raise
            break
        goal = np.zeros_like(points)
        for share, one, measure in zip(problem.weights, couplings, problem.measures, strict=True):
            for axis in range(points.shape[1]):
                sums = np.bincount(one.rows, one.mass * measure.points[one.columns, axis], len(points))
                goal[:, axis] += share * sums / uniform
        cost = float(sum(share * one.cost for share, one in zip(problem.weights, couplings, strict=True)))
        residual = float(uniform @ ((goal - points) ** 2).sum(axis=1)) * float(problem.weights.sum())
        moved = Moved(points, couplings, cost, residual, count)
        watch.note(iterations=count, objective=cost, change=residual)
        if moved.settled:
            break
        points = goal
    assert moved is not None
    return moved


def pair_potentials(problem: Barycenter, watch: Watch) -> list[tuple[np.ndarray, float]]:
    """For every pair of measures (k < l), the potentials of exact transport from k to l on k's points, and what the
    pair adds to the bound.

    Raises:
        Stopped: by the watch.
    """
    found = []
    for k, m in combinations(range(len(problem.measures)), 2):
        one, other = problem.measures[k], problem.measures[m]
        pair = aside(partial(coupled, one.points, one.weights, other), watch, "POT")
        found.append((pair.f, float(problem.weights[k] * problem.weights[m]) * pair.cost))
    return found
