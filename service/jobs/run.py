"""What a worker writes while it holds a job. Every write is fenced by ``attempt``: who lost the job changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from api_schemas.errors import Problem
from api_schemas.jobs import FINAL_STATES
from service.jobs.rows import Hold
from service.store.connect import Database

# Workers look every second, for cancels; a lease is written only when a sixth of it is used up, which spares the
# database five of six updates, each of which would touch every index of the row.
_EXTEND = """
WITH mine AS MATERIALIZED (
    SELECT mine.*, CASE WHEN job.id IS NULL THEN 'lost'
        WHEN job.cancel_requested_at IS NOT NULL THEN 'cancel' WHEN job.deadline_at <= now() THEN 'deadline'
        ELSE 'held' END AS hold
    FROM unnest(%(ids)s::uuid[], %(attempts)s::int[]) AS mine (id, attempt)
        LEFT JOIN job ON job.id = mine.id AND job.attempt = mine.attempt AND job.state = 'running'
), due AS MATERIALIZED (
    -- A row that somebody holds locked is left for the next look, so that it does not cost the others their leases.
    SELECT job.id FROM job JOIN mine ON job.id = mine.id AND job.attempt = mine.attempt
    WHERE job.state = 'running' AND job.lease_until < now() + make_interval(secs => %(lease)s * 5 / 6)
    ORDER BY job.id FOR NO KEY UPDATE OF job SKIP LOCKED
), kept AS (
    UPDATE job SET lease_until = now() + make_interval(secs => %(lease)s) FROM due WHERE job.id = due.id
)
SELECT id, hold FROM mine
"""

_ADD_EVENTS = """
WITH held AS (
    UPDATE job SET last_seq = last_seq + %(count)s, progress = coalesce(%(progress)s::jsonb, progress)
    WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'running'
    RETURNING last_seq
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, at, type, data)
    SELECT %(id)s, held.last_seq - %(count)s + event.n, %(attempt)s,
           coalesce((event.item->>'at')::timestamptz, now()), event.item->>'type', coalesce(event.item->'data', '{}')
    FROM held, jsonb_array_elements(%(events)s::jsonb) WITH ORDINALITY AS event (item, n)
)
SELECT last_seq FROM held
"""

_FINISH = """
WITH done AS (
    UPDATE job SET state = %(state)s, finished_at = now(), expires_at = now() + retention,
        lease_until = NULL, worker_id = NULL, last_seq = last_seq + %(count)s,
        progress = coalesce(%(progress)s::jsonb, progress), summary = %(summary)s::jsonb, error = %(error)s::jsonb
    WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'running'
    RETURNING last_seq, project_id, claimed_at
), charged AS (
    INSERT INTO charge (project_id, seconds)
    SELECT project_id, extract(epoch FROM now() - claimed_at) FROM done WHERE claimed_at IS NOT NULL
), answered AS (
    INSERT INTO job_answer (job_id, document)
    SELECT %(id)s, %(answer)b::bytea FROM done WHERE %(answer)b::bytea IS NOT NULL
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, at, type, data)
    SELECT %(id)s, done.last_seq - %(count)s + event.n, %(attempt)s,
           coalesce((event.item->>'at')::timestamptz, now()), event.item->>'type', coalesce(event.item->'data', '{}')
    FROM done, jsonb_array_elements(%(events)s::jsonb) WITH ORDINALITY AS event (item, n)
)
SELECT last_seq FROM done
"""

# A job that was cancelled meanwhile does not wait for another worker: it is over.
_HAND_BACK = """
WITH back AS (
    UPDATE job SET lease_until = NULL, worker_id = NULL, uncounted = uncounted + 1, last_seq = last_seq + 1,
        state = CASE WHEN cancel_requested_at IS NULL THEN 'queued' ELSE 'cancelled' END,
        finished_at = CASE WHEN cancel_requested_at IS NOT NULL THEN now() END,
        expires_at = CASE WHEN cancel_requested_at IS NOT NULL THEN now() + retention END,
        not_before = now() + make_interval(secs => %(wait)s)
    WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'running'
    RETURNING last_seq, pool, not_before, state, project_id, claimed_at
), charged AS (
    INSERT INTO charge (project_id, seconds)
    SELECT project_id, extract(epoch FROM now() - claimed_at) FROM back WHERE claimed_at IS NOT NULL
), rung AS (
    INSERT INTO outbox (job_id, pool, available_at) SELECT %(id)s, pool, not_before FROM back WHERE state = 'queued'
    ON CONFLICT (job_id, topic) DO UPDATE SET available_at = excluded.available_at, tries = 0
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, type, data)
    SELECT %(id)s, last_seq, %(attempt)s, CASE state WHEN 'queued' THEN 'requeued' ELSE 'finished' END,
        CASE state WHEN 'queued' THEN jsonb_build_object('reason', %(reason)s::text)
        ELSE jsonb_build_object('state', state) END
    FROM back
)
SELECT last_seq FROM back
"""


def extend(conn: Database, claims: Sequence[tuple[UUID, int]], lease_seconds: float) -> dict[UUID, Hold]:
    """Renew the leases of a worker's jobs, where they need it, and learn what became of each: one statement."""
    if not claims:
        return {}
    ordered = sorted(claims)  # one order for everyone who locks several rows
    parameters = {"ids": [c[0] for c in ordered], "attempts": [c[1] for c in ordered], "lease": lease_seconds}
    return dict(conn.execute(_EXTEND, parameters, prepare=True).fetchall())


