"""How a job ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from api_schemas.errors import FieldError, Problem

FinalState = Literal["succeeded", "failed", "cancelled", "expired"]


@dataclass(frozen=True)
class Finished:
    """A final state with what belongs to it."""

    state: FinalState
    document: bytes | None = None
    summary: dict[str, Any] | None = None
    error: Problem | None = None


@dataclass(frozen=True)
class HandedBack:
    """Another worker shall do it, or this one after ``wait`` seconds."""

    reason: str
    wait: float = 0.0


@dataclass(frozen=True)
class Lost:
    """Another worker has it, or it is over: nothing is written."""


Outcome = Finished | HandedBack | Lost


def failed(
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    *,
    document: bytes | None = None,
    summary: dict[str, Any] | None = None,
) -> Finished:
    """Failed for a reason of the table in ``api_schemas.errors``."""
    problem = Problem.of(code, detail, errors=[FieldError(**error) for error in errors or []])
    return Finished("failed", document, summary, problem)
