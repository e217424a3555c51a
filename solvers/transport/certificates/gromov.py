"""Lower bounds on Gromov-Wasserstein distortions, for couplings of spaces whose problem is not convex.

For any coupling P the distortion ``sum_ijkl (C_ik - D_jl)^2 P_ij P_kl`` is

- that of a coupling of all distances of one space with all of the other, at least the cheapest: transport on a line
  (Memoli 2011, second lower bound);
- ``sum_ij P_ij L_ij`` or more, with L_ij the transport cost between the distances from i and those from j (third lower
  bound): a linear problem, to which the linear part of a fused problem is added.

The larger counts. Both are exact but for rounding, which is taken off.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array
from scipy.spatial.distance import cdist

from solvers.transport.certificates.bounds import lower_bound
from solvers.transport.certificates.case import case_of
from solvers.transport.certificates.repair import staircase
from solvers.transport.problem import Gromov, Transport

#: Most distances (of both spaces together) that are sorted, pairs of points for a linear program, and steps of all
#: transports between distances from single points.
SORTED, PAIRS, STEPS = 8_000_000, 40_000, 8_000_000

#: What rounding may leave, as a part of the largest distortion.
ROUNDING = 1e-12


def distortion_bound(problem: Gromov) -> float | None:
    """No coupling has a smaller objective (without regularization); None where the problem is too large for that."""
    size = problem.alpha * float(np.abs(problem.C).max() + np.abs(problem.D).max()) ** 2
    linear = (1.0 - problem.alpha) * problem.M if problem.M is not None and problem.alpha < 1.0 else None
    size += 0.0 if linear is None else float(np.abs(linear).max())
    small = problem.n * problem.m <= PAIRS
    found = []
    if problem.n**2 + problem.m**2 <= SORTED and (linear is None or small):
        least = 0.0 if linear is None else _cheapest(problem, linear)
        found.append(problem.alpha * _of_all_distances(problem) + least)
    uniform = problem.n == problem.m and np.ptp(problem.a) == 0.0 and np.ptp(problem.b) == 0.0
    if small and (uniform or problem.n * problem.m * (problem.n + problem.m) <= STEPS):
        local = problem.alpha * (_sorted_rows(problem) if uniform else _row_by_row(problem))
        found.append(_cheapest(problem, local if linear is None else local + linear))
    return max(found) - ROUNDING * size if found else None


def _of_all_distances(problem: Gromov) -> float:
    distances = problem.C.ravel(), problem.D.ravel()
    masses = np.outer(problem.a, problem.a).ravel(), np.outer(problem.b, problem.b).ravel()
    rows, columns, mass = staircase(*masses, *(np.argsort(one, kind="stable") for one in distances))
    return float(mass @ (distances[0][rows] - distances[1][columns]) ** 2)


def _sorted_rows(problem: Gromov) -> np.ndarray:
    """L, where all weights are equal."""
    rows, columns = np.sort(problem.C, axis=1), np.sort(problem.D, axis=1)
    found: np.ndarray = cdist(rows, columns, "sqeuclidean") / problem.n
    return found


def _row_by_row(problem: Gromov) -> np.ndarray:
    L = np.empty((problem.n, problem.m))
    orders = [np.argsort(one, axis=1, kind="stable") for one in (problem.C, problem.D)]
    for i, order in enumerate(orders[0]):
        for j, other in enumerate(orders[1]):
            rows, columns, mass = staircase(problem.a, problem.b, order, other)
            L[i, j] = mass @ (problem.C[i, rows] - problem.D[j, columns]) ** 2
    return L


def _cheapest(problem: Gromov, costs: np.ndarray) -> float:
    """At most the least linear cost of a coupling: proved by the duals of HiGHS, once they are feasible."""
    one = Transport(
        a=problem.a, b=problem.b * (problem.a.sum() / problem.b.sum()), x=None, y=None, M=costs, cost="matrix"
    )
    case = case_of(one, 0.0)
    n, m = case.costs.n, case.costs.m
    rows, columns = np.divmod(np.arange(n * m), m)
    places = np.concatenate([rows, n + columns]), np.tile(np.arange(n * m), 2)
    equations = coo_array((np.ones(2 * n * m), places), (n + m, n * m))
    values = case.costs.entries(rows, columns)[0]
    unit = float(np.abs(values).max()) or 1.0
    sides = np.concatenate([case.a.weights, case.b.weights])
    found = linprog(values / unit, A_eq=equations.tocsr(), b_eq=sides, method="highs-ds")
    duals = np.zeros(n + m) if found.x is None else found.eqlin.marginals * unit
    return lower_bound(case, duals[:n], duals[n:]).value
