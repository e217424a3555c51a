"""Studies and trials as JSON. A test compares these bytes with what the models of ``api_schemas`` would write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from api_schemas.ids import STUDY, encode
from api_schemas.studies import TrialHistory
from api_schemas.study_spaces import oddities
from service.studies import StudyRow, TrialRow
from service.studies.read import Change, Details, ReportRow

_OPTIONS = orjson.OPT_UTC_Z
_STATES = ("waiting", "running", "completed", "stopped", "failed", "infeasible")
_LEFT_OUT = ("guesses", "parallel", "evaluation_seconds", "budget", "seed")


def study(details: Details) -> dict[str, Any]:
    """A ``Study``."""
    row = details.study
    return {
        "id": encode(STUDY, row.id),
        "name": row.name,
        "state": row.state,
        **{name: value for name, value in row.definition.items() if name not in _LEFT_OUT},
        "seed": row.seed,
        "budget": row.budget,
        "labels": row.labels,
        "trials": {name: details.counts.get(name, 0) for name in _STATES},
        "prepared": details.counts.get("prepared", 0),
        "watermark": row.watermark,
        "problem": row.problem,
        "warnings": [*(oddities(row.request.space) if _may_be_odd(row) else []), *details.warnings],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _may_be_odd(row: StudyRow) -> bool:
    """Without parsing the whole definition."""
    return any(p.get("when") or p.get("step") not in (None, 1) for p in row.definition["space"].values())


def trial(row: TrialRow) -> dict[str, Any]:
    """A ``Trial``."""
    made = row.made
    return {
        "number": row.number,
        "state": row.state,
        "params": row.params,
        "values": row.values,
        "feasible": row.feasible,
        "reason": row.reason,
        "attempt": row.attempt,
        "client_id": row.client_id,
        "lease_until": row.lease_until,
        "lease_seconds": row.lease.total_seconds() if row.lease_until is not None else None,
        "origin": row.origin,
        "why": made.get("why", ""),
        "engine": made.get("engine", ""),
        "engine_version": made.get("engine_version", ""),
        "seed": made.get("seed"),
        "watermark": made.get("watermark"),
        "explanation": made.get("explanation", {}),
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }


def history(changes: Sequence[Change], reports: Sequence[ReportRow]) -> dict[str, Any]:
    """A ``TrialHistory``."""
    assert set(TrialHistory.model_fields) == {"changes", "reports"}
    names = ("watermark", "at", "type", "values", "reason", "before", "by")
    return {
        "changes": [dict(zip(names, change, strict=True)) for change in changes],
        "reports": [dict(zip(("step", "values", "at"), report, strict=True)) for report in reports],
    }


def dumps(value: Any) -> bytes:
    """JSON bytes; times in UTC."""
    return orjson.dumps(value, option=_OPTIONS)
