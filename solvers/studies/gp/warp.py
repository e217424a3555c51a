"""Monotone transformations of outcomes, chosen by the evidence: heavy tails hide from a Gaussian process what matters.

A value y (standardised, minimised) becomes log(1 + (y - low)/width): values that are worse by orders of magnitude are
drawn in, those near the best are spread. A slack c becomes sign(c) log(1 + |c|/width): its sign stays (Eriksson &
Poloczek, Scalable Constrained Bayesian Optimization, AISTATS 2021, sec. 3). Whether a transformed Gaussian process is
more likely to have made the data is told by its marginal likelihood times the Jacobian (Snelson, Rasmussen,
Ghahramani, Warped Gaussian Processes, NIPS 2003, eq. 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.studies.encoding import Array

#: Fewer values than this are left as they are.
FEWEST = 8
#: The transformed model must be so much more likely (logarithm): ties go to the plain one.
_MARGIN = 2.0


@dataclass(frozen=True)
class Warp:
    """z = (g(y) - centre) / spread, g the identity, or one of the logarithms above about ``low``.

    Attributes:
        kind: ``"none"``, ``"log"`` (of values; ``low`` is the least) or ``"signed"`` (of slacks; met up to ``low``).
    """

    kind: str = "none"
    low: float = 0.0
    width: float = 1.0
    centre: float = 0.0
    spread: float = 1.0

    def forward(self, y: Array) -> Array:
        return np.asarray((self._curve(y) - self.centre) / self.spread)

    def inverse(self, z: Array) -> Array:
        """Back to y."""
        g = self.centre + self.spread * np.asarray(z)
        if self.kind == "log":
            return np.asarray(self.low + self.width * np.expm1(np.clip(g, -30.0, 300.0)))
        if self.kind == "signed":
            return np.asarray(self.low + np.sign(g) * self.width * np.expm1(np.minimum(np.abs(g), 300.0)))
        return g

    def slope(self, y: Array) -> Array:
        """dz/dy."""
        if self.kind == "none":
            return np.full(len(y), 1.0 / self.spread)
        away = np.maximum(y - self.low, 0.0) if self.kind == "log" else np.abs(y - self.low)
        return np.asarray(1.0 / (self.spread * (self.width + away)))

    def moments(self, mean: float, std: float) -> tuple[float, float]:
        """The median, and half of the range between the quantiles of one standard deviation, of a normal z in y."""
        low, middle, high = self.inverse(np.array([mean - std, mean, mean + std]))
        return float(middle), float(0.5 * (high - low))

    def _curve(self, y: Array) -> Array:
        if self.kind == "log":
            return np.log1p(np.maximum(y - self.low, 0.0) / self.width)
        if self.kind == "signed":
            return np.asarray(np.sign(y - self.low) * np.log1p(np.abs(y - self.low) / self.width))
        return y


def candidate(y: Array, kind: str, zero: float = 0.0) -> Warp | None:
    """The transformation that these values suggest; None if they suggest none. ``zero``: where a slack is met."""
    if len(y) < FEWEST or kind == "none":
        return None
    low = float(y.min()) if kind == "log" else zero
    away = np.abs(y - low)
    width = float(np.quantile(away[away > 0], 0.25)) if np.any(away > 0) else 0.0
    if not width > 1e-9 * float(away.max()):
        return None
    raw = Warp(kind, low, width)
    g = raw.forward(y)
    spread = float(g.std())
    if not spread > 1e-9:
        return None
    # the sign of a slack is kept: its zero does not move
    return Warp(kind, low, width, float(g.mean()) if kind == "log" else 0.0, spread)


def better(warp: Warp, y: Array, plain: float, warped: float) -> bool:
    """Whether the data are more likely under the warped model, from negative log posteriors of y and of z."""
    return -warped + float(np.log(warp.slope(y)).sum()) > -plain + _MARGIN
