"""What the trials themselves show, without a model: the best so far, the Pareto front, hypervolume, parallel
coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.studies.acquisition.hypervolume import hypervolume, nondominated
from solvers.studies.encoding import Array, Encoding
from solvers.studies.observations import Observations
from solvers.studies.outcomes import Outcomes, collect
from solvers.studies.study import Study


def _signed(study: Study, outcomes: Outcomes) -> Array:
    return np.asarray(outcomes.values * np.array([objective.sign for objective in study.objectives]))


def pareto(study: Study, observations: Observations) -> list[int]:
    """Numbers of the feasible trials that no other one dominates, ascending."""
    outcomes = _full(study, observations)
    allowed = np.flatnonzero(outcomes.feasible)
    front = allowed[nondominated(_signed(study, outcomes)[allowed])]
    return [outcomes.trials[i].number for i in front]


def _full(study: Study, observations: Observations) -> Outcomes:
    """Trials at the highest fidelity: others are no results."""
    top = {p.name: p.at(1.0) for p in study.space.fidelities}
    trials = tuple(t for t in observations.trials if all(t.parameters.get(name) == at for name, at in top.items()))
    return collect(study, Encoding(study.space), Observations(trials))


def hypervolume_over_time(study: Study, observations: Observations) -> dict[str, Any]:
    """``{"reference", "trials", "hypervolume"}``: after each measured trial the volume between front and reference.

    The reference is the objectives' own, and where there is none the worst feasible value plus a tenth of the range.
    With one objective this is the distance of the best so far from the reference.
    """
    outcomes = _full(study, observations)
    signed = _signed(study, outcomes)
    allowed = signed[outcomes.feasible]
    if len(allowed) == 0:
        return {"reference": None, "trials": [], "hypervolume": []}
    reference = allowed.max(axis=0) + 0.1 * np.ptp(allowed, axis=0)
    for k, objective in enumerate(study.objectives):
        if objective.reference is not None:
            reference[k] = objective.sign * objective.reference
    volumes, front, last = [], np.empty((0, len(study.objectives))), 0.0
    for row, feasible in zip(signed, outcomes.feasible, strict=True):
        if feasible and not np.any(np.all(front <= row, axis=1)):
            front = np.vstack([front[~np.all(front >= row, axis=1)], row])
            last = hypervolume(front, reference)
        volumes.append(last)
    signs = np.array([objective.sign for objective in study.objectives])
    return {
        "reference": (reference * signs).tolist(),
        "trials": [trial.number for trial in outcomes.trials],
        "hypervolume": volumes,
    }


def best_over_time(study: Study, observations: Observations) -> dict[str, Any]:
    """``{"trials", "value", "best"}`` of the first objective; best is None until a trial is feasible."""
    outcomes = _full(study, observations)
    best: float | None = None
    values, bests = [], []
    sign = study.objectives[0].sign
    for value, feasible in zip(outcomes.values[:, 0], outcomes.feasible, strict=True):
        if feasible and (best is None or sign * value < sign * best):
            best = float(value)
        values.append(float(value))
        bests.append(best)
    return {"trials": [trial.number for trial in outcomes.trials], "value": values, "best": bests}


def parallel_coordinates(study: Study, observations: Observations) -> dict[str, Any]:
    """``{"axes": [{"name", "kind", "log", "ticks"}], "lines": [{"trial", "state", "places", "values"}]}``.

    Places are in [0, 1] along each parameter's axis (logarithmic where the parameter is), None where it is inactive;
    values are the objectives' own.
    """
    encoding = Encoding(study.space)
    axes = [
        {
            "name": parameter.name,
            "kind": parameter.type,
            "log": bool(getattr(parameter, "log", False)),
            "ticks": [{"place": place, "value": parameter.at(place)} for place in np.linspace(0.0, 1.0, 5).tolist()]
            if parameter.levels is None or parameter.levels > 20
            else [
                {"place": (i + 0.5) / parameter.levels, "value": parameter.at((i + 0.5) / parameter.levels)}
                for i in range(parameter.levels)
            ],
        }
        for parameter in encoding.parameters
    ]
    rows = encoding.places([trial.parameters for trial in observations.trials])
    lines = [
        {
            "trial": trial.number,
            "state": trial.state,
            "places": [None if np.isnan(place) else float(place) for place in row],
            "values": {name: trial.values.get(name) for name in study.names},
        }
        for trial, row in zip(observations.trials, rows, strict=True)
    ]
    return {"axes": axes, "lines": lines}
