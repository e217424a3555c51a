"""Newton's method where marginals are free: unbalanced (KL, total variation), semi-relaxed and partial entropic
transport.

With f eliminated by its own update, ``f = prox(S(g))``, the semi-dual over g is concave, with gradient ``B'(g) - P'
1`` and Hessian ``-(diag(c + e k) - P' diag(1 / w) P) / e`` (implicit function theorem on the dual of Chizat, Peyre,
Schmitzer, Vialard 2018): k is the curvature of the columns' penalty, ``b exp(-g / tau) / tau`` for KL and 0 otherwise;
w is a for exact rows, ``r (1 + e / tau)`` for KL, and infinite where the rule of a row clips its potential, which then
does not move. Columns at a limit of total variation, or at the cap of partial transport, that would leave it are held
(Bertsekas 1982, projected Newton). The mass of partial transport has the multiplier v: g = g' + v with g' <= 0, and a
border of one row and column.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from solvers.transport.numerics.marginals import Capped, CappedTotal, Exact, KullbackLeibler, Marginal, TotalVariation
from solvers.transport.numerics.newton import Newton, Step
from solvers.transport.numerics.passes import Passes, State

#: In the place of infinity: its inverse is 0, and it can be factorized.
HELD = 1e200

#: Largest step of the level of partial transport, in units of epsilon.
FARTHEST = 4.0


@dataclass
class FreeNewton(Newton):
    """As ``Newton``, for passes whose marginals are not both exact."""

    def step(self, state: State, damping: float = 0.0) -> Step:
        """A direction of ascent, within the limits of g. ``damping``: the part of the diagonal that is added to it."""
        passes, columns = self.passes, self.passes.columns
        gradient, curvature, held = _columns(passes, state)
        weights, clipped = _rows(passes, state)
        total = 0.0
        if isinstance(columns, CappedTotal) and not bool(clipped.any()):
            return _to_clipping(passes, state, self._level(state.f, state.epsilon))
        if isinstance(columns, CappedTotal):
            total = columns.mass - float(state.columns.sum())
        free = ~held
        system = _System(self, state, weights, state.columns * (1.0 + damping) + state.epsilon * curvature, free)
        z = torch.zeros_like(state.g)
        z[free] = system.solve(gradient[free])
        shift = 0.0
        if isinstance(columns, CappedTotal) and bool(clipped.any()):
            border = state.columns - _back(passes, state, weights, _sums(passes, state) * ~clipped)
            corner = float((_sums(passes, state) * clipped).sum())
            response = torch.zeros_like(z)
            response[free] = system.solve(border[free])
            pivot = corner - float(torch.dot(border, response))
            if pivot > 1e-12 * corner:
                shift = (total - float(torch.dot(border, z))) / pivot
                shift = min(FARTHEST, max(-FARTHEST, shift))
                z = z - shift * response
        z, shift = state.epsilon * z, state.epsilon * shift
        move = _mover(passes, state.g, z, shift)

        def rise(g: torch.Tensor) -> float:
            level = float(g.max() - state.g.max()) if isinstance(columns, CappedTotal) else 0.0
            return float(torch.dot(gradient, g - state.g - level)) + total * level

        return Step(move, rise)

    def _level(self, f: torch.Tensor, epsilon: float) -> float:
        """The constant for g at which the rows of partial transport carry its mass, where none is clipped yet."""
        columns = self.passes.columns
        if bool((f >= 0.0).any()) or not isinstance(columns, CappedTotal):
            return 0.0
        return CappedTotal(self.passes.a, columns.mass).level(f, epsilon)

    def shifted(self, g: torch.Tensor, f: torch.Tensor, epsilon: float) -> torch.Tensor:
        """See ``Newton.shifted``: with KL penalties in closed form (Sejourne, Vialard, Peyre 2022)."""
        rows, columns = self.passes.rows, self.passes.columns
        if isinstance(columns, CappedTotal):
            return g + self._level(f, epsilon)
        tau_a, mass_a = _softened(rows, self.passes.a, f)
        tau_b, mass_b = _softened(columns, self.passes.b, g)
        if mass_a is None or mass_b is None or (math.isinf(tau_a) and math.isinf(tau_b)):
            return g
        rate = 1.0 / (1.0 / tau_a + 1.0 / tau_b)
        moved: torch.Tensor = g + rate * (mass_b - mass_a)
        return moved


def _to_clipping(passes: Passes, state: State, level: float) -> Step:
    """All rows carry all they have, which is too much: until some don't, only the level matters."""
    assert isinstance(passes.columns, CappedTotal)
    slope = passes.columns.mass - float(state.columns.sum())
    return Step(lambda length: state.g + length * level, lambda g: slope * float((g - state.g)[0]))


