"""What a project has used."""

from __future__ import annotations

from uuid import UUID

from api_schemas.tenants import Usage
from service.store.connect import Database
from service.tenants.limits import COLUMNS, Limits

_SUM_UP = """
WITH taken AS (
    DELETE FROM charge WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM charge ORDER BY at LIMIT %(limit)s * 50 FOR UPDATE SKIP LOCKED))
    RETURNING project_id, at, seconds
), summed AS (
    INSERT INTO spent AS old (project_id, month, jobs, solver_seconds)
    SELECT project_id, date_trunc('month', at)::date, count(*), sum(seconds) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (project_id, month) DO UPDATE SET
        jobs = old.jobs + excluded.jobs, solver_seconds = old.solver_seconds + excluded.solver_seconds
)
SELECT count(*) FROM taken
"""
_USAGE = f"""
SELECT (SELECT count(*) FROM job WHERE project_id = project.id AND state = 'running'),
    (SELECT count(*) FROM job WHERE project_id = project.id AND state = 'queued'),
    coalesce((SELECT solver_seconds FROM spent WHERE project_id = project.id
              AND month = date_trunc('month', now())::date), 0)
    + coalesce((SELECT sum(seconds) FROM charge WHERE project_id = project.id
                AND at >= date_trunc('month', now())), 0),
    coalesce((SELECT sum(size) FROM artifact WHERE project_id = project.id), 0)::bigint,
    date_trunc('month', now())::date, {COLUMNS}
FROM project WHERE id = %s
"""  # noqa: S608


def sum_up(conn: Database, limit: int) -> int:
    """Add charges to their months; how many groups of fifty, ``limit`` if there may be more."""
    row = conn.execute(_SUM_UP, {"limit": limit}).fetchone()
    return 0 if row is None else -(-int(row[0]) // 50)


def of_project(conn: Database, project_id: UUID, default_requests: int = 0) -> Usage:
    """What a project uses now and has used this month, beside its quotas."""
    row = conn.execute(_USAGE, (project_id,)).fetchone()
    assert row is not None, "the project of a key"
    running, queued, seconds, stored, month, *quotas = row
    limits = Limits(*quotas)
    return Usage(
        month=month,
        running=running,
        queued=queued,
        solver_seconds=round(seconds, 3),
        bytes=stored,
        max_running=limits.max_running,
        max_queued=limits.max_queued,
        max_solver_seconds=limits.max_solver_seconds,
        max_bytes=limits.max_bytes,
        max_requests=limits.max_requests or default_requests or None,
    )
