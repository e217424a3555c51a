"""Analyses of a study in a runner, by the Gaussian processes of the engine ``gp``: importance and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.studies.encoding import Array, Encoding
from solvers.studies.engine import Step
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.outcomes import collect
from solvers.studies.sampling import sobol
from workers.families import Refusal

FEWEST = 5
"""Trials with values below which nothing is said."""
_SAMPLES = 512


def analyse(work: str, step: Step, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the answer.

    Raises:
        Refusal: no such analysis, or too few trials for it.
        SolverError: a point that does not fit the space.
    """
    encoding = Encoding(step.study.space)
    outcomes = collect(step.study, encoding, step.observations)
    if outcomes.count < FEWEST:
        words = f"{outcomes.count} trials have values; an analysis needs {FEWEST}"
        raise Refusal("not-finished", words)
    points = extra.get("points") or []
    for point in points:
        step.study.space.check(point)
    surrogate = Surrogate.of(step.study, encoding, outcomes)
    if work == "predict":
        rows = encoding.complete(encoding.places(points))
        return {"predictions": [surrogate.predicted(row) for row in rows]}
    if work == "importance":
        return {"importance": _importance(step, encoding, surrogate)}
    raise Refusal("unsupported-problem", f"this worker knows no analysis {work!r}", pointer="/problem/work")


def _importance(step: Step, encoding: Encoding, surrogate: Surrogate) -> dict[str, dict[str, float]]:
    """Total effects: the share of the variance of the predicted objective, over the whole space, that changing one
    parameter alone explains, with all interactions (Jansen's estimator; Saltelli et al. 2010, table 2).

    They add up to more than 1 where parameters interact.
    """
    d = len(encoding.names)
    first, second = (np.nan_to_num(sobol(encoding, _SAMPLES, step.seed + k), nan=0.5) for k in (1, 2))

    def means(rows: Array) -> list[Array]:
        features = encoding.features(encoding.complete(rows))
        return [posterior.mean_at(features) for posterior in surrogate.objectives]

    base = means(first)
    both = [np.concatenate(pair) for pair in zip(base, means(second), strict=True)]
    found: dict[str, dict[str, float]] = {objective.name: {} for objective in step.study.objectives}
    for i in range(d):
        mixed = first.copy()
        mixed[:, i] = second[:, i]
        for objective, at, changed, every in zip(step.study.objectives, base, means(mixed), both, strict=True):
            variance = float(np.var(every))
            effect = float(np.mean((at - changed) ** 2)) / 2.0
            found[objective.name][encoding.names[i]] = effect / variance if variance > 0 else 0.0
    return found