def _softened(rule: Marginal, weights: torch.Tensor, potential: torch.Tensor) -> tuple[float, torch.Tensor | None]:
    """tau, and the logarithm of ``sum weights exp(-potential / tau)``; None where the rule is no KL penalty."""
    if isinstance(rule, KullbackLeibler):
        return rule.tau, torch.logsumexp(weights.log() - potential / rule.tau, 0)
    return math.inf, weights.sum().log() if type(rule) is Exact else None


@dataclass
class _System:
    """``(diag(d) - P' diag(1 / w) P) z = rhs`` over the free columns."""

    newton: Newton
    state: State
    weights: torch.Tensor
    diagonal: torch.Tensor
    free: torch.Tensor

    def solve(self, rhs: torch.Tensor) -> torch.Tensor:
        state, passes = self.state, self.newton.passes
        error = state.error / max(float(state.columns.sum()), 1e-300)
        whole = bool(self.free.all())
        if not bool(rhs.any()):
            return torch.zeros_like(rhs)
        diagonal = self.diagonal if whole else self.diagonal[self.free]
        if state.P is not None:
            P = state.P if whole else state.P[:, self.free]
            return self.newton.solve(P, self.weights, diagonal, rhs, error, False, centre=False)[0]

        def product(z: torch.Tensor) -> torch.Tensor:
            everywhere = torch.zeros_like(state.g)
            everywhere[self.free] = z
            return diagonal * z - passes.apply(state, everywhere, self.weights)[self.free]

        return self.newton.iterate(product, diagonal, rhs, error)[0]


def _columns(passes: Passes, state: State) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradient of the semi-dual, curvature of the penalty, and which columns are held at a limit."""
    rule, g = passes.columns, state.g
    none = torch.zeros_like(g)
    gradient = passes.b - state.columns
    if isinstance(rule, KullbackLeibler):
        wanted = passes.b * (-g / rule.tau).clamp(max=600.0).exp()
        return wanted - state.columns, wanted / rule.tau, none.bool()
    if isinstance(rule, TotalVariation):
        return gradient, none, ((g >= rule.tau) & (gradient > 0.0)) | ((g <= -rule.tau) & (gradient < 0.0))
    if isinstance(rule, CappedTotal):
        return gradient, none, (g >= g.max()) & (gradient > 0.0)
    return gradient, none, none.bool()


def _rows(passes: Passes, state: State) -> tuple[torch.Tensor, torch.Tensor]:
    """w, and which rows are clipped."""
    rule, f, a = passes.rows, state.f, passes.a
    if isinstance(rule, KullbackLeibler):
        sums = a * (-f / rule.tau).clamp(max=600.0).exp()
        return sums * (1.0 + state.epsilon / rule.tau), torch.zeros_like(f).bool()
    if isinstance(rule, TotalVariation):
        clipped = f.abs() >= rule.tau
    elif isinstance(rule, Capped):
        clipped = f >= 0.0
    else:
        clipped = torch.zeros_like(f).bool()
    return torch.where(clipped, HELD, a), clipped


def _sums(passes: Passes, state: State) -> torch.Tensor:
    """Row sums of the plan."""
    return state.P.sum(1) if state.P is not None else passes.product(state, torch.ones_like(state.g))


def _back(passes: Passes, state: State, weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """``P' diag(1 / w) rows``."""
    u = rows / weights
    return state.P.T @ u if state.P is not None else passes.product_transposed(state, u)


def _mover(passes: Passes, g: torch.Tensor, z: torch.Tensor, shift: float) -> Callable[[float], torch.Tensor]:
    rule = passes.columns
    if isinstance(rule, TotalVariation):
        tau = rule.tau
        return lambda length: (g + length * z).clamp(-tau, tau)
    if isinstance(rule, CappedTotal):
        top = g.max()
        return lambda length: (g - top + length * z).clamp(max=0.0) + top + length * shift
    return lambda length: g + length * z
