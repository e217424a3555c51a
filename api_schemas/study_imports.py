"""Evaluations that were made elsewhere, brought into a study many at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api_schemas.base import Line, Model, Reply
from api_schemas.studies import Values
from api_schemas.study_spaces import Point


class ImportedTrial(Model):
    """An evaluation that was made elsewhere."""

    params: Point
    state: Literal["completed", "stopped", "failed", "infeasible"] = "completed"
    values: Values | None = None
    """Every objective and constraint, unless it failed or is infeasible."""
    reason: Annotated[str, Field(max_length=2000)] = ""
    key: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    """Of the trial where it comes from: what has a key is brought in once, however often it is sent."""


class ImportRequest(Model):
    """Trials to bring in: all of them, or (if one does not fit) none."""

    trials: Annotated[list[ImportedTrial], Field(min_length=1, max_length=1000)]


class ImportReply(Reply):
    """What became of them."""

    imported: int
    known: int
    """Those whose key the study has already."""
