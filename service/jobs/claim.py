"""Claiming: whose turn it is, and that project's best job.

Between projects (max-min fairness, as Hahne 1991 has it for round robin): of those with jobs in the queue the one that
runs the fewest beside its weight; of equals the one that has passed the fewest turns, each of ``1 / weight``. A project
that comes back from a pause starts at most one turn before the others: what it left unused is gone. Within a project:
highest priority, then oldest.

Who waits is kept in a table of its own (migration 0009): a claim reads a row for each project that waits, and never
looks at the length of a queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from api_schemas.ids import WORKER, encode
from service.jobs.rows import Claim
from service.store.connect import Database

_TRIES = 8
"""Of a claim whose slot of a quota another claim took meanwhile."""

_FITS = """job.pool = wanted.pool
    AND job.kind || ':' || CASE WHEN job.engine IN ('auto', 'race') THEN '' ELSE job.engine END
        = ANY((SELECT %(engines)s::text[])::text[])
    AND (job.not_before IS NULL OR job.not_before <= now())
    AND (job.deadline_at IS NULL OR job.deadline_at > now())
    AND job.cancel_requested_at IS NULL
    AND job.attempt - job.uncounted < job.max_attempts"""

# standing: how the projects that wait stand to each other; some rows of waiting are of queues that have run empty.
# ahead: who is really behind all others, and the one after. due: the best job of the first one that has a job for this
# worker. A row that another claim has locked is skipped, so that claims never wait for each other (but those of a
# project with a quota that want the same slot).
_CLAIM = f"""
WITH busy AS MATERIALIZED (
    SELECT project_id, count(*) AS running FROM job
    WHERE state = 'running' AND pool = ANY((SELECT %(pools)s::text[])::text[]) GROUP BY project_id
), standing AS MATERIALIZED (
    SELECT waiting.project_id, min(project.weight) AS weight,
        min(project.max_running) AS max_running, max(turn.passed) AS passed, max(turn.served_at) AS served_at,
        coalesce(min(busy.running), 0) AS running
    FROM waiting JOIN project ON project.id = waiting.project_id
        LEFT JOIN turn ON turn.project_id = waiting.project_id AND turn.pool = waiting.pool
        LEFT JOIN busy ON busy.project_id = waiting.project_id
    WHERE waiting.pool = ANY((SELECT %(pools)s::text[])::text[])
    GROUP BY waiting.project_id
), ahead AS MATERIALIZED (
    SELECT array_agg(passed ORDER BY passed) AS passed FROM (
        SELECT passed FROM (SELECT * FROM standing WHERE passed IS NOT NULL ORDER BY passed) AS standing
        WHERE EXISTS (SELECT FROM job WHERE job.state = 'queued' AND job.project_id = standing.project_id
                      AND job.pool = ANY((SELECT %(pools)s::text[])::text[]))
        LIMIT 2) AS least
), ranked AS (
    SELECT standing.*, CASE WHEN standing.passed IS NULL THEN coalesce(ahead.passed[1] - 1, 0)
        -- only the one that is behind all others is ever below this
        ELSE greatest(standing.passed, ahead.passed[2] - 1) END AS start
    FROM standing CROSS JOIN ahead
), due AS MATERIALIZED (
    SELECT best.id, best.project_id, best.priority, false AS takeover, free.slot, ranked.start + 1.0 / weight AS passed,
        NULL::double precision AS used
    FROM (SELECT * FROM ranked ORDER BY running / weight, start, served_at NULLS FIRST, project_id) AS ranked
    CROSS JOIN LATERAL (
        SELECT NULL::smallint AS slot WHERE ranked.max_running IS NULL
        UNION ALL
        (SELECT slot FROM generate_series(1, ranked.max_running) AS slot
         WHERE ranked.max_running > (SELECT count(*) FROM job WHERE job.state = 'running'
                                     AND job.project_id = ranked.project_id)
            AND NOT EXISTS (SELECT FROM job WHERE job.state = 'running' AND job.project_id = ranked.project_id
                            AND job.slot = slot.slot)
         ORDER BY random() LIMIT 1)
    ) AS free
    CROSS JOIN LATERAL (
        SELECT queued.* FROM unnest((SELECT %(pools)s::text[])) AS wanted (pool) CROSS JOIN LATERAL (
            SELECT job.id, job.project_id, job.priority FROM job
            WHERE job.state = 'queued' AND job.project_id = ranked.project_id AND {_FITS}
            ORDER BY job.priority DESC, job.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS queued
        ORDER BY queued.priority DESC, queued.id LIMIT 1
    ) AS best
    LIMIT 1
), candidate AS MATERIALIZED (
    SELECT * FROM due
    UNION ALL
    SELECT lapsed.* FROM unnest((SELECT %(pools)s::text[])) AS wanted (pool) CROSS JOIN LATERAL (
        SELECT job.id, job.project_id, job.priority, true, job.slot, NULL::double precision,
            greatest(0, extract(epoch FROM job.lease_until - job.claimed_at))::double precision FROM job
        WHERE %(takeovers)s AND job.state = 'running' AND job.lease_until < now() AND {_FITS}
        ORDER BY job.priority DESC, job.id LIMIT 1 FOR UPDATE SKIP LOCKED) AS lapsed
), best AS MATERIALIZED (
    -- A lapsed job has had its turn already; before jobs of its own project it goes by priority and age.
    SELECT * FROM candidate
    ORDER BY takeover AND project_id IS DISTINCT FROM (SELECT project_id FROM due) DESC, priority DESC, id LIMIT 1
), claimed AS (
    UPDATE job SET
        state = 'running', attempt = job.attempt + 1, worker_id = %(worker)s, slot = best.slot, claimed_at = now(),
        lease_until = now() + make_interval(secs => %(lease)s),
        started_at = coalesce(job.started_at, now()), last_seq = job.last_seq + 1
    FROM best JOIN job_input ON job_input.job_id = best.id
    WHERE job.id = best.id
    RETURNING job.id, job.attempt, job.project_id, job.kind, job.task, job.engine, job.name, job.pool, job.priority,
        job.max_attempts, job.uncounted, job.created_at, job.deadline_at,
        extract(epoch FROM job.deadline_at - now())::double precision, job.lease_until, job.last_seq,
        best.takeover, job_input.document, job.request_id, job.traceparent
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, type, data)
    SELECT id, last_seq, attempt, 'started', jsonb_build_object(
        'attempt', attempt, 'worker', %(worker_name)s::text, 'engine', engine, 'takeover', takeover)
    FROM claimed
), charged AS (
    -- What the worker before has used.
    INSERT INTO charge (project_id, seconds)
    SELECT best.project_id, best.used FROM claimed JOIN best USING (id) WHERE best.used IS NOT NULL
), unrung AS (
    DELETE FROM outbox WHERE job_id = (SELECT id FROM claimed) AND topic = 'run'
), had AS (
    -- Not for the last claim of the moment: another that holds the row writes nearly the same.
    UPDATE turn SET passed = mine.passed, served_at = clock_timestamp()
    FROM (SELECT turn.project_id, turn.pool, best.passed FROM claimed JOIN best USING (id)
            JOIN turn ON turn.project_id = claimed.project_id AND turn.pool = claimed.pool
          WHERE NOT best.takeover FOR NO KEY UPDATE OF turn SKIP LOCKED) AS mine
    WHERE turn.project_id = mine.project_id AND turn.pool = mine.pool
), first AS (
    INSERT INTO turn (project_id, pool, passed, served_at)
    SELECT claimed.project_id, claimed.pool, best.passed, clock_timestamp() FROM claimed JOIN best USING (id)
    WHERE NOT best.takeover
        AND NOT EXISTS (SELECT FROM turn WHERE turn.project_id = claimed.project_id AND turn.pool = claimed.pool)
        AND pg_try_advisory_xact_lock(hashtextextended(claimed.pool || claimed.project_id, 0))
    ON CONFLICT DO NOTHING
)
SELECT * FROM claimed
"""  # noqa: S608

_PATIENCE = 2.0
"""Seconds."""


def tidy(conn: Database) -> int:
    """Forget projects whose queues have run empty for a while; how many."""
    row = conn.execute("SELECT tidy_waiting(make_interval(secs => %s))", (_PATIENCE,), prepare=True).fetchone()
    return 0 if row is None else int(row[0])


def claim(
    conn: Database,
    *,
    pools: Sequence[str],
    engines: Sequence[str],
    worker_id: UUID,
    lease_seconds: float,
    takeovers: bool = True,
) -> Claim | None:
    """Take the best job of the project whose turn it is, or one left behind by a worker whose lease ran out.

    A project at its quota of running jobs is passed over; the quota is exact, however many claim at once.

    Args:
        pools: queues that the worker serves.
        takeovers: False leaves jobs alone whose lease ran out: after a loss of the database that is no fault of their
            workers, which need time to renew them.
        engines: what it can run, as "family:id"; "auto" and "race" jobs fit who has any engine of the family.

    Returns:
        None if nothing fits. The claim is committed on return (unless the caller opened a transaction).
    """
    parameters = {
        "pools": list(pools),
        "engines": [*engines, *{f"{name.partition(':')[0]}:" for name in engines}],
        "worker": worker_id,
        "worker_name": encode(WORKER, worker_id),
        "lease": lease_seconds,
        "takeovers": takeovers,
    }
    for tried in range(1, _TRIES + 1):
        try:
            row = conn.execute(_CLAIM, parameters, prepare=True, binary=True).fetchone()
        except psycopg.errors.UniqueViolation:
            if conn.info.transaction_status != TransactionStatus.IDLE or tried == _TRIES:
                raise
            continue
        return None if row is None else Claim(*row)
    return None
