"""The acquisition of a study: improvement of one or more objectives times the probability of feasibility, as a
logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.studies.acquisition.hypervolume import boxes, log_expected_hypervolume_improvement
from solvers.studies.acquisition.improvement import log_expected_improvement, log_probability
from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.posterior import Posterior


@dataclass(frozen=True)
class LogImprovement:
    """log EI of one objective below ``target``, or log EHVI of several beyond a front, plus the sum of log P(slack <=
    0).

    Attributes:
        objectives: posteriors of the minimised, standardised objectives; none: feasibility alone.
        slacks: posteriors of slacks (any scale), feasible at or below ``limits``.
        target: for one objective.
        lows, highs: for several: the boxes of the non-dominated region.
        doubt: standard deviations count so many times: above 1 for looking where a model that is too sure would not.
    """

    encoding: Encoding
    objectives: tuple[Posterior, ...]
    slacks: tuple[Posterior, ...] = ()
    limits: tuple[float, ...] = ()
    target: float = 0.0
    lows: Array | None = None
    highs: Array | None = None
    doubt: float = 1.0

    @classmethod
    def beyond(
        cls,
        encoding: Encoding,
        objectives: tuple[Posterior, ...],
        slacks: tuple[Posterior, ...],
        limits: tuple[float, ...],
        front: Array,
        reference: Array,
    ) -> LogImprovement:
        """For several objectives."""
        lows, highs = boxes(front, reference)
        return cls(encoding, objectives, slacks, limits, 0.0, lows, highs)

    def values(self, rows: Array) -> Array:
        features = self.encoding.features(rows)
        moments = [self._moments(model, features) for model in self.objectives]
        total = np.zeros(len(rows))
        if self.lows is not None and self.highs is not None:
            means = np.column_stack([mean for mean, _ in moments])
            stds = np.column_stack([std for _, std in moments])
            total += log_expected_hypervolume_improvement(means, stds, self.lows, self.highs)[0]
        else:
            for mean, std in moments:
                total += log_expected_improvement(mean, std, self.target)[0]
        for model, limit in zip(self.slacks, self.limits, strict=True):
            total += log_probability(*self._moments(model, features), limit)[0]
        return total

    def slopes(self, rows: Array) -> tuple[Array, Array]:
        features = self.encoding.features(rows)
        total = np.zeros(len(rows))
        slope = np.zeros_like(features)
        parts = [self._slopes(model, features) for model in self.objectives]
        if self.lows is not None and self.highs is not None:
            means = np.column_stack([part[0] for part in parts])
            stds = np.column_stack([part[1] for part in parts])
            total, by_mean, by_std = log_expected_hypervolume_improvement(means, stds, self.lows, self.highs)
            for k, (_, _, mean_slope, std_slope) in enumerate(parts):
                slope += by_mean[:, k : k + 1] * mean_slope + by_std[:, k : k + 1] * std_slope
        else:
            for mean, std, mean_slope, std_slope in parts:
                value, by_m, by_s = log_expected_improvement(mean, std, self.target)
                total = total + value
                slope += by_m[:, None] * mean_slope + by_s[:, None] * std_slope
        for model, limit in zip(self.slacks, self.limits, strict=True):
            mean, std, mean_slope, std_slope = self._slopes(model, features)
            value, by_m, by_s = log_probability(mean, std, limit)
            total = total + value
            slope += by_m[:, None] * mean_slope + by_s[:, None] * std_slope
        return total, self.encoding.pull(rows, slope)

    def _moments(self, model: Posterior, features: Array) -> tuple[Array, Array]:
        mean, std = model.predict(features)
        return mean, self.doubt * std

    def _slopes(self, model: Posterior, features: Array) -> tuple[Array, Array, Array, Array]:
        mean, std, mean_slope, std_slope = model.slopes(features)
        return mean, self.doubt * std, mean_slope, self.doubt * std_slope
