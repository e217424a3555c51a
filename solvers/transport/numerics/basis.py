"""Potentials of a regularized plan where epsilon is so small that the plan is all but a basis of the problem without.

The plan is then the flow of an optimal basis, and potentials follow along the trees of that: entropic, ``f_i + g_j =
M_ij + e log(P_ij / (a_i b_j))``; quadratic, ``M_ij + e P_ij``. All other entries are smaller by the exponential of
their reduced costs over e, or none. Trees are tied to each other by the basis' own potentials. (The limit of Cominetti
& San Martin, Asymptotic analysis of the exponential penalty trajectory in linear programming, 1994.) There annealing
fails where weights or costs differ by many powers of ten: parts of the plan are as good as apart, and Newton's method
does not see how to join them.
"""

from __future__ import annotations

import numpy as np
import ot
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order, connected_components

#: Largest problem, in pairs of points: under a second of the simplex.
PAIRS = 2_000_000


def basic_potentials(
    M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float, *, entropic: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Potentials (n,) and (m,), and the flow (n, m), from POT's network simplex.

    Args:
        M: (n, m) costs.
        a, b: positive weights of total 1.
        entropic: or quadratic.
    """
    n, m = M.shape
    unit = float(np.abs(M).max()) or 1.0
    flow, log = ot.emd(a, b * (a.sum() / b.sum()), M / unit, numItermax=10_000_000, log=True)
    rows, columns = np.nonzero(flow)
    mass = np.asarray(flow[rows, columns])
    sums = M[rows, columns] + epsilon * (np.log(mass / (a[rows] * b[columns])) if entropic else mass)
    graph = sp.csr_array((np.ones(len(rows)), (rows, n + columns)), shape=(n + m, n + m))
    wanted = {(i, n + j): s for i, j, s in zip(rows.tolist(), columns.tolist(), sums.tolist(), strict=True)}
    duals = np.concatenate([log["u"], log["v"]]) * unit
    signs = np.where(np.arange(n + m) < n, 1.0, -1.0)
    count, tree = connected_components(graph, directed=False)
    found = np.zeros(n + m)
    for nodes in np.split(np.argsort(tree, kind="stable"), np.cumsum(np.bincount(tree, minlength=count))[:-1]):
        order, before = breadth_first_order(graph, nodes[0], directed=False)
        for node in order[1:].tolist():
            pair = (int(before[node]), node) if node >= n else (node, int(before[node]))
            found[node] = wanted[pair] - found[before[node]]
        found[nodes] += signs[nodes] * np.mean(signs[nodes] * (duals[nodes] - found[nodes]))
    return found[:n], found[n:], np.asarray(flow)
