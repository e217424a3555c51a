"""Does the model know what it does not know? Every trial predicted from all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri

from solvers.studies.analysis.fitted import Fitted

LEVELS = (0.5, 0.8, 0.9, 0.95)


def calibration(fitted: Fitted) -> dict[str, dict[str, Any]]:
    """For every objective, in the user's units: ``trials``, ``observed``, ``mean`` and ``std`` of leave-one-out
    predictions (closed form at fixed hyperparameters), ``coverage`` (share of trials inside the central intervals of
    ``LEVELS``), ``r2``, ``log_density`` (mean, of standardised values), ``rank_correlation``."""
    told = {}
    for k, name in enumerate(fitted.study.names):
        posterior, scale = fitted.surrogate.objectives[k], fitted.surrogate.scales[k]
        mean, std = posterior.leave_one_out()
        y = posterior.y
        z = (y - mean) / std
        told[name] = {
            "trials": [trial.number for trial in fitted.outcomes.trials] if len(y) == fitted.outcomes.count else [],
            "observed": [scale.value(float(v)) for v in y],
            "mean": [scale.value(float(v)) for v in mean],
            "std": (std * scale.spread).tolist(),
            "coverage": {str(level): float(np.mean(np.abs(z) <= ndtri(0.5 + level / 2))) for level in LEVELS},
            "r2": 1.0 - float(np.sum((y - mean) ** 2)) / max(float(np.sum((y - y.mean()) ** 2)), 1e-300),
            "log_density": float(np.mean(-0.5 * z * z - np.log(std) - 0.5 * np.log(2 * np.pi))),
            "rank_correlation": _spearman(y, mean),
        }
    return told


def _spearman(a: Any, b: Any) -> float:
    ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable").astype(float) for x in (a, b)]
    centred = [r - r.mean() for r in ranks]
    scale = float(np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1])))
    return float(centred[0] @ centred[1]) / scale if scale > 0 else 0.0
