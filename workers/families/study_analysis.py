"""Analyses of a study in a runner, by the Gaussian processes of the engine ``gp``: importance and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvers.studies.analysis.fitted import Fitted
from solvers.studies.analysis.importance import importance
from solvers.studies.encoding import Encoding
from solvers.studies.engine import Step
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.outcomes import collect
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
        return {"importance": _importance(Fitted(step.study, encoding, outcomes, surrogate), step.seed)}
    raise Refusal("unsupported-problem", f"this worker knows no analysis {work!r}", pointer="/problem/work")


def _importance(fitted: Fitted, seed: int) -> dict[str, dict[str, float]]:
    """Total effects: the share of the variance of the predicted objective, over the whole space, that changing one
    parameter explains, with all interactions. They add up to more than 1 where parameters interact."""
    found = importance(fitted, samples=_SAMPLES, seed=seed)
    return {name: {key: share["total"] for key, share in shares.items()} for name, shares in found.items()}
