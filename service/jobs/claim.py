"""Claiming: a worker takes the best job of its pools."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from api_schemas.ids import WORKER, encode
from service.jobs.rows import Claim
from service.store.connect import Database

# The order in which jobs are served. Fairness between projects belongs here (and in the index job_queue).
_BEST_FIRST = "ORDER BY job.priority DESC, job.id"

_FITS = """job.pool = wanted.pool
    AND (job.engine IN ('auto', 'race') OR job.kind || ':' || job.engine = ANY(%(engines)s::text[]))
    AND (job.not_before IS NULL OR job.not_before <= now())
    AND (job.deadline_at IS NULL OR job.deadline_at > now())
    AND job.cancel_requested_at IS NULL
    AND job.attempt - job.uncounted < job.max_attempts"""

# The best of each pool, and the best of those whose lease ran out, are locked; the best of them is taken. A row that
# another claim has locked is skipped, so that claims never wait for each other.
_CLAIM = f"""
WITH candidate AS MATERIALIZED (
    SELECT queued.* FROM unnest(%(pools)s::text[]) AS wanted (pool) CROSS JOIN LATERAL (
        SELECT job.id, job.priority, false AS takeover FROM job WHERE job.state = 'queued' AND {_FITS}
        {_BEST_FIRST} LIMIT 1 FOR UPDATE SKIP LOCKED) AS queued
    UNION ALL
    SELECT lapsed.* FROM unnest(%(pools)s::text[]) AS wanted (pool) CROSS JOIN LATERAL (
        SELECT job.id, job.priority, true FROM job WHERE job.state = 'running' AND job.lease_until < now() AND {_FITS}
        {_BEST_FIRST} LIMIT 1 FOR UPDATE SKIP LOCKED) AS lapsed
), claimed AS (
    UPDATE job SET
        state = 'running', attempt = job.attempt + 1, worker_id = %(worker)s,
        lease_until = now() + make_interval(secs => %(lease)s),
        started_at = coalesce(job.started_at, now()), last_seq = job.last_seq + 1
    FROM (SELECT job.id, job.takeover FROM candidate AS job {_BEST_FIRST} LIMIT 1) AS best
        JOIN job_input ON job_input.job_id = best.id
    WHERE job.id = best.id
    RETURNING job.id, job.attempt, job.project_id, job.kind, job.task, job.engine, job.name, job.pool, job.priority,
        job.max_attempts, job.uncounted, job.created_at, job.deadline_at,
        extract(epoch FROM job.deadline_at - now())::double precision, job.lease_until, job.last_seq,
        best.takeover, job_input.document
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, type, data)
    SELECT id, last_seq, attempt, 'started', jsonb_build_object(
        'attempt', attempt, 'worker', %(worker_name)s::text, 'engine', engine, 'takeover', takeover)
    FROM claimed
), unrung AS (
    DELETE FROM outbox WHERE job_id = (SELECT id FROM claimed) AND topic = 'run'
)
SELECT * FROM claimed
"""  # noqa: S608


def claim(
    conn: Database,
    *,
    pools: Sequence[str],
    engines: Sequence[str],
    worker_id: UUID,
    lease_seconds: float,
) -> Claim | None:
    """Take the best job: highest priority, then oldest, queued or left behind by a worker whose lease ran out.

    Args:
        pools: queues that the worker serves.
        engines: what it can run, as "family:id"; "auto" and "race" jobs fit every worker.

    Returns:
        None if nothing fits. The claim is committed on return (unless the caller opened a transaction).
    """
    parameters = {
        "pools": list(pools),
        "engines": list(engines),
        "worker": worker_id,
        "worker_name": encode(WORKER, worker_id),
        "lease": lease_seconds,
    }
    row = conn.execute(_CLAIM, parameters, prepare=True, binary=True).fetchone()
    return None if row is None else Claim(*row)
