"""Rows as JSON. Replies with jobs are put together from bytes: stored answers are never parsed again on their way out.

A test compares these bytes with what the models of ``api_schemas`` would write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from api_schemas.ids import JOB, encode
from service.jobs import EventRow, JobRow

_OPTIONS = orjson.OPT_UTC_Z


def job_json(row: JobRow, answer: bytes | None = None, *, warnings: Sequence[str] = ()) -> bytes:
    """A ``Job``; with its answer (or inspection, by its task) if given."""
    text = orjson.dumps(_job(row, warnings), option=_OPTIONS)
    if answer is None:
        return text
    return b'%s,"%s":%s}' % (text[:-1], b"inspection" if row.task == "inspect" else b"answer", answer)


def page_json(rows: Sequence[JobRow], next_page_token: str) -> bytes:
    """A ``JobPage``."""
    return orjson.dumps({"jobs": [_job(row) for row in rows], "next_page_token": next_page_token}, option=_OPTIONS)


def event_json(row: EventRow) -> bytes:
    """An ``Event``."""
    return orjson.dumps(_event(row), option=_OPTIONS)


def event_page_json(rows: Sequence[EventRow], next_after: int, finished: bool) -> bytes:
    """An ``EventPage``."""
    page = {"events": [_event(row) for row in rows], "next_after": next_after, "finished": finished}
    return orjson.dumps(page, option=_OPTIONS)


def json_response(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A reply of JSON bytes."""
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def job_etag(row: JobRow, *, with_answer: bool) -> str:
    """Tag of a finished job: nothing about it changes any more."""
    return f'"{encode(JOB, row.id)}-{row.last_seq}{"-answer" if with_answer else ""}"'


def _job(row: JobRow, warnings: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "id": encode(JOB, row.id),
        "kind": row.kind,
        "task": row.task,
        "state": row.state,
        "engine": row.engine,
        "name": row.name,
        "labels": row.labels,
        "pool": row.pool,
        "priority": row.priority,
        "attempt": row.attempt,
        "max_attempts": row.max_attempts,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "deadline_at": row.deadline_at,
        "cancel_requested_at": row.cancel_requested_at,
        "expires_at": row.expires_at,
        "progress": row.progress,
        "summary": row.summary,
        "error": row.error,
        "last_seq": row.last_seq,
        "warnings": warnings,
    }


def _event(row: EventRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "job_id": encode(JOB, row.job_id),
        "attempt": row.attempt,
        "at": row.at,
        "type": row.type,
        "data": row.data,
    }
