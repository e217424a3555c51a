"""Piecewise linear curves of schedules."""

from __future__ import annotations

import bisect
from collections.abc import Sequence


class Curve:
    """A piecewise linear curve by its knots; constant beyond its ends."""

    def __init__(self, knots: Sequence[Sequence[float]]) -> None:
        self.knots = [(float(step), float(value)) for step, value in knots]
        self._steps = [step for step, _ in self.knots]

    def __call__(self, step: float) -> float:
        k = bisect.bisect_right(self._steps, step)
        if k == 0:
            return self.knots[0][1]
        if k == len(self.knots):
            return self.knots[-1][1]
        (left, low), (right, high) = self.knots[k - 1], self.knots[k]
        return low + (high - low) * (step - left) / (right - left)

    def rescaled(self, horizon: int) -> Curve:
        """The same shape over another horizon."""
        last = self.knots[-1][0] or 1.0
        return Curve([(step * (horizon - 1) / last, value) for step, value in self.knots])
