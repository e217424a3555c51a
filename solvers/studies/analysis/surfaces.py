"""The objective along one parameter or two, the others averaged out, with the model's uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.studies.analysis.fitted import Fitted
from solvers.studies.encoding import Array
from solvers.studies.sampling import level_places, sobol


def marginal(
    fitted: Fitted,
    parameter: str,
    objective: str | None = None,
    *,
    points: int = 50,
    samples: int = 128,
    trial: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """``{"parameter", "objective", "values", "mean", "std", "trial"}``: the average of the posterior over the other
    parameters at each value, and the standard deviation of that average (with its correlations, not the average of
    deviations). With ``trial`` the others are as in that trial instead.

    Raises:
        InvalidProblem: unknown parameter or objective, or a trial that the model does not hold.
    """
    column, k = fitted.column(parameter), fitted.objective(objective)
    places = _axis(fitted, column, points)
    mean, std = _averages(fitted, _others(fitted, trial, samples, seed), (column,), places[:, None], k)
    return {
        "parameter": parameter,
        "objective": fitted.study.names[k],
        "values": [fitted.encoding.parameters[column].at(float(place)) for place in places],
        "mean": mean.tolist(),
        "std": std.tolist(),
        "trial": trial,
    }


def contour(
    fitted: Fitted,
    first: str,
    second: str,
    objective: str | None = None,
    *,
    points: int = 20,
    samples: int = 64,
    trial: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """``{"parameters", "objective", "values": [along first, along second], "mean", "std", "trial"}``; ``mean`` and
    ``std`` as lists of rows (one for each value of ``second``), as in ``marginal``."""
    i, j, k = fitted.column(first), fitted.column(second), fitted.objective(objective)
    x, y = _axis(fitted, i, points), _axis(fitted, j, points)
    grid = np.column_stack([np.tile(x, len(y)), np.repeat(y, len(x))])
    mean, std = _averages(fitted, _others(fitted, trial, samples, seed), (i, j), grid, k)
    parameters = fitted.encoding.parameters
    return {
        "parameters": [first, second],
        "objective": fitted.study.names[k],
        "values": [[parameters[i].at(float(p)) for p in x], [parameters[j].at(float(q)) for q in y]],
        "mean": mean.reshape(len(y), len(x)).tolist(),
        "std": std.reshape(len(y), len(x)).tolist(),
        "trial": trial,
    }


def _axis(fitted: Fitted, column: int, points: int) -> Array:
    parameter = fitted.encoding.parameters[column]
    if parameter.levels is not None and parameter.levels <= points:
        return level_places(parameter)
    return np.asarray(np.linspace(0.0, 1.0, points))


def _others(fitted: Fitted, trial: int | None, samples: int, seed: int) -> Array:
    """Places of all parameters over which is averaged; fidelities at their highest."""
    if trial is None:
        places = np.nan_to_num(sobol(fitted.encoding, samples, seed), nan=0.5)
        places[:, fitted.encoding.fidelities] = 1.0
        return places
    numbers = [known.number for known in fitted.outcomes.trials]
    if trial not in numbers:
        raise InvalidProblem(f"trial {trial} has no values", pointer="/trial", hint="take a completed one")
    return np.asarray(np.nan_to_num(fitted.outcomes.rows[numbers.index(trial)], nan=0.5)[None])


def _averages(
    fitted: Fitted, others: Array, columns: tuple[int, ...], grid: Array, objective: int
) -> tuple[Array, Array]:
    """Mean and standard deviation of the average over ``others``, in the user's units, at each row of the grid.

    The covariance of averages is the average of covariances: so one solve for each row of the grid is enough, n^2
    flops, instead of one for each sample.
    """
    posterior, scale = fitted.surrogate.objectives[objective], fitted.surrogate.scales[objective]
    crosses = np.empty((len(posterior.y), len(grid)))
    priors = np.empty(len(grid))
    for at, row in enumerate(grid):
        places = others.copy()
        places[:, columns] = row
        features = fitted.encoding.features(fitted.encoding.complete(places))
        crosses[:, at], priors[at] = posterior.average(features)
    mean, variance = posterior.of_averages(crosses, priors)
    return np.asarray(scale.centre + scale.sign * scale.spread * mean), np.sqrt(variance) * scale.spread
