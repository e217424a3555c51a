"""Problems with answers that are right, made without any engine of Kantor: HiGHS for exact plans, plain loops for
entropic ones. And the referee: costs in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from solvers.transport.answer import TransportAnswer
from solvers.transport.plan import LowRankPlan, PotentialPlan, SparsePlan
from solvers.transport.problem import Transport

rng = np.random.default_rng


def points(n: int, m: int, d: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = rng(seed)
    return random.normal(size=(n, d)), random.normal(size=(m, d)) + 0.5


def costs(problem: Transport) -> np.ndarray:
    """In plain numpy, not in tiles."""
    if problem.cost == "matrix":
        return problem.M
    differences = np.abs(problem.x[:, None, :] - problem.y[None, :, :])
    return {
        "sqeuclidean": lambda: (differences**2).sum(-1),
        "euclidean": lambda: np.sqrt((differences**2).sum(-1)),
        "l1": lambda: differences.sum(-1),
        "lp": lambda: (differences**problem.p).sum(-1),
        "cosine": lambda: 1 - (problem.x @ problem.y.T) / np.outer(*map(_lengths, (problem.x, problem.y))),
    }[problem.cost]()


def _lengths(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x, axis=1)


def by_linear_program(problem: Transport) -> TransportAnswer:
    """Exact, for every unregularized variant but KL: slack variables take what marginals may miss."""
    M = costs(problem)
    n, m = M.shape
    rows = sp.kron(sp.eye_array(n), np.ones((1, m)))
    columns = sp.kron(np.ones((1, n)), sp.eye_array(m))
    blocks, sides = [rows, columns], [problem.a, problem.b]
    cost = M.ravel()
    extra = []  # columns for mass that is made or missed
    if problem.variant == "partial":
        extra = [(0, 1.0, 0.0), (1, 1.0, 0.0)]
    elif problem.variant in ("unbalanced", "semi-relaxed"):
        for side, strength in ((0, problem.strength_a), (1, problem.strength_b)):
            if np.isfinite(strength):
                extra += [(side, 1.0, strength), (side, -1.0, strength)]
    matrix = sp.vstack(blocks, format="csr")
    for side, sign, price in extra:
        size = len(sides[side])
        column = sp.coo_array((np.full(size, sign), (np.arange(size) + side * n, np.arange(size))), shape=(n + m, size))
        matrix = sp.hstack([matrix, column], format="csr")
        cost = np.concatenate([cost, np.full(size, price)])
    right = np.concatenate(sides)
    if problem.variant == "partial":
        total = sp.coo_array((np.ones(n * m), (np.zeros(n * m, int), np.arange(n * m))), shape=(1, matrix.shape[1]))
        matrix, right = sp.vstack([matrix, total], format="csr"), np.append(right, problem.mass)
    result = linprog(cost, A_eq=matrix, b_eq=right, method="highs-ds")
    assert result.success, result.message
    duals = result.eqlin.marginals
    f, g = duals[:n], duals[n : n + m]
    if problem.variant == "partial":
        f = f + duals[-1]
    plan = sp.csr_array(result.x[: n * m].reshape(n, m))
    return TransportAnswer(
        status="optimal", cost=float(result.fun), bound=float(result.fun), plan=SparsePlan(plan), f=f, g=g
    )


def by_sweeps(problem: Transport, epsilon: float, sweeps: int = 5000) -> TransportAnswer:
    """Entropic, in the log domain; KL penalties damp the steps (Chizat, Peyre, Schmitzer, Vialard 2018)."""
    M, a, b = costs(problem), problem.a, problem.b
    f, g = np.zeros(len(a)), np.zeros(len(b))
    damp = [1.0 if np.isinf(s) else s / (s + epsilon) for s in (problem.strength_a, problem.strength_b)]
    for _ in range(sweeps):
        f = -damp[0] * epsilon * _logsum((g - M) / epsilon + np.log(b))
        g = -damp[1] * epsilon * _logsum(((f[:, None] - M) / epsilon + np.log(a)[:, None]).T)
    K = a[:, None] * b * np.exp((f[:, None] + g - M) / epsilon)
    penalties = sum(
        strength * float((r * np.log(r / w) - r + w).sum())
        for strength, r, w in ((problem.strength_a, K.sum(1), a), (problem.strength_b, K.sum(0), b))
        if np.isfinite(strength)
    )
    kl = float((K * (f[:, None] + g - M) / epsilon).sum() - K.sum() + a.sum() * b.sum())
    cost = float((K * M).sum()) + penalties
    zeros = np.zeros(len(a)), np.zeros(len(b))
    return TransportAnswer(
        status="optimal",
        cost=cost,
        objective=cost + epsilon * kl,
        epsilon=epsilon,
        plan=PotentialPlan(f, g, epsilon, *zeros),
        f=f,
        g=g,
    )


def _logsum(exponents: np.ndarray) -> np.ndarray:
    top = exponents.max(axis=1)
    return top + np.log(np.exp(exponents - top[:, None]).sum(axis=1))


def low_rank(problem: Transport) -> TransportAnswer:
    """The independent coupling: rank one."""
    a, b = problem.a, problem.b
    plan = LowRankPlan(a[:, None], b[:, None], np.array([1.0]))
    return TransportAnswer(status="feasible", cost=float(a @ costs(problem) @ b), plan=plan)


def exact_cost(problem: Transport, i: int, j: int) -> Fraction:
    """Of squared distances, l1 and matrices: rational numbers of rational numbers."""
    if problem.cost == "matrix":
        return Fraction(float(problem.M[i, j]))
    steps = [abs(Fraction(float(s)) - Fraction(float(t))) for s, t in zip(problem.x[i], problem.y[j], strict=True)]
    return sum((step * step if problem.cost == "sqeuclidean" else step for step in steps), Fraction(0))


@cache
def exact_optimum(seed: int, size: int, cost: str) -> tuple[Any, Fraction]:
    """A problem of uniform weights 1/size (a power of two) and its optimum over all permutations, a rational."""
    from itertools import permutations

    x, y = points(size, size, 2, seed)
    problem = Transport.build(x, y, cost=cost)
    table = [[exact_cost(problem, i, j) for j in range(size)] for i in range(size)]
    best = min(sum(table[i][p[i]] for i in range(size)) for p in permutations(range(size)))
    return problem, best / size
