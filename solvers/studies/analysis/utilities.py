"""A study by comparisons: how good each trial is, and how likely the best."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.studies.analysis.fitted import Fitted
from solvers.studies.sampling import generator


def utilities(fitted: Fitted, *, samples: int = 4096, seed: int = 0) -> list[dict[str, Any]]:
    """``{"trial", "mean", "std", "best"}`` of every compared trial, best mean first. ``best`` is the probability that
    no other compared trial is better, from joint samples of the posterior (to about 0.01)."""
    posterior, scale = fitted.surrogate.objectives[0], fitted.surrogate.scales[0]
    features = fitted.encoding.features(fitted.outcomes.rows)
    mean, std = posterior.predict(features)
    covariance = posterior.covariance(features)
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = mean[:, None] + root @ generator(seed, 47).standard_normal((len(mean), samples))
    wins = np.bincount(np.argmin(draws, axis=0), minlength=len(mean)) / samples
    order = np.argsort(mean, kind="stable")
    return [
        {
            "trial": fitted.outcomes.trials[i].number,
            "mean": scale.value(float(mean[i])),
            "std": float(std[i]) * scale.spread,
            "best": float(wins[i]),
        }
        for i in order
    ]
