"""Rows and requests as messages of ``kantor.v1``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from api_schemas.artifacts import Artifact
from api_schemas.ids import JOB, encode
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from service.jobs import EventRow, JobRow

_TIMES = ("created_at", "started_at", "finished_at", "deadline_at", "cancel_requested_at", "expires_at")


def job(row: JobRow, answer: bytes | None = None, *, replayed: bool = False, warnings: Sequence[str] = ()) -> pb.Job:
    """A job; with its answer if given."""
    return pb.Job(
        id=encode(JOB, row.id),
        kind=row.kind,
        task=row.task,
        state=row.state,
        engine=row.engine,
        name=row.name,
        labels=row.labels,
        pool=row.pool,
        priority=row.priority,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        last_seq=row.last_seq,
        progress=_json(row.progress),
        summary=_json(row.summary),
        error=_json(row.error),
        answer=answer or b"",
        replayed=replayed,
        warnings=warnings,
        **{name: timestamp(getattr(row, name)) for name in _TIMES},
    )


def event(row: EventRow) -> pb.Event:
    """An event."""
    return pb.Event(
        seq=row.seq,
        job_id=encode(JOB, row.job_id),
        attempt=row.attempt,
        at=timestamp(row.at),
        type=row.type,
        data=orjson.dumps(row.data),
    )


def artifact(found: Artifact) -> pb.Artifact:
    """An artifact."""
    return pb.Artifact(
        id=found.id,
        filename=found.filename,
        media_type=found.media_type,
        size=found.size,
        sha256=found.sha256,
        origin=found.origin,
        created_at=timestamp(found.created_at),
        expires_at=timestamp(found.expires_at),
    )


def timestamp(moment: datetime | None) -> Timestamp | None:
    """None stays absent."""
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment.astimezone(UTC))
    return message


def moment(message: Any, field: str) -> datetime | None:
    """The time in a field; None if it is absent."""
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None


def body(request: pb.SubmitJobRequest, problem: bytes, options: bytes) -> bytes:
    """The request as the JSON of REST, which is checked by the same rules."""
    fields: dict[str, Any] = {"name": request.name, "labels": dict(request.labels), "priority": request.priority}
    fields |= {name: getattr(request, name) for name in ("task", "engine") if getattr(request, name)}
    for name, field in (
        ("deadline", "deadline_seconds"),
        ("max_attempts", "max_attempts"),
        ("retention", "retention_seconds"),
    ):
        if request.HasField(field):
            fields[name] = getattr(request, field)
    rest = orjson.dumps(fields)[1:]
    return b'{"problem":%s,"options":%s,%s' % (problem or b"null", options or b"{}", rest)


def _json(value: dict[str, Any] | None) -> bytes:
    return b"" if value is None else orjson.dumps(value)
