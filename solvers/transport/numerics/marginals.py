"""What is asked of a marginal, as the map it makes of a potential: exact, penalized (KL, TV), or capped (partial
transport).

Scaling algorithms for unbalanced transport (Chizat, Peyre, Schmitzer, Vialard 2018): where the balanced update is ``f
= S`` (the soft c-transform), a penalty tau makes it ``f = prox(S)``. With the penalty ``tau KL(r | a)`` that is ``S
tau / (tau + e)``; with ``tau |r - a|``, S clipped to [-tau, tau]; with ``r <= a``, min(S, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass
class Exact:
    """The marginal equals its weights."""

    def prox(self, soft: torch.Tensor, epsilon: float) -> torch.Tensor:  # noqa: ARG002
        return soft

    def dual(self, weights: torch.Tensor, potential: torch.Tensor) -> float:
        """The potential's contribution to the dual value."""
        return float(torch.dot(weights, potential))

    def penalty(self, weights: torch.Tensor, marginal: torch.Tensor) -> float:  # noqa: ARG002
        """What the primal pays for this marginal."""
        return 0.0


@dataclass
class KullbackLeibler(Exact):
    """``tau * sum r log(r / a) - r + a``."""

    tau: float

    def prox(self, soft: torch.Tensor, epsilon: float) -> torch.Tensor:
        return soft * (self.tau / (self.tau + epsilon))

    def dual(self, weights: torch.Tensor, potential: torch.Tensor) -> float:
        return float(-self.tau * torch.dot(weights, torch.expm1(-potential / self.tau)))

    def penalty(self, weights: torch.Tensor, marginal: torch.Tensor) -> float:
        return self.tau * float((torch.xlogy(marginal, marginal / weights) - marginal + weights).sum())


@dataclass
class TotalVariation(Exact):
    """``tau * sum |r - a|``."""

    tau: float

    def prox(self, soft: torch.Tensor, epsilon: float) -> torch.Tensor:  # noqa: ARG002
        return soft.clamp(-self.tau, self.tau)

    def dual(self, weights: torch.Tensor, potential: torch.Tensor) -> float:
        if float(potential.min()) < -self.tau * (1.0 + 1e-12):
            return -math.inf
        return float(torch.dot(weights, potential.clamp(max=self.tau)))

    def penalty(self, weights: torch.Tensor, marginal: torch.Tensor) -> float:
        return self.tau * float((marginal - weights).abs().sum())


@dataclass
class Capped(Exact):
    """``r <= a``."""

    def prox(self, soft: torch.Tensor, epsilon: float) -> torch.Tensor:  # noqa: ARG002
        return soft.clamp(max=0.0)

    def dual(self, weights: torch.Tensor, potential: torch.Tensor) -> float:
        return float(torch.dot(weights, potential.clamp(max=0.0)))


@dataclass
class CappedTotal(Exact):
    """``c <= b`` and ``sum c = mass``: the potential is ``min(S, level)``, the level being the multiplier of the mass.

    Both are updated at once: ``sum_j b_j min(1, exp((level - S_j) / e)) = mass`` has one solution, found by bisection.
    """

    weights: torch.Tensor
    mass: float

    def prox(self, soft: torch.Tensor, epsilon: float) -> torch.Tensor:
        return soft.clamp(max=self.level(soft, epsilon))

    def level(self, soft: torch.Tensor, epsilon: float) -> float:
        """See the class."""
        high = float(soft.max())
        low = float(soft.min()) + epsilon * math.log(min(1.0, self.mass / float(self.weights.sum()))) - epsilon
        for _ in range(80):
            middle = 0.5 * (low + high)
            total = float(torch.dot(self.weights, ((middle - soft) / epsilon).clamp(max=0.0).exp()))
            if total < self.mass:
                low = middle
            else:
                high = middle
        return high

    def dual(self, weights: torch.Tensor, potential: torch.Tensor) -> float:
        """The largest over levels v of ``<weights, min(potential - v, 0)> + v mass``: its slope changes its sign at a
        potential."""
        order = torch.argsort(potential)
        below = torch.cumsum(weights[order], 0)
        k = min(int(torch.searchsorted(below, self.mass)), len(order) - 1)
        level = potential[order[k]]
        return float(torch.dot(weights, (potential - level).clamp(max=0.0)) + level * self.mass)


Marginal = Exact


def marginal_of(variant: str, divergence: str, strength: float) -> Marginal:
    """The rule for one side of a problem; of partial transport, for the sources."""
    if variant == "partial":
        return Capped()
    if variant == "balanced" or math.isinf(strength):
        return Exact()
    return KullbackLeibler(strength) if divergence == "kl" else TotalVariation(strength)
