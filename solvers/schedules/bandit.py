"""Tsallis-INF over a grid of a solver's parameter, and the contextual variant by Chebyshev features.

Khodak, Chow, Balcan, Talwalkar, "Learning to relax" (ICLR 2024): Tsallis-INF (Zimmert and Seldin 2021) on the
iterations of SOR; ChebCB: SquareCB (Foster and Rakhlin 2020) on least squares in Chebyshev polynomials of the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.schedules.curves import Array


def probabilities(losses: Array, rounds: int) -> Array:
    """Of the arms by Tsallis-INF: ``p_i = 4 / (eta (L_i - x))**2`` with ``eta = 2 / sqrt(rounds)`` and the x below all
    losses for which they add up to 1 (Newton's method; the sum is convex and increasing in x).

    Args:
        losses: (d,) estimated cumulative losses in [0, 1] a round. rounds: t, from 1.
    """
    eta = 2.0 / np.sqrt(max(rounds, 1))
    low = float(losses.min())
    x = low - 2.0 / eta * np.sqrt(len(losses))  # here the sum is at most 1: Newton climbs from below, without overshoot
    for _ in range(50):
        gaps = losses - x
        p = 4.0 / (eta * gaps) ** 2
        excess = float(p.sum()) - 1.0
        if abs(excess) < 1e-9:
            break
        x = min(x - excess / float(np.sum(2.0 * p / gaps)), low - 1e-12)
    p = 4.0 / (eta * (losses - x)) ** 2
    found: Array = p / p.sum()
    return found


@dataclass
class TsallisInf:
    """Losses count from the smallest one seen and are divided by their running mean, so that costs of any size fit: a
    baseline shifts all arms alike, but takes most of the variance out of the importance weights.

    Attributes:
        losses: (d,) importance-weighted cumulative excesses.
        rounds: how many observations. total: of the excesses. least: the smallest loss, None before the first.
    """

    losses: Array
    rounds: int = 0
    total: float = 0.0
    least: float | None = None

    @classmethod
    def of(cls, arms: int, memory: dict[str, Any] | None = None) -> TsallisInf:
        """New, or as ``memory`` gave it."""
        if not memory:
            return cls(np.zeros(arms))
        losses = np.array(memory["losses"], dtype=float)
        return cls(losses, int(memory["rounds"]), float(memory["total"]), memory["least"])

    def memory(self) -> dict[str, Any]:
        numbers = {"rounds": self.rounds, "total": self.total, "least": self.least}
        return {"losses": self.losses.tolist(), **numbers}

    def probabilities(self) -> Array:
        scale = max(2.0 * self.total / self.rounds, 1e-12) if self.rounds else 1.0
        return probabilities(self.losses / scale, self.rounds + 1)

    def observe(self, arm: int, loss: float, probability: float) -> None:
        """What playing an arm, drawn with this probability, has cost (at least 0)."""
        self.least = loss if self.least is None else min(self.least, loss)
        excess = loss - self.least
        self.losses[arm] += excess / max(probability, 1e-6)
        self.rounds += 1
        self.total += excess


@dataclass
class ChebCB:
    """The contextual variant: the cost of each arm is a polynomial of the context.

    Attributes:
        low, high: of the context. degree: of the polynomials.
        grams, moments: (d, m, m) and (d, m): the sums of least squares.
    """

    low: float
    high: float
    grams: Array
    moments: Array
    rounds: int = 0
    total: float = 0.0
    degree: int = field(init=False)

    def __post_init__(self) -> None:
        self.degree = self.grams.shape[1] - 1

    @classmethod
    def of(cls, arms: int, low: float, high: float, degree: int = 5, memory: dict[str, Any] | None = None) -> ChebCB:
        m = degree + 1
        if not memory:
            return cls(low, high, np.zeros((arms, m, m)), np.zeros((arms, m)))
        grams, moments = np.array(memory["grams"], dtype=float), np.array(memory["moments"], dtype=float)
        return cls(low, high, grams, moments, int(memory["rounds"]), float(memory["total"]))

    def memory(self) -> dict[str, Any]:
        tables = {"grams": self.grams.tolist(), "moments": self.moments.tolist()}
        return {**tables, "rounds": self.rounds, "total": self.total}

    def features(self, context: float) -> Array:
        """(m,) Chebyshev polynomials of the context scaled to [-1, 1]."""
        z = 2.0 * (min(max(context, self.low), self.high) - self.low) / max(self.high - self.low, 1e-300) - 1.0
        found: Array = np.cos(np.arange(self.degree + 1) * np.arccos(z))
        return found

    def costs(self, context: float) -> Array:
        """(d,) expected costs of the arms, by least squares with a ridge that grows with the degree (the coefficients
        of smooth functions fall)."""
        x = self.features(context)
        ridge = np.diag(1.0 + np.arange(self.degree + 1.0) ** 2)
        solved = np.linalg.solve(self.grams + 0.1 * ridge, self.moments[..., None])[..., 0]
        found: Array = np.asarray(solved @ x, dtype=float)
        return found

    def probabilities(self, context: float) -> Array:
        """SquareCB: the better an arm is predicted, the likelier."""
        d = len(self.grams)
        if self.rounds < d:
            return np.full(d, 1.0 / d)
        costs = self.costs(context) / max(self.total / self.rounds, 1e-300)
        best = int(np.argmin(costs))
        gamma = np.sqrt(d * self.rounds)
        p: Array = 1.0 / (d + gamma * (costs - costs[best]))
        p[best] = 0.0
        p[best] = 1.0 - p.sum()
        return p

    def observe(self, arm: int, loss: float, context: float) -> None:
        x = self.features(context)
        self.grams[arm] += np.outer(x, x)
        self.moments[arm] += loss * x
        self.rounds += 1
        self.total += loss


def arms_of(low: float, high: float, count: int, *, log: bool = False) -> list[float]:
    """An even grid of a parameter."""
    grid: Sequence[float] = (np.geomspace if log else np.linspace)(low, high, count).tolist()
    return list(grid)
