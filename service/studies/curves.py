"""Where a learning curve will end.

Power laws a + b s^-c (Domhan, Springenberg, Hutter, IJCAI 2015, "pow3"), a and b by least squares for each c of a grid,
averaged with the weights of their likelihood; the noise is estimated from second differences. Some 5,000 flops for 200
points and each c: two milliseconds of plain Python, within a report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

FEWEST = 5
"""Points without which nothing is said."""
_MOST = 200
_POWERS = [0.05 * 60.0 ** (k / 23) for k in range(24)]


def extrapolate(curve: Sequence[tuple[float, float]], horizon: float) -> tuple[float, float]:
    """Mean and standard deviation of a curve's value at the step ``horizon``.

    Args:
        curve: at least ``FEWEST`` pairs of step and finite value, by step; of many the newest 200 count.
    """
    curve = curve[-_MOST:]
    steps = [step - curve[0][0] + 1.0 for step, _ in curve]
    values = [value for _, value in curve]
    noise = max(_deviation(_second(values)) / math.sqrt(6.0), 1e-6 * (max(values) - min(values) + 1e-12))
    fits = [_fit(steps, values, power, horizon - curve[0][0] + 1.0) for power in _POWERS]
    least = min(misfit for _, _, misfit in fits)
    weights = [math.exp(-0.5 * (misfit - least) / noise**2) for _, _, misfit in fits]
    total = sum(weights)
    mean = sum(w * m for w, (m, _, _) in zip(weights, fits, strict=True)) / total
    spread = sum(
        w * (noise**2 * (1.0 + lever) + (m - mean) ** 2) for w, (m, lever, _) in zip(weights, fits, strict=True)
    )
    return mean, math.sqrt(spread / total)


def chance_below(target: float, mean: float, deviation: float) -> float:
    """The probability that a normal value is below the target."""
    return 0.5 * math.erfc((mean - target) / (deviation * math.sqrt(2.0)))


def _fit(steps: Sequence[float], values: Sequence[float], power: float, far: float) -> tuple[float, float, float]:
    """Of a + b s^-power by least squares: the value at ``far``, its variance in units of the noise's, the sum of
    squared residuals. A ridge far below the noise keeps nearly collinear designs finite."""
    places = [step**-power for step in steps]
    first, last = len(places) + 1e-9, sum(x * x for x in places) + 1e-9
    cross = sum(places)
    right, slanted = sum(values), sum(x * y for x, y in zip(places, values, strict=True))
    determinant = first * last - cross * cross
    a = (last * right - cross * slanted) / determinant
    b = (first * slanted - cross * right) / determinant
    there = far**-power
    lever = (last - 2.0 * cross * there + first * there * there) / determinant
    misfit = sum((y - a - b * x) ** 2 for x, y in zip(places, values, strict=True))
    return a + b * there, lever, misfit


def _second(values: Sequence[float]) -> list[float]:
    return [values[k] - 2.0 * values[k + 1] + values[k + 2] for k in range(len(values) - 2)]


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
