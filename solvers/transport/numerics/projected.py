"""Quadratically regularized and sparsity-constrained transport: the semi-dual over the sources.

For a target j with ``s = alpha - M_.j`` the best column is ``t_j = argmax <t, s> - e/2 |t|^2`` over ``t >= 0, sum t =
b_j`` (and at most k non-zeros): the projection of (the k largest entries of) s / e on a simplex, ``t = max(s - beta_j,
0) / e``. The semi-dual ``<a, alpha> - sum_j (<t_j, s_j> - e/2 |t_j|^2)`` is concave with gradient ``a - T 1``; where
supports do not change its Hessian is ``-(diag(S 1) - S diag(1 / |S_j|) S') / e`` for the 0-1 matrix S of supports: a
Laplacian again (Liu, Puigcerver, Blondel, ICLR 2023, propositions 1 and 3; Lorenz, Manns, Meyer 2021 for the
semi-smooth Newton method).

Arrays here are (target, source): each row is one target's column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.newton import Newton
from solvers.transport.numerics.watch import Watch

#: Newton steps at a level of e; exact updates of alpha before them.
MOST_STEPS = 300
SWEEPS = 3

#: Damping of the first step, in units of the Hessian, whose diagonal counts the entries of supports.
FIRST_DAMPING = 1e-2

#: Factor between levels of e.
FACTOR = 6.0


@dataclass
class Projection:
    """alpha, and for each target the threshold beta and its row of T; ``sources`` is T' 1, ``value`` the semi-dual."""

    alpha: torch.Tensor
    beta: torch.Tensor
    T: torch.Tensor
    sources: torch.Tensor
    error: float
    value: float


class Projector:
    """The semi-dual of one problem. ``k``: most non-zeros a target, or None."""

    def __init__(self, geometry: Geometry, b: torch.Tensor, a: torch.Tensor, k: int | None, watch: Watch) -> None:
        self.geometry, self.a, self.b, self.watch = geometry, a, b, watch
        self.passes = 0
        self.k: int | None = None
        self.limit_to(k)

    def limit_to(self, k: int | None) -> None:
        """At most k non-zeros a target from now on."""
        self.k = None if k is None or k >= self.geometry.m else k

    def at(self, alpha: torch.Tensor, epsilon: float) -> Projection:
        """The state at alpha."""
        T = torch.zeros((self.geometry.n, self.geometry.m), dtype=torch.float64)
        beta = torch.empty_like(self.b)
        inner = 0.0
        for rows in self.geometry.tiles():
            self.watch.check()
            s = alpha - self.geometry.tile(rows)
            mass = epsilon * self.b[rows]
            if self.k is None:
                threshold, t = _simplex(s, mass)
                T[rows] = t.div_(epsilon)
            else:
                s, where = s.topk(self.k, dim=1)
                threshold, t = _simplex(s, mass)
                T[rows] = T[rows].scatter_(1, where, t.div_(epsilon))
            beta[rows] = threshold
            inner += float((t * s).sum() - 0.5 * epsilon * (t * t).sum())
        self.passes += 1
        sources = T.sum(0)
        value = float(torch.dot(self.a, alpha)) - inner
        return Projection(alpha, beta, T, sources, float((self.a - sources).abs().sum()), value)

    def improve_alpha(self, state: Projection, epsilon: float) -> torch.Tensor:
        """alpha that gives every source its mass at the thresholds beta, as if supports were not limited."""
        threshold = torch.empty_like(self.a)
        step = max(1, (1 << 18) // self.geometry.n)
        cost = self.geometry.dense
        assert cost is not None
        for begin in range(0, self.geometry.m, step):
            self.watch.check()
            part = slice(begin, min(begin + step, self.geometry.m))
            s = -state.beta[None, :] - cost[:, part].T
            threshold[part] = _simplex(s, epsilon * self.a[part])[0]
        return -threshold

    def solve(self, alpha: torch.Tensor, epsilon: float, wanted: float, newton: Newton) -> tuple[Projection, int]:
        """Exact updates, then damped semi-smooth Newton steps; the best state and the steps.

        Damping (Levenberg 1944) is needed since supports fall into components that no Hessian connects.
        """
        state = self.at(alpha, epsilon)
        for _ in range(SWEEPS):
            trial = self.at(self.improve_alpha(state, epsilon), epsilon)
            if trial.value < state.value:
                break
            state = trial
        steps, damping = 0, FIRST_DAMPING
        while state.error > wanted and steps < MOST_STEPS and damping < 1e6:
            S = (state.T > 0.0).to(torch.float64)
            z, _ = newton.solve(
                S, S.sum(1).clamp_min(1.0), S.sum(0) + damping, epsilon * (self.a - state.sources), state.error, False
            )
            steps += 1
            slope = float(torch.dot(self.a - state.sources, z))
            trial = self.at(state.alpha + z, epsilon)
            rising = trial.value >= state.value + 1e-4 * slope - 1e-15 * abs(state.value)
            if rising or trial.error < 0.5 * state.error:
                damping = max(damping / 8.0, 1e-12)
                state = trial
                self.watch.note(marginal_error=state.error, epsilon=epsilon, iterations=steps)
            else:
                damping *= 6.0
        return state, steps


def _simplex(s: torch.Tensor, mass: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each row the threshold with ``sum max(s - threshold, 0) = mass``, and that maximum.

    Newton's method on a convex, piecewise linear function: from a threshold that leaves too much it ends in finitely
    many steps.
    """
    threshold = s.amax(1) - mass
    rest = torch.empty_like(s)
    for _ in range(100):
        torch.sub(s, threshold[:, None], out=rest)
        rest.clamp_(min=0.0)
        excess = rest.sum(1) - mass
        count = (rest > 0.0).sum(1).clamp_min(1)
        step = excess / count
        if not bool((step > 1e-15 * (threshold.abs() + mass)).any()):
            break
        threshold = threshold + step.clamp_min(0.0)
    torch.sub(s, threshold[:, None], out=rest)
    return threshold, rest.clamp_(min=0.0)


def schedule(largest: float, epsilon: float, smaller: int) -> list[float]:
    """Falling strengths down to ``epsilon``. At the first the plan is dense: costs weigh as much as the spread of
    mass."""
    found, level = [], largest * smaller / 4.0
    while level > epsilon * 1.0001:
        found.append(level)
        level /= FACTOR
    return [*found, epsilon] if math.isfinite(level) else [epsilon]
