"""What the rules of studies return: rows as they stand in the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from api_schemas.studies import StudyRequest


@dataclass(frozen=True)
class StudyRow:
    """A study. The fields are those of the table, in the order of ``STUDY``; then its counts."""

    id: UUID
    project_id: UUID
    name: str
    state: str
    definition: dict[str, Any]
    labels: dict[str, str]
    seed: int
    budget: int | None
    asked: int
    watermark: int
    told: int
    suggesting: UUID | None
    problem: str
    created_at: datetime
    updated_at: datetime

    @cached_property
    def request(self) -> StudyRequest:
        """The definition as a model."""
        return StudyRequest.model_validate({**self.definition, "name": self.name})


STUDY = ", ".join(
    f"study.{name}"
    for name in (
        *("id", "project_id", "name", "state", "definition", "labels", "seed", "budget", "asked", "watermark", "told"),
        *("suggesting", "problem", "created_at", "updated_at"),
    )
)
"""Select list of a ``StudyRow``."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial. The fields are those of the table, in the order of ``TRIAL``."""

    id: int
    study_id: UUID
    number: int
    state: str
    params: dict[str, Any]
    values: dict[str, Any] | None
    reason: str
    feasible: bool | None
    attempt: int
    client_id: str
    lease: timedelta
    lease_until: datetime | None
    origin: str
    made: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


TRIAL_COLUMNS = tuple(TrialRow.__slots__)
TRIAL = ", ".join(f"trial.{name}" for name in TRIAL_COLUMNS)
"""Select list of a ``TrialRow``."""
