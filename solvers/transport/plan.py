"""The three forms in which a plan is kept. None needs more memory than its non-zeros or its marginals.

How to read one (products, rows, tiles, largest entries, without ever building it) is in ``solvers.transport.access``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class SparsePlan:
    """Attributes:
    matrix: (n, m) CSR, non-negative, float64, sorted indices without duplicates.
    """

    matrix: sp.csr_array


@dataclass(frozen=True)
class PotentialPlan:
    """``P_ij = a_i b_j exp((f_i + g_j - M_ij) / epsilon) + row_rest_i * column_rest_j``, with a, b, M of the problem.

    The second term is the repair that makes the marginals exact (Altschuler, Weed, Rigollet 2017, algorithm 2); f and
    g contain the scaling of the first step of that repair, so they differ a little from the answer's potentials.

    Attributes:
        f, g: (n,) and (m,).
        epsilon: positive, in units of the cost.
        row_rest, column_rest: (n,) and (m,), non-negative.
    """

    f: np.ndarray
    g: np.ndarray
    epsilon: float
    row_rest: np.ndarray
    column_rest: np.ndarray


@dataclass(frozen=True)
class LowRankPlan:
    """``P = Q diag(1 / weights) R'``.

    Attributes:
        Q, R: (n, r) and (m, r), non-negative, with ``Q 1 = a``, ``R 1 = b``, ``Q' 1 = R' 1 = weights``.
        weights: (r,), positive.
    """

    Q: np.ndarray
    R: np.ndarray
    weights: np.ndarray


Plan = SparsePlan | PotentialPlan | LowRankPlan
