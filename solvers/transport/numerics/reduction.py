"""Partial and total-variation problems as balanced ones with one more node a side, and back.

Partial (Chapel, Alaya, Gasso 2020): the extra nodes take what is not transported, for free. Total variation: mass is
destroyed at a source for ``strength_a``, made at a target for ``strength_b``; where it is cheaper, made at the best
source and moved, or moved and destroyed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from solvers.transport.numerics.geometry import matrix_of
from solvers.transport.problem import Transport

#: Prices of making and losing mass need be no more than so many of the largest cost; and hide no digits that matter up
#: to the inverse of the second.
HIGH, DIGITS = 4.0, 1e-6

#: Rows of costs that are looked at together, so that they stay in cache.
TILE = 64

#: Totals that differ by less than this part are the same up to rounding.
EQUAL = 1e-15


@dataclass
class Balanced:
    """A balanced problem: a (n',), b (m',), M (n', m'); ``extended`` if the last node of each side is an extra one."""

    problem: Transport
    a: np.ndarray
    b: np.ndarray
    M: np.ndarray
    extended: bool
    #: What prices of making and losing mass were lowered by.
    lowered: float = 0.0

    def plan(self, flow: sp.csr_array) -> sp.csr_array:
        """The plan of the original problem from one of this."""
        if not self.extended:
            return flow
        n, m = self.problem.n, self.problem.m
        inner = flow[:n, :m].tocoo()
        if self.problem.variant == "partial":
            return sp.csr_array(inner)
        M = self.M[:n, :m]
        rows, columns, data = [inner.row], [inner.col], [inner.data]
        made = flow[[n], :m].toarray()[0]
        lost = flow[:n, [m]].toarray()[:, 0]
        for j in np.flatnonzero((made > 0.0) & (self.problem.strength_a + M.min(axis=0) < self.problem.strength_b)):
            rows.append([int(M[:, j].argmin())])
            columns.append([j])
            data.append([made[j]])
        for i in np.flatnonzero((lost > 0.0) & (self.problem.strength_b + M.min(axis=1) < self.problem.strength_a)):
            rows.append([i])
            columns.append([int(M[i].argmin())])
            data.append([lost[i]])
        entries = (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)))
        return sp.csr_array(sp.coo_array(entries, shape=(n, m)))

    def potentials(self, f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Potentials of the original problem, dual feasible if these are."""
        if not self.extended:
            return f, g
        n, m = self.problem.n, self.problem.m
        inner_f, inner_g = f[:n] + g[m], g[:m] - g[m]
        if self.problem.variant == "partial":
            assert self.problem.mass is not None
            level = best_level(self.problem.a, inner_f, self.problem.mass)[0]
            return np.minimum(inner_f - level, 0.0), inner_g + level
        total_a, total_b = math.fsum(self.problem.a), math.fsum(self.problem.b)
        if abs(total_a - total_b) > EQUAL * (total_a + total_b):
            shift = self.lowered if total_a > total_b else -self.lowered
            inner_f, inner_g = inner_f + shift, inner_g - shift
        sides = ((inner_f, self.problem.strength_a), (inner_g, self.problem.strength_b))
        clipped = [np.clip(side, -strength, strength) for side, strength in sides]
        return clipped[0], clipped[1]


def balanced(problem: Transport) -> Balanced:
    """The balanced form of a balanced, partial, unbalanced-tv or semi-relaxed-tv problem."""
    M, lowered = matrix_of(problem), 0.0
    if problem.variant == "balanced":
        return Balanced(problem, problem.a, problem.b, M, extended=False)
    n, m = M.shape
    total_a, total_b = math.fsum(problem.a), math.fsum(problem.b)
    whole = np.empty((n + 1, m + 1))
    whole[:n, :m] = M
    if problem.variant == "partial":
        assert problem.mass is not None
        whole[n, :m] = whole[:n, m] = 0.0
        whole[n, m] = 2.5 * (max(0.0, float(M.max())) - min(0.0, float(M.min()))) or 1.0
        extra_a, extra_b = total_b - problem.mass, total_a - problem.mass
    else:
        whole[n, :m] = np.minimum(problem.strength_b, problem.strength_a + M.min(axis=0))
        whole[:n, m] = np.minimum(problem.strength_a, problem.strength_b + M.min(axis=1))
        # prices above any cost change no plan, and hide the digits of costs
        price = float(min(whole[n, :m].min(), whole[:n, m].min()))
        lowered = max(0.0, price - max(HIGH * float(np.abs(M).max()), DIGITS * price)) if math.isfinite(price) else 0.0
        whole[n, :m] -= lowered
        whole[:n, m] -= lowered
        whole[n, m] = 0.0
        extra_a, extra_b = total_b, total_a
    a = np.append(problem.a, max(extra_a, 0.0))
    b = np.append(problem.b, max(extra_b, 0.0))
    return Balanced(problem, a, b * (math.fsum(a) / math.fsum(b)), whole, extended=True, lowered=lowered)


def dual_value(problem: Transport, M: np.ndarray, f: np.ndarray, g: np.ndarray) -> float:
    """The better of the dual values of g and of the c-transform of f, each with its own c-transform: lower bounds on
    the optimum up to rounding."""
    values = [_of_columns(problem, M, g)]
    if problem.variant != "balanced":  # nodes that carry nothing may have potentials that are worse than they need be
        values.append(_of_columns(problem, M, (M - f[:, None]).min(axis=0)))
    return max(values)


def _of_columns(problem: Transport, M: np.ndarray, g: np.ndarray) -> float:
    if problem.variant in ("unbalanced", "semi-relaxed"):  # so that no f must fall below -strength_a
        g = np.minimum(np.clip(g, -problem.strength_b, problem.strength_b), problem.strength_a + M.min(axis=0))
    f = np.concatenate([(M[k : k + TILE] - g).min(axis=1) for k in range(0, len(M), TILE)])
    if problem.variant == "balanced":
        return float(problem.a @ f + problem.b @ g)
    if problem.variant == "partial":
        assert problem.mass is not None
        return best_level(problem.a, f, problem.mass)[1] + best_level(problem.b, g, problem.mass)[1]
    rounding = 1e-12 * float(np.abs(M).max())
    if (f < -problem.strength_a - rounding).any() or (g < -problem.strength_b - rounding).any():
        return -math.inf
    return float(problem.a @ np.minimum(f, problem.strength_a) + problem.b @ np.minimum(g, problem.strength_b))


def best_level(b: np.ndarray, g: np.ndarray, mass: float) -> tuple[float, float]:
    """``max over v of sum_j b_j min(g_j - v, 0) + v mass``: v and the value. Concave, with a kink at each g_j: what
    lies below v has the given mass."""
    order = np.argsort(g, kind="stable")
    below = np.cumsum(b[order])
    k = min(int(np.searchsorted(below, mass)), len(b) - 1)
    level = float(g[order[k]])
    return level, float(b @ np.minimum(g - level, 0.0)) + level * mass
