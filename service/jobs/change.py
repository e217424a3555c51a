"""What users change: cancel and delete."""

from __future__ import annotations

from uuid import UUID

from api_schemas.errors import KantorError
from service.jobs.read import not_found
from service.jobs.rows import COLUMNS, JobRow
from service.store.connect import Database

# One statement for all three cases, so that a job cannot change between looking and acting: the row is locked first.
_CANCEL = f"""
WITH found AS MATERIALIZED (
    SELECT id, state, cancel_requested_at FROM job WHERE project_id = %(project)s AND id = %(id)s FOR UPDATE
), job AS (
    UPDATE job SET
        cancel_requested_at = now(), last_seq = job.last_seq + 1,
        state = CASE found.state WHEN 'queued' THEN 'cancelled' ELSE found.state END,
        finished_at = CASE found.state WHEN 'queued' THEN now() END,
        expires_at = CASE found.state WHEN 'queued' THEN now() + job.retention END
    FROM found
    WHERE job.id = found.id
        AND (found.state = 'queued' OR (found.state = 'running' AND found.cancel_requested_at IS NULL))
    RETURNING job.*
), told AS (
    INSERT INTO job_event (job_id, seq, attempt, type, data)
    SELECT id, last_seq, attempt,
        CASE state WHEN 'cancelled' THEN 'finished' ELSE 'cancel-requested' END,
        CASE state WHEN 'cancelled' THEN jsonb_build_object('state', state) ELSE '{{}}' END
    FROM job
), unrung AS (
    DELETE FROM outbox WHERE job_id = (SELECT id FROM job WHERE state = 'cancelled')
)
SELECT {COLUMNS} FROM job
"""  # noqa: S608

_DELETE = """
WITH found AS MATERIALIZED (
    SELECT id, finished_at FROM job WHERE project_id = %(project)s AND id = %(id)s FOR UPDATE
), orphaned AS (
    UPDATE artifact SET expires_at = now()
    WHERE origin = 'answer' AND job_id = (SELECT id FROM found WHERE finished_at IS NOT NULL)
), gone AS (
    DELETE FROM job WHERE id = (SELECT id FROM found WHERE finished_at IS NOT NULL)
)
SELECT finished_at IS NOT NULL FROM found
"""


def cancel(conn: Database, project_id: UUID, job_id: UUID) -> JobRow:
    """Cancel: a queued job ends at once; a running one is asked to stop (its worker learns it by ``extend``) and keeps
    its best answer; a finished one stays as it is. Cancelling twice is the same as once.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(_CANCEL, {"project": project_id, "id": job_id}).fetchone()
    if row is None:
        row = conn.execute(_GET, (project_id, job_id)).fetchone()
    if row is None:
        raise not_found(job_id)
    return JobRow(*row)


def delete(conn: Database, project_id: UUID, job_id: UUID) -> None:
    """Delete a finished job with everything that belongs to it. Its artifacts go with the next round of the retention.

    Raises:
        KantorError: ``not-found``; ``conflict`` for a job that isn't finished.
    """
    row = conn.execute(_DELETE, {"project": project_id, "id": job_id}).fetchone()
    if row is None:
        raise not_found(job_id)
    if not row[0]:
        raise KantorError("conflict", "Only finished jobs can be deleted; cancel it first.")


_GET = f"SELECT {COLUMNS} FROM job WHERE project_id = %s AND id = %s"  # noqa: S608
