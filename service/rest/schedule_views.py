"""Schedules, versions and runs as JSON."""

from __future__ import annotations

from typing import Any

from api_schemas.ids import SCHEDULE, encode
from service.rest.study_views import dumps
from service.schedules import RunRow, ScheduleRow


def schedule(row: ScheduleRow) -> dict[str, Any]:
    """A ``Schedule``."""
    return {
        "id": encode(SCHEDULE, row.id),
        "name": row.name,
        "state": row.state,
        "kind": row.kind,
        "horizon": row.horizon,
        "policy": row.policy,
        "definition": row.definition,
        "versions": row.versions,
        "current": row.current,
        "runs": row.runs,
        "labels": row.labels,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def version(row: Any) -> dict[str, Any]:
    """A ``ScheduleVersion``."""
    return dict(zip(("version", "curve", "provenance", "created_at"), row, strict=True))


def run(row: RunRow, horizon: int) -> dict[str, Any]:
    """A ``Run``."""
    return {
        "number": row.number,
        "version": row.version,
        "state": row.state,
        "horizon": horizon,
        "curve": row.curve,
        "advice": row.advice,
        "final": row.final,
        "reason": row.reason,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


__all__ = ["dumps", "run", "schedule", "version"]
