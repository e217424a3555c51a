"""Jobs of kind "study": what is asked of a worker, and its answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api_schemas.base import Model, Reply
from api_schemas.certificates import Certificate
from api_schemas.studies import Metric
from api_schemas.study_analyses import Findings
from api_schemas.study_spaces import Point


class StudyWork(Model):
    """What a job of kind "study" does: make suggestions, or analyse. The data are read when the job begins."""

    kind: Literal["study"] = "study"
    study: Annotated[str, Field(pattern=r"^std_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    work: Literal[
        "suggest",
        "importance",
        "predict",
        "marginals",
        "contour",
        "calibration",
        "progress",
        "stopping",
        "utilities",
        "replay",
    ] = "suggest"
    count: Annotated[int, Field(ge=1, le=256)] = 1
    fixed: Point = {}
    points: Annotated[list[Point], Field(max_length=1000)] = []
    parameters: Annotated[list[Metric], Field(max_length=500)] = []
    """For "marginals", by default all; for "contour" two."""
    objective: Metric | None = None
    """For "marginals" and "contour"; by default the first."""
    grid: Annotated[int, Field(ge=2, le=200)] | None = None
    """For "marginals" and "contour": points along an axis."""
    trial: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """For "replay": the trial whose suggestion is made again from what was known then. For "marginals" and "contour":
    the trial that gives the values of all other parameters."""


class Suggestion(Reply):
    """A point that an engine proposes."""

    params: Point
    why: str = ""
    explanation: dict[str, Any] = {}


class StudyAnswer(Findings):
    """The answer of a job of kind "study"."""

    kind: Literal["study"] = "study"
    status: Literal["done"] = "done"
    work: str = "suggest"
    study: str = ""
    watermark: int = 0
    told: int = 0
    """Results that were known."""
    engine: str = ""
    engine_version: str = ""
    seed: int = 0
    fixed: Point = {}
    suggestions: list[Suggestion] = []
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
