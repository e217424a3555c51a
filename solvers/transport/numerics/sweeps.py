"""Annealed Sinkhorn sweeps: from a large epsilon down, a few sweeps at each level, on the absorbed kernel."""

from __future__ import annotations

import torch

from solvers.transport.numerics.passes import Passes, State

#: Scalings beyond this are absorbed into the potentials: the kept plan no longer represents the kernel well.
WIDEST = 1e60

#: Sweeps between two looks at the error.
LOOK_EVERY = 10


def levels(largest: float, epsilon: float, factor: float = 4.0) -> list[float]:
    """Epsilons from an eighth of the largest cost down to ``epsilon``, which is the last."""
    found, level = [], largest / 8.0
    while level > epsilon * 1.0001:
        found.append(level)
        level /= factor
    return [*found, epsilon]


def sweep(passes: Passes, state: State, count: int, tolerance: float) -> tuple[torch.Tensor, float, int]:
    """Up to ``count`` sweeps: on the kept plan by two products each, otherwise by a pass each.

    Returns g, the last known error, and how many sweeps were made: fewer where the tolerance is reached, or where the
    scalings must be absorbed by a new state first.
    """
    if state.P is None:
        return _streamed(passes, state, count, tolerance)
    P, epsilon = state.P, state.epsilon
    g, columns, error = state.g, state.columns, state.error
    made = 0
    while made < count:
        passes.watch.check()
        g = passes.next_g(state.g, columns, epsilon)
        v = ((g - state.g) / epsilon).exp()
        sums = (P @ v).clamp_min(1e-290)
        if passes.exact:
            u = passes.a / sums
        else:
            soft = state.f - epsilon * (sums / passes.a).log()
            u = ((passes.rows.prox(soft, epsilon) - state.f) / epsilon).exp()
        columns = P.T @ u
        made += 1
        if made % LOOK_EVERY == 0:
            error = passes.column_error(g, v * columns, epsilon)
            widest = max(float(v.max()), 1.0 / max(float(v.min()), 1e-300))
            if error < tolerance or not widest < WIDEST:
                break
    return g, error, made


def _streamed(passes: Passes, state: State, count: int, tolerance: float) -> tuple[torch.Tensor, float, int]:
    g, error, f, columns = state.g, state.error, state.f, state.columns
    made = 0
    while made < count and not error < tolerance:
        g = passes.next_g(g, columns, state.epsilon)
        made += 1
        if made < count:
            now = passes.state(g, state.epsilon, f)
            error, f, columns = now.error, now.f, now.columns
    return g, error, made
