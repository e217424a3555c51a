"""The objective along one parameter or two, the others averaged out, with the model's uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.studies.analysis.fitted import Fitted
from solvers.studies.encoding import Array
from solvers.studies.sampling import level_places, sobol


def marginal(
    fitted: Fitted, parameter: str, objective: str | None = None, *, points: int = 50, samples: int = 128, seed: int = 0
) -> dict[str, Any]:
    """``{"parameter", "objective", "values", "mean", "std"}``: the average of the posterior over the other parameters
    at each value, and the standard deviation of that average (with its correlations, not the average of deviations)."""
    column, k = fitted.column(parameter), fitted.objective(objective)
    places = _axis(fitted, column, points)
    others = np.nan_to_num(sobol(fitted.encoding, samples, seed), nan=0.5)
    mean, std = np.empty(len(places)), np.empty(len(places))
    for i, place in enumerate(places):
        rows = others.copy()
        rows[:, column] = place
        mean[i], std[i] = _average(fitted, rows, k)
    return {
        "parameter": parameter,
        "objective": fitted.study.names[k],
        "values": [fitted.encoding.parameters[column].at(float(place)) for place in places],
        "mean": mean.tolist(),
        "std": std.tolist(),
    }


def contour(
    fitted: Fitted,
    first: str,
    second: str,
    objective: str | None = None,
    *,
    points: int = 20,
    samples: int = 32,
    seed: int = 0,
) -> dict[str, Any]:
    """``{"parameters", "objective", "values": [along first, along second], "mean", "std"}``, the latter two as lists of
    rows (one for each value of ``second``), averaged over the other parameters."""
    i, j, k = fitted.column(first), fitted.column(second), fitted.objective(objective)
    x, y = _axis(fitted, i, points), _axis(fitted, j, points)
    others = np.nan_to_num(sobol(fitted.encoding, samples, seed), nan=0.5)
    mean, std = np.empty((len(y), len(x))), np.empty((len(y), len(x)))
    for row, q in enumerate(y):
        for col, p in enumerate(x):
            rows = others.copy()
            rows[:, i], rows[:, j] = p, q
            mean[row, col], std[row, col] = _average(fitted, rows, k)
    parameters = fitted.encoding.parameters
    return {
        "parameters": [first, second],
        "objective": fitted.study.names[k],
        "values": [[parameters[i].at(float(p)) for p in x], [parameters[j].at(float(q)) for q in y]],
        "mean": mean.tolist(),
        "std": std.tolist(),
    }


def _axis(fitted: Fitted, column: int, points: int) -> Array:
    parameter = fitted.encoding.parameters[column]
    if parameter.levels is not None and parameter.levels <= points:
        return level_places(parameter)
    return np.asarray(np.linspace(0.0, 1.0, points))


def _average(fitted: Fitted, rows: Array, objective: int) -> tuple[float, float]:
    posterior, scale = fitted.surrogate.objectives[objective], fitted.surrogate.scales[objective]
    features = fitted.encoding.features(fitted.encoding.complete(rows))
    mean = scale.value(float(posterior.mean_at(features).mean()))
    return mean, scale.spread * float(np.sqrt(max(posterior.covariance(features).mean(), 0.0)))
