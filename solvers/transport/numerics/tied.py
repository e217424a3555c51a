"""Plans with at most k non-zeros a column where the dual of the sparsity-constrained problem does not give one.

With ties in the k-th largest entries at the optimum, the marginals that the dual describes are off. Then supports are
sought instead: a vertex of the transport polytope (at most n + m - 1 non-zeros in all) for the costs linearized at the
dual's plan; where columns have too many entries, the costs of the lightest are raised, and again. The plan of these
with the least excess has its columns that are too full filled anew by their masses (``numerics.packing``), and is
improved by exchanging entries; where that was needed, HiGHS is asked too, within limits of size and time. On the
supports found, filled up to k entries by their costs, the quadratic problem is convex and is solved. Whether any such
plan exists is hard to decide (for k = 1 it is partition): only if HiGHS finds that there is none is that said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import ot
import scipy.sparse as sp
import torch
from scipy.optimize import Bounds, LinearConstraint, milp

from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.newton import Newton
from solvers.transport.numerics.packing import packed, repacked
from solvers.transport.numerics.passes import Passes
from solvers.transport.numerics.projected import Projector
from solvers.transport.numerics.watch import Stopped, Watch

#: Rounds of raising the costs of entries, and by what part of the spread of costs on average.
ROUNDS, RAISE = 100, 0.02

#: Largest problem for the mixed-integer program, in pairs of points, and its time.
MOST_INTEGERS, INTEGER_SECONDS = 10_000, 10.0

#: The status of ``scipy.optimize.milp`` where there is no solution.
INFEASIBLE = 2

#: Exchanges of entries, and the smallest part of the cost that is worth another.
EXCHANGES, WORTH = 12, 1e-6

#: A forbidden entry costs this many times the spread of costs.
FORBIDDEN = 1e4


class Found(NamedTuple):
    """``plan`` (sources, targets) or None; ``impossible``: it is known that there is none."""

    plan: np.ndarray | None
    impossible: bool = False


def supported(
    M: np.ndarray, a: np.ndarray, b: np.ndarray, T: np.ndarray, k: int, epsilon: float, watch: Watch, seed: int
) -> Found:
    """A plan with marginals a and b and at most k non-zeros in each column. After a stop, one that takes no time.

    Args:
        M, T: (n, m) costs, and the plan of the dual.
    """
    spread = float(M.max() - M.min()) + epsilon * float(T.max()) or 1.0
    costs = M - float(M.min()) + epsilon * T
    mass = float(a.sum())
    b = b * (mass / float(b.sum()))
    best: np.ndarray | None = None
    random = np.random.default_rng(seed)
    try:
        allowed, raised, least = np.ones(M.shape, dtype=bool), np.zeros(M.shape), np.inf
        for _ in range(ROUNDS):
            watch.check()
            plan = _cheapest(costs + raised, a, b, allowed, spread)[0]
            counts = (plan > 0.0).sum(axis=0)
            excess = float((counts - k).clip(min=0).sum())
            if excess < least:
                best, least = plan, excess
            if not excess:
                break
            for j in np.flatnonzero(counts > k):
                order = np.argsort(plan[:, j], kind="stable")
                light = order[len(order) - counts[j] : len(order) - k]
                raised[light, j] += 2.0 * RAISE * spread * random.random(len(light))
        assert best is not None
        whole = repacked(best, a, b, k, random, costs) if least else best
        found = Found(None)
        if whole is not None:
            whole = _exchanged(costs, a, b, whole, k, spread, watch)
            found = Found(_on(M, a, b, whole, _filled(M, whole, k), epsilon, watch))
        if least and M.size <= MOST_INTEGERS:
            other = _integers(M, costs, a, b, k, epsilon, spread, watch)
            found = other if found.plan is None else _cheaper(M, found, other, epsilon)
        return found
    except Stopped:
        return Found(packed(a, b, k, random) if best is None else repacked(best, a, b, k, random, costs))


def _cheaper(M: np.ndarray, one: Found, other: Found, epsilon: float) -> Found:
    if one.plan is None or other.plan is None:
        return one
    return other if _value(M, other.plan, epsilon) < _value(M, one.plan, epsilon) else one


def _cheapest(
    costs: np.ndarray, a: np.ndarray, b: np.ndarray, allowed: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """A vertex of the plans on the allowed entries (others only if it must be), and the reduced costs of all."""
    mass, scale = float(a.sum()), FORBIDDEN * spread
    penalised = np.where(allowed, costs, scale)
    plan, log = ot.emd(a / mass, b / float(b.sum()), penalised / scale, numItermax=10**7, log=True)
    return np.asarray(plan) * mass, costs - scale * (log["u"][:, None] + log["v"])


def _exchanged(
    costs: np.ndarray, a: np.ndarray, b: np.ndarray, plan: np.ndarray, k: int, spread: float, watch: Watch
) -> np.ndarray:
    """A plan that is not dearer: places of columns that are not full are given to the entries of least reduced cost."""
    reduced = costs
    value = float((costs * plan).sum())
    for _ in range(EXCHANGES):
        watch.check()
        trial, reduced = _cheapest(costs, a, b, _filled(reduced, plan, k), spread)
        now = float((costs * trial).sum())
        if ((trial > 0.0).sum(axis=0) > k).any() or not now <= value:
            break
        small = value - now <= WORTH * abs(value)
        plan, value = trial, now
        if small:
            break
    return plan


def _integers(
    M: np.ndarray,
    costs: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    k: int,
    epsilon: float,
    spread: float,
    watch: Watch,
) -> Found:
    support, impossible = aside(lambda: _by_integers(costs, a, b, k), watch, "HiGHS")
    if support is None:
        return Found(None, impossible)
    plan = _cheapest(costs, a, b, support, spread)[0]
    if (plan[~support] > 0.0).any():
        return Found(None)
    return Found(_on(M, a, b, plan, _filled(M, plan, k), epsilon, watch))


def _by_integers(costs: np.ndarray, a: np.ndarray, b: np.ndarray, k: int) -> tuple[np.ndarray | None, bool]:
    """Supports of a cheap plan with at most k entries a column, by a mixed-integer program; and whether it found that
    there are none."""
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
    return (None if found.x is None else np.asarray(found.x[size:] > 0.5).reshape(n, m)), found.status == INFEASIBLE


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
