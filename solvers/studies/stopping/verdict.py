"""The answer of every stopping rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from solvers.studies.observations import Trial
from solvers.studies.study import Objective


@dataclass(frozen=True)
class Verdict:
    """Attributes:
    stop: whether to stop.
    text: why, or why not, in a sentence.
    evidence: the numbers behind it.
    """

    stop: bool
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"stop": self.stop, "text": self.text, "evidence": dict(self.evidence)}


def minimised(trial: Trial, objective: Objective) -> list[tuple[float, float]]:
    """The trial's curve of an objective as (step, value), small values being good; nan where it was not finite."""
    return [(step, objective.sign * value) for step, value in trial.curves.get(objective.name, ())]
