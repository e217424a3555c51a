"""Entropic barycenters on given points: iterated Bregman projections (Benamou, Carlier, Cuturi, Nenna, Peyre 2015) at
one epsilon, and what their potentials prove."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from solvers.transport.numerics.watch import Watch
from solvers.transport.problem import Barycenter

#: Sweeps at an epsilon at most; the sum of all changes of the weights to come (of absolute values) at which they end;
#: the slowest rate of convergence that is believed.
MOST_SWEEPS, STEADY, SLOWEST = 3000, 1e-8, 0.9999

#: Epsilon in units of the largest cost at which what is exact is made smooth, and its sweeps.
TINY, SMOOTHING = 1e-5, 1000

#: Logarithms of scalings from which kernels are made anew.
WIDEST = 60.0


class Found(NamedTuple):
    """Weights and potentials at an epsilon, and how its sweeps ended."""

    weights: np.ndarray
    potentials: list[np.ndarray]
    epsilon: float
    sweeps: int
    change: float
    steady: bool


class Level:
    """Sweeps at one epsilon, on kernels that hold the potentials so far; changes are scalings, until they grow wide."""

    def __init__(
        self, problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray], epsilon: float
    ) -> None:
        self.shares, self.epsilon = problem.weights, epsilon
        self.kept = [measure.weights > 0.0 for measure in problem.measures]
        self.masses = [one.weights[kept] for one, kept in zip(problem.measures, self.kept, strict=True)]
        self.costs = [M[:, kept] for M, kept in zip(costs, self.kept, strict=True)]
        self.held = potentials
        self.weights, self.change, self.steady = np.zeros(len(problem.support)), math.inf, False
        self.absorb()

    def absorb(self) -> None:
        """Kernels anew, with columns that sum to their masses."""
        self.kernels = []
        for M, f, masses in zip(self.costs, self.held, self.masses, strict=True):
            scaled = (f[:, None] - M) / self.epsilon
            scaled -= scaled.max(axis=0)
            np.exp(scaled, out=scaled)
            scaled *= masses / scaled.sum(axis=0)
            self.kernels.append(scaled)
        self.logs = [np.zeros_like(f) for f in self.held]

    def sweep(self) -> np.ndarray:
        """One round of projections: marginals mu_k, then a common one (their geometric mean), which is returned."""
        rows = []
        for kernel, log_u, masses in zip(self.kernels, self.logs, self.masses, strict=True):
            u = np.exp(log_u)
            v = masses / np.maximum(u @ kernel, 1e-290)
            rows.append(log_u + np.log(np.maximum(kernel @ v, 1e-290)))
        log_q = sum(w * one for w, one in zip(self.shares, rows, strict=True))
        self.logs = [log_u + log_q - one for log_u, one in zip(self.logs, rows, strict=True)]
        if max(float(np.abs(one).max()) for one in self.logs) > WIDEST:
            self.held = self.potentials()
            self.absorb()
        weights = np.exp(log_q)
        change = float(np.abs(weights - self.weights).sum())
        # what is still to come, if changes go on to fall as they do
        self.steady = change < STEADY * (1.0 - min(change / self.change, SLOWEST)) if self.change > 0.0 else True
        self.weights, self.change = weights, change
        return np.asarray(weights)

    def potentials(self) -> list[np.ndarray]:
        return [f + self.epsilon * one for f, one in zip(self.held, self.logs, strict=True)]


def finer(problem: Barycenter, costs: list[np.ndarray], found: Found, most: int | None, watch: Watch) -> Found:
    """At a quarter of the epsilon, with at most so many sweeps.

    Raises:
        Stopped: by the watch.
    """
    run = Level(problem, costs, found.potentials, 0.25 * found.epsilon)
    made = 0
    while made < (most or MOST_SWEEPS) and not run.steady:
        watch.check()
        run.sweep()
        made += 1
        watch.note(iterations=found.sweeps + made, change=run.change, epsilon=run.epsilon)
    weights = run.weights / run.weights.sum()
    return Found(weights, run.potentials(), run.epsilon, found.sweeps + made, run.change, run.steady)


def smoothed(problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray], watch: Watch) -> np.ndarray:
    """Of all barycenters that are exact, the one whose couplings have most entropy (a linear program has a jagged one):
    projections at a tiny epsilon, from exact potentials. Not exact where they are slow.

    Raises:
        Stopped: by the watch.
    """
    run = Level(problem, costs, potentials, TINY * (max(float(M.max()) for M in costs) or 1.0))
    for _ in range(SMOOTHING):
        watch.check()
        run.sweep()
        if run.steady:
            break
    return np.asarray(run.weights / run.weights.sum())


def plan_cost(problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray], epsilon: float) -> float:
    """``sum_k w_k <M_k, P_k>`` of the entropic plans."""
    total = 0.0
    for share, M, f, measure in zip(problem.weights, costs, potentials, problem.measures, strict=True):
        kept = measure.weights > 0.0
        scaled = (f[:, None] - M[:, kept]) / epsilon
        P = np.exp(scaled - logsumexp(scaled, axis=0) + np.log(measure.weights[kept]))
        total += float(share * (P * M[:, kept]).sum())
    return total


def dual_bound(problem: Barycenter, costs: list[np.ndarray], potentials: list[np.ndarray]) -> float:
    total, common = 0.0, np.zeros(len(problem.support))
    for share, M, f, measure in zip(problem.weights, costs, potentials, problem.measures, strict=True):
        total += float(share * (measure.weights @ (M - f[:, None]).min(axis=0)))
        common += share * f
    return total + float(common.min())
