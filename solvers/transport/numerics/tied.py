"""Plans with at most k non-zeros a column where the dual of the sparsity-constrained problem does not give one.

With ties in the k-th largest entries at the optimum, the marginals that the dual describes are off. Then supports are
sought instead: a vertex of the transport polytope (at most n + m - 1 non-zeros in all) for the costs linearized at the
dual's plan; columns with too many entries keep their k heaviest, the others are forbidden, and again. On the supports
found, filled up to k entries by their costs, the quadratic problem is convex and is solved. Whether any such plan
exists is hard to decide (for k = 1 it is partition): where the rounds fail, HiGHS is asked for supports, within limits
of size and time, and none found does not mean none there.
"""

from __future__ import annotations

import numpy as np
import ot
import scipy.sparse as sp
import torch
from scipy.optimize import Bounds, LinearConstraint, milp

from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.newton import Newton
from solvers.transport.numerics.passes import Passes
from solvers.transport.numerics.projected import Projector
from solvers.transport.numerics.watch import Watch

#: Rounds of forbidding entries.
ROUNDS = 40

#: Largest problem for the mixed-integer program, in pairs of points, and its time.
MOST_INTEGERS, INTEGER_SECONDS = 10_000, 10.0

#: A forbidden entry costs this many times the spread of costs.
FORBIDDEN = 1e4


def supported(
    M: np.ndarray, a: np.ndarray, b: np.ndarray, T: np.ndarray, k: int, epsilon: float, watch: Watch
) -> np.ndarray | None:
    """A plan (sources, targets) with marginals a and b and at most k non-zeros in each column, or None.

    Args:
        M, T: (n, m) costs, and the plan of the dual.
    """
    n, m = M.shape
    spread = float(M.max() - M.min()) + epsilon * float(T.max()) or 1.0
    costs = M - float(M.min()) + epsilon * T
    allowed = np.ones((n, m), dtype=bool)
    mass = float(a.sum())
    for _ in range(ROUNDS):
        watch.check()
        penalised = np.where(allowed, costs, FORBIDDEN * spread)
        plan = ot.emd(a / mass, b / float(b.sum()), penalised / (FORBIDDEN * spread), numItermax=10**7) * mass
        if (plan[~allowed] > 0.0).any():
            break
        heavy = np.flatnonzero((plan > 0.0).sum(axis=0) > k)
        if len(heavy) == 0:
            return _on(M, a, b, plan, _filled(M, plan, k), epsilon, watch)
        for j in heavy:
            allowed[np.argsort(plan[:, j], kind="stable")[: n - k], j] = False
    support = aside(lambda: _by_integers(costs, a, b, k), watch, "HiGHS") if n * m <= MOST_INTEGERS else None
    if support is None:
        return None
    penalised = np.where(support, costs, FORBIDDEN * spread)
    plan = ot.emd(a / mass, b / float(b.sum()), penalised / (FORBIDDEN * spread), numItermax=10**7) * mass
    return None if (plan[~support] > 0.0).any() else _on(M, a, b, plan, _filled(M, plan, k), epsilon, watch)


def _by_integers(costs: np.ndarray, a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray | None:
    """Supports of a cheap plan with at most k entries a column: a mixed-integer program with a fixed charge of 0."""
    n, m = costs.shape
    size = n * m
    rows, columns = sp.kron(sp.eye_array(n), np.ones((1, m))), sp.kron(np.ones((1, n)), sp.eye_array(m))
    most = np.minimum(a[:, None], b).ravel()
    limits = [
        LinearConstraint(sp.hstack([rows, sp.csr_array((n, size))], format="csr"), a, a),
        LinearConstraint(sp.hstack([columns, sp.csr_array((m, size))], format="csr"), b, b),
        LinearConstraint(sp.hstack([sp.csr_array((m, size)), columns], format="csr"), -np.inf, k),
        LinearConstraint(sp.hstack([sp.eye_array(size), -sp.diags_array(most)], format="csr"), -np.inf, 0.0),
    ]
    found = milp(
        np.concatenate([costs.ravel() / float(np.abs(costs).max() or 1.0), np.zeros(size)]),
        constraints=limits,
        integrality=np.repeat([0, 1], size),
        bounds=Bounds(np.zeros(2 * size), np.concatenate([most, np.ones(size)])),
        options={"time_limit": INTEGER_SECONDS, "mip_rel_gap": 0.02},
    )
    return None if found.x is None else np.asarray(found.x[size:] > 0.5).reshape(n, m)


def _filled(M: np.ndarray, plan: np.ndarray, k: int) -> np.ndarray:
    """The support of the plan, with the entries of least cost up to k in each column."""
    wish = np.where(plan > 0.0, -np.inf, M)
    chosen = np.argpartition(wish, min(k, len(M)) - 1, axis=0)[:k]
    support = np.zeros(M.shape, dtype=bool)
    np.put_along_axis(support, chosen, True, axis=0)
    return support | (plan > 0.0)


def _on(
    M: np.ndarray, a: np.ndarray, b: np.ndarray, plan: np.ndarray, support: np.ndarray, epsilon: float, watch: Watch
) -> np.ndarray:
    """The best plan on the supports, or the given one where that is not found."""
    spread = float(M.max() - M.min()) + epsilon * float(plan.max())
    masked = np.where(support, M, M.max() + FORBIDDEN * (spread or 1.0))
    geometry = Geometry(
        None, None, np.ascontiguousarray(masked.T), "matrix", 2.0, device=torch.device("cpu"), keep=True
    )
    weights_a, weights_b = torch.from_numpy(a), torch.from_numpy(b)
    projector = Projector(geometry, weights_b, weights_a, None, watch)
    newton = Newton(Passes(geometry, weights_b, weights_a, watch, keep=True))
    wanted = 1e-11 * float(a.sum())
    state, _ = projector.solve(torch.zeros_like(weights_a), epsilon, wanted, newton)
    found: np.ndarray = state.T.numpy().T
    if state.error > 100.0 * wanted or (found[~support] > 0.0).any():
        return plan
    better = _value(M, found, epsilon) < _value(M, plan, epsilon)
    return found if better else plan


def _value(M: np.ndarray, plan: np.ndarray, epsilon: float) -> float:
    return float((M * plan).sum() + 0.5 * epsilon * (plan * plan).sum())
