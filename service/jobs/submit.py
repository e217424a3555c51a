"""Submitting jobs: one statement, one transaction, for one job or for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg

from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import new_uuid
from api_schemas.jobs import JobRequest
from service.jobs.rows import COLUMNS, JobRow, Submitted
from service.settings import Settings
from service.store.connect import Database
from service.telemetry import origin
from service.telemetry.origin import Origin
from service.tenants import quotas
from service.tenants.limits import COLUMNS as LIMITS
from service.tenants.limits import Limits


@dataclass(frozen=True, slots=True)
class Submission:
    """One job to submit, already validated.

    Attributes:
        document: JSON ``{"problem": …, "options": …}``, stored as it is.
        pool: the queue, named by the engine's announcement.
        idempotency_key: at most 255 letters; a second submission with key and project gets the first one's job.
        fingerprint: digest of the request; the same key with another fingerprint is refused.
        key_id: the API key that asks; by default the origin's.
        limits: the project's quotas; None: none.
        origin: the request that submits it, which logs and traces of the job name.
    """

    project_id: UUID
    request: JobRequest
    document: bytes
    pool: str
    idempotency_key: str | None = None
    fingerprint: bytes = b""
    key_id: UUID | None = None
    limits: Limits | None = None
    origin: Origin = field(default_factory=origin.current)


_COLUMNS = {
    "n": "integer",
    "id": "uuid",
    "project_id": "uuid",
    "kind": "text",
    "task": "text",
    "name": "text",
    "engine": "text",
    "pool": "text",
    "priority": "smallint",
    "labels": "jsonb",
    "max_attempts": "integer",
    "created_at": "timestamptz",
    "deadline_at": "timestamptz",
    "retention": "double precision",
    "submitted_by": "uuid",
    "request_id": "text",
    "traceparent": "text",
    "key": "text",
    "fingerprint": "text",
}
# One item comes as parameters, which is cheaper; several as one JSON text.
_ONE = "SELECT " + ", ".join(f"%({name})s::{type_} AS {name}" for name, type_ in _COLUMNS.items())
_MANY = "SELECT * FROM jsonb_to_recordset(%(items)s::jsonb) AS item ({columns})".format(  # noqa: S608
    columns=", ".join(f"{name} {type_}" for name, type_ in _COLUMNS.items())
)

_SUBMIT = """
WITH item AS MATERIALIZED ({items}), {known} new AS (
    INSERT INTO job (id, project_id, kind, task, name, engine, pool, priority, labels, max_attempts,
                     created_at, deadline_at, retention, submitted_by, request_id, traceparent, last_seq)
    SELECT id, project_id, kind, task, name, engine, pool, priority, labels, max_attempts,
           created_at, deadline_at, make_interval(secs => retention), submitted_by, request_id, traceparent, 1
    FROM item {unknown}
    RETURNING id, pool, created_at
), input AS (
    INSERT INTO job_input (job_id, document) SELECT id, (%(documents)b::bytea[])[n] FROM item JOIN new USING (id)
), rung AS (
    INSERT INTO outbox (job_id, pool, available_at)
    SELECT id, pool, now() + make_interval(secs => %(ring_again)s) FROM new
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, at, type) SELECT id, 1, 0, created_at, 'queued' FROM new
)
SELECT id FROM new
"""

# A key whose time is over is taken over by the update; a live one yields no row, hence no job.
_KNOWN = """known AS (
    INSERT INTO idempotency AS old (project_id, key, fingerprint, job_id, expires_at)
    SELECT project_id, key, decode(fingerprint, 'hex'), id, now() + make_interval(secs => %(remember)s)
    FROM item WHERE key IS NOT NULL ORDER BY project_id, key
    ON CONFLICT (project_id, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, job_id = excluded.job_id,
        created_at = now(), expires_at = excluded.expires_at
    WHERE old.expires_at <= now()
    RETURNING job_id
),"""
_UNKNOWN = "WHERE key IS NULL OR id IN (SELECT job_id FROM known)"

# by (several items, idempotency keys among them)
_STATEMENTS = {
    (many, keyed): _SUBMIT.format(
        items=_MANY if many else _ONE, known=_KNOWN if keyed else "", unknown=_UNKNOWN if keyed else ""
    )
    for many in (False, True)
    for keyed in (False, True)
}

_EARLIER = f"""
SELECT idempotency.fingerprint, {COLUMNS} FROM idempotency JOIN job ON job.id = idempotency.job_id
WHERE idempotency.project_id = %s AND idempotency.key = %s
"""  # noqa: S608


_LIMITS = f"SELECT {LIMITS} FROM project WHERE id = %s"  # noqa: S608


def submit(
    conn: Database,
    project_id: UUID,
    request: JobRequest,
    document: bytes,
    *,
    pool: str,
    idempotency_key: str | None = None,
    fingerprint: bytes = b"",
    settings: Settings,
) -> Submitted:
    """Store a new job (with input, first event, outbox row and idempotency record) in one statement, within the
    project's quotas as they stand in the database: also for jobs that come of other work than a request.

    Raises:
        KantorError: ``quota-exceeded``, ``idempotency-mismatch``, or ``invalid-request`` for text that PostgreSQL
            cannot hold.
    """
    found = conn.execute(_LIMITS, (project_id,), prepare=True).fetchone()
    limits = None if found is None else replace(Limits(*found), max_bytes=None)  # their answers are no artifacts
    item = Submission(project_id, request, document, pool, idempotency_key, fingerprint, limits=limits)
    outcome = submit_many(conn, [item], settings=settings)[0]
    if isinstance(outcome, KantorError):
        raise outcome
    return outcome


def submit_many(conn: Database, items: Sequence[Submission], *, settings: Settings) -> list[Submitted | KantorError]:
    """Store several jobs, of any projects, with one commit. An item that is refused does not touch the others.

    Returns:
        one outcome for each item, in their order.
    """
    outcomes: list[Submitted | KantorError | None] = [_refusal(item) for item in items]
    refusals = {**quotas.refusals(conn, [(item.project_id, item.limits) for item in items]), **_full(conn, items)}
    for k, refusal in refusals.items():
        known = outcomes[k] is None and items[k].idempotency_key is not None
        outcomes[k] = (_replayed(conn, items[k], settings) if known else None) or outcomes[k] or refusal
    waiting = [k for k, outcome in enumerate(outcomes) if outcome is None]
    while waiting:
        # Two submissions with one key in one statement would see neither each other nor an answer: one at a time.
        keys: set[tuple[UUID, str]] = set()
        now, later = [], []
        for k in waiting:
            key = items[k].idempotency_key
            if key is not None and (items[k].project_id, key) in keys:
                later.append(k)
                continue
            if key is not None:
                keys.add((items[k].project_id, key))
            now.append(k)
        for k, outcome in zip(now, _store(conn, [items[k] for k in now], settings), strict=True):
            outcomes[k] = outcome
        waiting = later
    return [outcome for outcome in outcomes if outcome is not None]


def _store(conn: Database, items: list[Submission], settings: Settings) -> list[Submitted | KantorError]:
    rows = [_row(item, settings) for item in items]
    try:
        created = _insert(conn, items, rows, settings)
    except psycopg.DataError as error:
        if len(items) == 1:
            return [KantorError("invalid-request", f"The job cannot be stored: {error.diag.message_primary}")]
        return [outcome for item in items for outcome in _store(conn, [item], settings)]
    return [
        Submitted(row.id, False, row) if row.id in created else _earlier(conn, item, settings)
        for item, row in zip(items, rows, strict=True)
    ]


def _insert(conn: Database, items: list[Submission], rows: list[JobRow], settings: Settings) -> set[UUID]:
    many = len(items) > 1
    records = [_record(n, item, row) for n, (item, row) in enumerate(zip(items, rows, strict=True), start=1)]
    parameters: dict[str, Any] = {
        "documents": [item.document for item in items],
        "ring_again": settings.ring_again_seconds,
        "remember": settings.idempotency_hours * 3600,
    }
    if many:
        parameters["items"] = orjson.dumps(records).decode()
    else:
        parameters |= records[0]
        parameters["labels"] = orjson.dumps(rows[0].labels).decode()
    keyed = any(item.idempotency_key is not None for item in items)
    found = conn.execute(_STATEMENTS[many, keyed], parameters, prepare=True).fetchall()
    return {row[0] for row in found}


def _record(n: int, item: Submission, row: JobRow) -> dict[str, Any]:
    return {
        "n": n,
        "id": row.id,
        "project_id": row.project_id,
        "kind": row.kind,
        "task": row.task,
        "name": row.name,
        "engine": row.engine,
        "pool": row.pool,
        "priority": row.priority,
        "labels": row.labels,
        "max_attempts": row.max_attempts,
        "created_at": row.created_at,
        "deadline_at": row.deadline_at,
        "retention": row.retention.total_seconds(),
        "submitted_by": item.key_id or item.origin.key_id,
        "request_id": item.origin.request_id,
        "traceparent": item.origin.traceparent,
        "key": item.idempotency_key,
        "fingerprint": item.fingerprint.hex(),
    }


def _row(item: Submission, settings: Settings) -> JobRow:
    request = item.request
    job_id = new_uuid()
    # The id's own milliseconds: so the order of ids is the order of times, and a list by time is a range of ids.
    created_at = datetime.fromtimestamp((job_id.int >> 80) / 1000, UTC)
    retention = request.retention if request.retention is not None else settings.retention_days * 86400
    return JobRow(
        id=job_id,
        project_id=item.project_id,
        kind=request.problem.kind,
        task=request.task,
        name=request.name,
        engine=request.engine,
        state="queued",
        pool=item.pool,
        priority=request.priority,
        labels=dict(request.labels),
        attempt=0,
        uncounted=0,
        max_attempts=request.max_attempts,
        created_at=created_at,
        started_at=None,
        finished_at=None,
        not_before=None,
        deadline_at=None if request.deadline is None else created_at + timedelta(seconds=request.deadline),
        lease_until=None,
        worker_id=None,
        cancel_requested_at=None,
        expires_at=None,
        retention=timedelta(seconds=retention),
        progress=None,
        summary=None,
        error=None,
        last_seq=1,
    )


def _refusal(item: Submission) -> KantorError | None:
    key = item.idempotency_key
    if key is None or (1 <= len(key) <= 255 and "\0" not in key):
        return None
    error = FieldError(pointer="Idempotency-Key", detail="an idempotency key has 1 to 255 letters")
    return KantorError("invalid-request", "The idempotency key does not fit.", errors=[error])


def _full(conn: Database, items: Sequence[Submission]) -> dict[int, KantorError]:
    """Those, by position, whose project has no room left for answers. A job that is accepted may store its own."""
    limits = {item.project_id: item.limits for item in items if item.limits and item.limits.max_bytes is not None}
    full: dict[UUID, KantorError] = {}
    for project_id, quota in limits.items():
        try:
            quotas.require_room(conn, project_id, quota, 1)
        except KantorError as error:
            full[project_id] = error
    return {k: full[item.project_id] for k, item in enumerate(items) if item.project_id in full}


def _replayed(conn: Database, item: Submission, settings: Settings) -> Submitted | KantorError | None:
    """The outcome of a repeated request, which takes nothing of a quota; None: it is not one."""
    known = conn.execute(_EARLIER, (item.project_id, item.idempotency_key)).fetchone()
    return None if known is None else _earlier(conn, item, settings)


def _earlier(conn: Database, item: Submission, settings: Settings) -> Submitted | KantorError:
    row = conn.execute(_EARLIER, (item.project_id, item.idempotency_key)).fetchone()
    if row is None:  # the first job was deleted between the two statements, and its key with it
        return _store(conn, [item], settings)[0]
    if bytes(row[0]) != item.fingerprint:
        return KantorError(
            "idempotency-mismatch",
            f"The idempotency key {item.idempotency_key!r} was used with another request. "
            "Repeat that request unchanged, or take a new key.",
        )
    job = JobRow(*row[1:])
    return Submitted(job.id, True, job)


__all__ = ["Submission", "submit", "submit_many"]