def add_events(
    conn: Database,
    job_id: UUID,
    attempt: int,
    events: Sequence[Mapping[str, Any]],
    progress: Mapping[str, Any] | None = None,
) -> int | None:
    """Append events, and replace the job's newest metrics.

    Args:
        events: each ``{"type": …, "data": {…}}``, with ``"at"`` (an aware datetime) if it happened earlier. Infinite
            numbers and NaN become null.

    Returns:
        the job's last ``seq`` (to publish as a hint); None if this attempt does not hold the job: nothing was written.
    """
    parameters = {
        "id": job_id,
        "attempt": attempt,
        "count": len(events),
        "events": _json([dict(event) for event in events]),
        "progress": None if progress is None else _json(dict(progress)),
    }
    return _seq(conn, _ADD_EVENTS, parameters)


def written(conn: Database, job_id: UUID, attempt: int, times: Sequence[datetime]) -> set[datetime]:
    """Of these times those at which this attempt has an event: for who does not know whether a write went through."""
    rows = conn.execute(
        "SELECT at FROM job_event WHERE job_id = %s AND attempt = %s AND at = ANY(%s)", (job_id, attempt, list(times))
    ).fetchall()
    return {row[0] for row in rows}


def finish(
    conn: Database,
    job_id: UUID,
    attempt: int,
    *,
    state: str,
    answer: bytes | None = None,
    summary: Mapping[str, Any] | None = None,
    error: Problem | Mapping[str, Any] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    progress: Mapping[str, Any] | None = None,
) -> int | None:
    """End a job: state, answer, summary or error, and the last events, in one statement.

    Args:
        state: a final state. ``failed`` needs ``error``.
        answer: also for cancelled or expired jobs (the best so far).
        summary: the fields of ``api_schemas.jobs.JobSummary``.
        events, progress: what was still to be told, as in ``add_events``; the event "finished" comes after it.

    Returns:
        the job's last ``seq`` (to publish as a hint); None if this attempt does not hold the job: nothing was written.

    Raises:
        ValueError: ``state`` is not final, or ``error`` does not fit it.
    """
    if state not in FINAL_STATES:
        raise ValueError(f"{state!r} is not a final state; those are {', '.join(sorted(FINAL_STATES))}")
    if (state == "failed" and error is None) or (state == "succeeded" and error is not None):
        raise ValueError("a failed job has an error, a succeeded one has none")
    problem = error.model_dump(mode="json") if isinstance(error, Problem) else error
    data: dict[str, Any] = {"state": state}
    if summary is not None:
        data |= {name: summary[name] for name in ("status", "objective", "bound", "gap") if name in summary}
    if problem is not None:
        data |= {"code": problem.get("code"), "detail": problem.get("detail")}
    parameters = {
        "id": job_id,
        "attempt": attempt,
        "state": state,
        "answer": answer,
        "summary": None if summary is None else _json(dict(summary)),
        "error": None if problem is None else _json(dict(problem)),
        "count": len(events) + 1,
        "events": _json([*(dict(event) for event in events), {"type": "finished", "data": data}]),
        "progress": None if progress is None else _json(dict(progress)),
    }
    return _seq(conn, _FINISH, parameters)


def hand_back(conn: Database, job_id: UUID, attempt: int, reason: str, *, wait_seconds: float = 0.0) -> int | None:
    """Put a running job back into the queue (a worker that drains); the attempt does not count.

    Args:
        wait_seconds: nobody claims it before.

    Returns:
        the job's last ``seq``; None if this attempt does not hold the job.
    """
    return _seq(conn, _HAND_BACK, {"id": job_id, "attempt": attempt, "reason": reason, "wait": wait_seconds})


def _json(value: object) -> str:
    # PostgreSQL's jsonb has no U+0000, and an engine's log may.
    return (
        orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
        .decode()
        .replace("\\u0000", "\\ufffd")
    )


def _seq(conn: Database, statement: str, parameters: dict[str, Any]) -> int | None:
    row = conn.execute(statement, parameters, prepare=True).fetchone()
    return None if row is None else int(row[0])
