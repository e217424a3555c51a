"""Analyses of a study in a runner, by the Gaussian processes of the engine ``gp`` (or ``preference``)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solvers.studies.analysis.calibration import calibration
from solvers.studies.analysis.fitted import Fitted
from solvers.studies.analysis.importance import importance
from solvers.studies.analysis.progress import best_over_time, hypervolume_over_time
from solvers.studies.analysis.surfaces import contour, marginal
from solvers.studies.analysis.utilities import utilities
from solvers.studies.engine import Step
from solvers.studies.outcomes import reached
from solvers.studies.stopping.studies import expected_gain, regret_bound
from workers.families import Refusal

FEWEST = 5
"""Trials with values (or that were compared) below which nothing is said."""
_WORKS = ("importance", "predict", "marginals", "contour", "calibration", "stopping", "utilities")
_SAMPLES = 512
_CONFIDENCE = 0.95
_MOST_MARGINALS = 100


def analyse(work: str, step: Step, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the answer (``api_schemas.study_analyses.Findings``).

    Raises:
        Refusal: no such analysis, or too few trials for it.
        SolverError: a point that does not fit the space.
    """
    if work == "progress":
        return {"progress": _progress(step)}
    if work not in _WORKS:
        raise Refusal("unsupported-problem", f"this worker knows no analysis {work!r}", pointer="/problem/work")
    study, observations = step.study, step.observations
    if study.objectives:
        count = sum(reached(trial, study) is not None for trial in observations.trials)
        words = f"{count} trials have values; an analysis needs {FEWEST}"
    else:
        count = len({n for comparison in observations.comparisons for n in (*comparison.best, *comparison.others)})
        words = f"{count} trials were compared; an analysis needs {FEWEST}"
    if count < FEWEST:
        raise Refusal("not-finished", words)
    for point in extra.get("points") or []:
        study.space.check(point)
    found: dict[str, Any] = getattr(_Looks(Fitted.of(study, observations), step, extra), work)()
    return found


@dataclass(frozen=True)
class _Looks:
    """One method for each analysis that needs a model."""

    fitted: Fitted
    step: Step
    extra: Mapping[str, Any]

    def importance(self) -> dict[str, Any]:
        """Total effects add up to more than 1 where parameters interact, first-order effects to less."""
        found = importance(self.fitted, samples=_SAMPLES, seed=self.step.seed)
        return {
            field: {name: {key: share[kind] for key, share in shares.items()} for name, shares in found.items()}
            for field, kind in (("importance", "total"), ("main_effects", "first"))
        }

    def predict(self) -> dict[str, Any]:
        encoding = self.fitted.encoding
        rows = encoding.complete(encoding.places(self.extra.get("points") or []))
        return {"predictions": [self.fitted.surrogate.predicted(row) for row in rows]}

    def marginals(self) -> dict[str, Any]:
        names = self.extra.get("parameters") or self.fitted.encoding.names[:_MOST_MARGINALS]
        look = functools.partial(
            marginal,
            self.fitted,
            objective=self.extra.get("objective"),
            points=self.extra.get("grid") or 50,
            trial=self.extra.get("trial"),
        )
        return {"marginals": [look(name) for name in names]}

    def contour(self) -> dict[str, Any]:
        first, second = self.extra["parameters"]
        found = contour(
            self.fitted,
            first,
            second,
            self.extra.get("objective"),
            points=self.extra.get("grid") or 24,
            trial=self.extra.get("trial"),
        )
        return {"contour": found}

    def calibration(self) -> dict[str, Any]:
        return {"calibration": calibration(self.fitted)}

    def stopping(self) -> dict[str, Any]:
        if len(self.fitted.study.objectives) != 1:
            raise Refusal("unsupported-problem", "whether to stop is judged for studies with one objective")
        if self.fitted.outcomes.best() is None:
            raise Refusal("not-finished", "no trial is feasible yet")
        gain = expected_gain(self.fitted, seed=self.step.seed)
        bound = regret_bound(self.fitted, tolerance=0.0, confidence=_CONFIDENCE, seed=self.step.seed)
        return {
            "stopping": {
                "expected_gain": gain.evidence["expected_improvement"],
                "regret_bound": bound.evidence["bound"],
                "confidence": _CONFIDENCE,
                "spread": self.fitted.surrogate.scales[0].spread,
                "stop": gain.stop,
                "text": f"{gain.text} {bound.text}",
            }
        }

    def utilities(self) -> dict[str, Any]:
        if self.step.study.objectives:
            raise Refusal("unsupported-problem", "only a study by preference has utilities")
        return {"utilities": utilities(self.fitted, seed=self.step.seed)}


def _progress(step: Step) -> dict[str, Any]:
    study = step.study
    if not study.objectives:
        raise Refusal("unsupported-problem", "a study by preference has no values that could come along")
    volumes = hypervolume_over_time(study, step.observations)
    bests = best_over_time(study, step.observations)
    return {
        "trials": bests["trials"],
        "best": bests["best"],
        "hypervolume": volumes["hypervolume"] or [0.0] * len(bests["trials"]),
        "reference": volumes["reference"],
    }
