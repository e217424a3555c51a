"""Barycenters on given points without regularization, as one linear program (Agueh & Carlier 2011, proposition 2.2;
Anderes, Borgwardt, Miller 2016): couplings to all measures that share their first marginal. Its dual are the potentials
of which the weighted sum is zero. By HiGHS, for small problems."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from solvers.transport.numerics.aside import aside
from solvers.transport.numerics.watch import Watch
from solvers.transport.problem import Barycenter

#: Most entries of all couplings together: a second or two of HiGHS.
MOST_ENTRIES = 60_000

#: Seconds of HiGHS, and how exactly it keeps its constraints (masses sum to 1).
SECONDS, EXACTLY = 20.0, 1e-10


class Exact(NamedTuple):
    """The barycenter's weights (s,), and a potential on its points for every measure."""

    weights: np.ndarray
    potentials: list[np.ndarray]


def exact_weights(problem: Barycenter, costs: list[np.ndarray], watch: Watch) -> Exact | None:
    """None where the problem is too large, or HiGHS does not end in time.

    Raises:
        Stopped: by the watch.
    """
    if sum(M.size for M in costs) > MOST_ENTRIES:
        return None
    return aside(lambda: _solved(problem, costs, watch), watch, "HiGHS")


def _solved(problem: Barycenter, costs: list[np.ndarray], watch: Watch) -> Exact | None:
    used = [k for k, share in enumerate(problem.weights) if share > 0.0]
    unit = max(float(np.abs(costs[k]).max()) for k in used) or 1.0
    size, many = len(problem.support), len(used)
    blocks: list[list[sp.csr_array | None]] = []
    sides: list[np.ndarray] = []
    for place, k in enumerate(used):
        count = len(problem.measures[k].weights)
        row: list[sp.csr_array | None] = [None] * many
        row[place] = sp.csr_array(sp.kron(np.ones((1, size)), sp.eye_array(count)))
        blocks.append(row)
        sides.append(problem.measures[k].weights / math.fsum(problem.measures[k].weights))
    for place, k in enumerate(used[1:], start=1):
        row = [None] * many
        row[0] = sp.csr_array(-sp.kron(sp.eye_array(size), np.ones((1, len(problem.measures[used[0]].weights)))))
        row[place] = sp.csr_array(sp.kron(sp.eye_array(size), np.ones((1, len(problem.measures[k].weights)))))
        blocks.append(row)
        sides.append(np.zeros(size))
    left = min(SECONDS, max(0.01, watch.deadline - time.monotonic()))
    found = linprog(
        np.concatenate([problem.weights[k] * costs[k].ravel() / unit for k in used]),
        A_eq=sp.block_array(blocks, format="csr"),
        b_eq=np.concatenate(sides),
        method="highs",
        options={"time_limit": left, "primal_feasibility_tolerance": EXACTLY, "dual_feasibility_tolerance": EXACTLY},
    )
    if not found.success:
        return None
    first = found.x[: costs[used[0]].size].reshape(costs[used[0]].shape).sum(axis=1).clip(min=0.0)
    duals = found.eqlin.marginals[len(found.eqlin.marginals) - size * (many - 1) :].reshape(many - 1, size) * unit
    potentials = [np.zeros(size) for _ in problem.measures]
    for place, k in enumerate(used[1:]):
        potentials[k] = duals[place] / problem.weights[k]
    potentials[used[0]] = -duals.sum(axis=0) / problem.weights[used[0]]
    return Exact(first / first.sum(), potentials)
