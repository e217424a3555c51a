"""PB2: population-based training whose new values come from a Gaussian process that forgets.

Parker-Holder, Nguyen, Roberts, "Provably efficient online hyperparameter optimization with population-based bandits"
(NeurIPS 2020): the change of the score over an interval is modelled by a time-varying GP (Bogunovic et al. 2016) with
kernel ``k(x, x') (1 - epsilon)**(|t - t'| / 2)``; values under way are conditioned on, as in GP-BUCB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.schedules.curves import Array

FORGET = (0.0, 0.05, 0.1, 0.25, 0.5)
LENGTHS = (0.1, 0.2, 0.4, 0.8)
NOISE = 0.05


@dataclass(frozen=True)
class Interval:
    """What a member did in an interval: its place in the unit interval of the knob, the score before, the change."""

    time: int
    place: float
    before: float
    change: float


@dataclass(frozen=True)
class Posterior:
    """The fitted process; inputs are (place, scaled score before) and time."""

    inputs: Array
    times: Array
    y: Array
    length: float
    forget: float
    centre: float
    spread: float
    low: float
    width: float

    def predict(self, places: Array, before: float, time: float, pending: Array) -> tuple[Array, Array]:
        """Mean and deviation of the change; points under way shrink the deviation only."""
        x = np.column_stack([places, np.full(len(places), (before - self.low) / self.width)])
        t = np.full(len(places), time)
        mean = self._solve(self.inputs, self.times, self.y, x, t)[0]
        if len(pending):
            extra = np.column_stack([pending, np.full(len(pending), (before - self.low) / self.width)])
            inputs, times = np.vstack([self.inputs, extra]), np.append(self.times, np.full(len(pending), time))
            deviation = self._solve(inputs, times, np.append(self.y, np.zeros(len(pending))), x, t)[1]
        else:
            deviation = self._solve(self.inputs, self.times, self.y, x, t)[1]
        return self.centre + self.spread * mean, self.spread * deviation

    def _solve(self, inputs: Array, times: Array, y: Array, x: Array, t: Array) -> tuple[Array, Array]:
        cross = _kernel(x, t, inputs, times, self.length, self.forget)
        gram = _kernel(inputs, times, inputs, times, self.length, self.forget) + NOISE * np.eye(len(y))
        solved = np.linalg.solve(gram, np.column_stack([y[:, None], cross.T]))
        variance = 1.0 - np.sum(cross * solved[:, 1:].T, axis=1)
        return cross @ solved[:, 0], np.sqrt(np.maximum(variance, 1e-12))


def fit(history: list[Interval]) -> Posterior:
    """The process with the likeliest length and forgetting of a small grid."""
    x = np.array([[item.place, item.before] for item in history])
    low, width = float(x[:, 1].min()), max(float(np.ptp(x[:, 1])), 1e-12)
    x[:, 1] = (x[:, 1] - low) / width
    t = np.array([float(item.time) for item in history])
    raw = np.array([item.change for item in history])
    centre, spread = float(raw.mean()), max(float(raw.std()), 1e-12)
    y = (raw - centre) / spread
    best, chosen = -np.inf, (LENGTHS[1], 0.0)
    for length in LENGTHS:
        for forget in FORGET:
            gram = _kernel(x, t, x, t, length, forget) + NOISE * np.eye(len(y))
            factor = np.linalg.cholesky(gram)
            half = np.linalg.solve(factor, y)
            likelihood = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
            if likelihood > best:
                best, chosen = likelihood, (length, forget)
    return Posterior(x, t, y, *chosen, centre, spread, low, width)


def propose(history: list[Interval], before: float, time: int, pending: list[float], seed: int) -> float:
    """The place of the knob with the largest upper confidence bound of the change; at random before there are five
    intervals."""
    rng = np.random.default_rng([seed, time, len(pending)])
    places = np.sort(rng.random(512))
    if len(history) < 5:
        return float(rng.random())
    posterior = fit(history[-500:])
    mean, deviation = posterior.predict(places, before, float(time), np.array(pending))
    beta = 0.2 + np.log(1.0 + 0.4 * time)
    return float(places[int(np.argmax(mean + np.sqrt(beta) * deviation))])


def exchanges(scores: dict[int, float], quantile: float, seed: int) -> dict[int, int]:
    """Which members (the lowest scores) copy which others (the highest): number to number."""
    ranked = sorted(scores, key=lambda number: (scores[number], number))
    count = min(max(1, round(quantile * len(ranked))), len(ranked) // 2)
    rng = np.random.default_rng([seed, len(ranked)])
    return {loser: int(rng.choice(ranked[-count:])) for loser in ranked[:count]} if count else {}


def _kernel(x: Array, t: Array, z: Array, s: Array, length: float, forget: float) -> Array:
    squared = np.sum((x[:, None] - z[None]) ** 2, axis=2)
    found: Array = np.exp(-0.5 * squared / length**2) * (1.0 - forget) ** (np.abs(t[:, None] - s[None]) / 2.0)
    return found
