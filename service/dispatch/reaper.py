"""The reaper: leases that ran out, attempts that are used up, deadlines that passed, workers that are gone."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api_schemas.errors import Problem
from service.store.connect import Database

LOCK = 0x6B72656170
"""Advisory lock: one reaper at a time."""
BATCH = 500
_FORGET_WORKERS_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Reaped:
    """A job that the reaper changed."""

    job_id: UUID
    seq: int
    """Of the event that says so: to publish as a hint."""
    outcome: str
    """"queued", or a final state."""


# A worker that stalls may come back: its writes are fenced off because the job isn't running, or has another attempt.
_LEASES = """
WITH lapsed AS (
    SELECT id, lease_until, CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
                    WHEN deadline_at <= now() THEN 'expired'
                    WHEN attempt - uncounted >= max_attempts THEN 'failed' ELSE 'queued' END AS outcome
    FROM job WHERE state = 'running' AND lease_until < now()
    ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), reaped AS (
    UPDATE job SET state = outcome, lease_until = NULL, worker_id = NULL, last_seq = last_seq + 1,
        finished_at = CASE WHEN outcome <> 'queued' THEN now() END,
        expires_at = CASE WHEN outcome <> 'queued' THEN now() + retention END,
        error = CASE outcome WHEN 'failed' THEN %(lost)s::jsonb WHEN 'expired' THEN %(late)s::jsonb END
    FROM lapsed WHERE job.id = lapsed.id
    RETURNING job.id, pool, attempt, last_seq, outcome, error, project_id, claimed_at, lapsed.lease_until
), charged AS (
    -- Its worker had the job at most as long as the lease.
    INSERT INTO charge (project_id, seconds)
    SELECT project_id, greatest(0, extract(epoch FROM lease_until - claimed_at))
    FROM reaped WHERE claimed_at IS NOT NULL
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, type, data)
    SELECT id, last_seq, attempt, CASE outcome WHEN 'queued' THEN 'requeued' ELSE 'finished' END,
        CASE outcome WHEN 'queued' THEN jsonb_build_object('reason', 'the worker was lost')
        ELSE jsonb_strip_nulls(
            jsonb_build_object('state', outcome, 'code', error->'code', 'detail', error->'detail')) END
    FROM reaped
), orphaned AS (
    -- arrays of an answer that nobody finished
    UPDATE artifact SET expires_at = now() FROM reaped
    WHERE outcome <> 'queued' AND artifact.job_id = reaped.id AND origin = 'answer'
), rung AS (
    INSERT INTO outbox (job_id, pool, available_at) SELECT id, pool, now() FROM reaped WHERE outcome = 'queued'
    ON CONFLICT (job_id, topic) DO UPDATE SET available_at = excluded.available_at, tries = 0
)
SELECT id, last_seq, outcome FROM reaped
"""

_DEADLINES = """
WITH late AS (
    SELECT id FROM job WHERE state = 'queued' AND deadline_at <= now()
    ORDER BY deadline_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), reaped AS (
    UPDATE job SET state = 'expired', finished_at = now(), expires_at = now() + retention, last_seq = last_seq + 1,
        error = %(late)s::jsonb
    FROM late WHERE job.id = late.id
    RETURNING job.id, attempt, last_seq, error
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, type, data)
    SELECT id, last_seq, attempt, 'finished',
        jsonb_build_object('state', 'expired', 'code', error->'code', 'detail', error->'detail')
    FROM reaped
), unrung AS (
    DELETE FROM outbox WHERE job_id IN (SELECT id FROM reaped)
)
SELECT id, last_seq, 'expired' FROM reaped
"""

_PARAMETERS = {
    "limit": BATCH,
    "lost": Problem.of(
        "worker-lost", "Every attempt ended with the loss of its worker, and no attempt is left."
    ).model_dump_json(),
    "late": Problem.of("expired", "The deadline passed before there was an answer.").model_dump_json(),
}


def reap(conn: Database, *, leases: bool = True) -> list[Reaped] | None:
    """One round: at most ``BATCH`` jobs of each kind.

    Running jobs whose lease ran out go back to the queue, or end: cancelled if that was asked for, expired if too late,
    failed ("worker-lost") if no attempt is left. Queued jobs past their deadline expire.

    Args:
        leases: False spares leases: after a loss of the database they ran out through no fault of their workers, which
            need time to renew them.

    Returns:
        None if another reaper is at it.
    """
    with conn.transaction():
        locked = conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone()
        if locked is None or not locked[0]:
            return None
        rows = conn.execute(_LEASES, _PARAMETERS).fetchall() if leases else []
        rows += conn.execute(_DEADLINES, _PARAMETERS).fetchall()
    return [Reaped(*row) for row in rows]


def release_all(conn: Database) -> None:
    """Put all running jobs back into the queue, or end them: for who knows that no worker is left."""
    with conn.transaction():
        conn.execute("UPDATE job SET lease_until = now() - interval '1 second' WHERE state = 'running'")
        while conn.execute(_LEASES, _PARAMETERS).fetchall():
            continue


def bury_workers(conn: Database) -> int:
    """Delete the rows of workers that were not heard of for ten minutes; how many."""
    return conn.execute(
        "DELETE FROM worker WHERE heartbeat_at < now() - make_interval(secs => %s)", (_FORGET_WORKERS_SECONDS,)
    ).rowcount
