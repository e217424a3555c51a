"""Sinkhorn-Newton-Sparse as published (Tang et al., ICLR 2024, algorithm 1), for comparison.

Cold start, N1 sweeps, then Newton steps on the full 2n-dimensional dual: the Hessian keeps its ``ceil(density n m)``
largest off-diagonal entries, systems are solved by conjugate gradients, steps are found by backtracking.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import LinearOperator, cg

from solvers.transport.numerics.passes import Passes, State
from solvers.transport.numerics.sweeps import sweep

if TYPE_CHECKING:
    from solvers.transport.numerics.anneal import Anneal

MOST_STEPS = 200


def published(passes: Passes, epsilon: float, values: dict[str, Any], run: Anneal) -> State:
    """The last state; ``run`` counts steps and sweeps."""
    a, b = passes.a, passes.b
    n, m = a.numel(), b.numel()
    keep = math.ceil((values["density"] or 2.0 / n) * n * m)
    tolerance, most = values["marginal_tolerance"], min(run.most_steps, MOST_STEPS)
    state = passes.state(torch.zeros_like(b), epsilon)
    g, _, made = sweep(passes, state, values["sweeps"], tolerance)
    run.sweeps += made
    passes.release(state)
    state = passes.state(g, epsilon)
    f, g, P = state.f, state.g, state.P
    assert P is not None
    while run.newton_steps < most:
        run.state = state
        rows, columns = P.sum(1), P.sum(0)
        gradient = np.concatenate([(a - rows).numpy(), (b - columns).numpy()])
        error = float(np.abs(gradient).sum())
        passes.watch.note(marginal_error=error, iterations=run.newton_steps)
        if error <= tolerance:
            break
        passes.watch.check()
        step = _direction(P, rows.numpy(), columns.numpy(), epsilon, gradient, keep)
        df, dg = torch.from_numpy(step[:n]), torch.from_numpy(step[n:])
        value, slope, length = _value(passes, f, g, P, epsilon), float(gradient @ step), 1.0
        for _ in range(30):
            passes.watch.check()
            trial = _plan(passes, f + length * df, g + length * dg, epsilon)
            found = _value(passes, f + length * df, g + length * dg, trial, epsilon)
            if math.isfinite(found) and found >= value + 1e-4 * length * slope - 1e-14 * max(1.0, abs(value)):
                break
            length *= 0.5
        f, g, P = f + length * df, g + length * dg, trial
        run.newton_steps += 1
        columns = P.sum(0)
        state = State(f, g, columns, float((b - columns).abs().sum() + (a - P.sum(1)).abs().sum()), 0.0, epsilon, P)
    return passes.state(state.g, epsilon)  # with exact rows, as everything after expects


def _plan(passes: Passes, f: torch.Tensor, g: torch.Tensor, epsilon: float) -> torch.Tensor:
    cost = passes.geometry.dense
    assert cost is not None
    logs = (f[:, None] + g[None, :] - cost) / epsilon
    return passes.a[:, None] * passes.b * logs.exp_()


def _value(passes: Passes, f: torch.Tensor, g: torch.Tensor, P: torch.Tensor, epsilon: float) -> float:
    return float(torch.dot(passes.a, f) + torch.dot(passes.b, g) - epsilon * P.sum())


def _direction(
    P: torch.Tensor, rows: np.ndarray, columns: np.ndarray, epsilon: float, gradient: np.ndarray, keep: int
) -> np.ndarray:
    dense = P.numpy()
    n = len(rows)
    smallest = np.partition(dense.ravel(), -keep)[-keep]
    i, j = np.nonzero(dense >= smallest)
    S = sp.csr_array((dense[i, j], (i, j)), shape=dense.shape)
    back = S.T.tocsr()

    def product(z: np.ndarray) -> np.ndarray:
        return np.concatenate([rows * z[:n] + S @ z[n:], back @ z[:n] + columns * z[n:]]) / epsilon

    size = (len(gradient), len(gradient))
    diagonal = epsilon / np.maximum(np.concatenate([rows, columns]), 1e-300)
    hessian = LinearOperator(size, matvec=product, dtype=np.float64)
    jacobi = LinearOperator(size, matvec=lambda z: diagonal * z, dtype=np.float64)
    step: np.ndarray = cg(hessian, gradient, rtol=1e-8, maxiter=500, M=jacobi)[0]
    return step
