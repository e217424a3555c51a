"""A long history in few events, so that a curve of a job with 100,000 of them can be drawn."""

from __future__ import annotations

from uuid import UUID

from service.jobs.rows import EventRow
from service.store.connect import Database

# Progress is cut into stretches of equal length; the first event of each stands for it, and the very last one.
_THINNED = """
WITH event AS (
    SELECT job_event.*, row_number() OVER kind - 1 AS nth, count(*) OVER (PARTITION BY type) - 1 AS last
    FROM job_event JOIN job ON job.id = job_event.job_id
    WHERE job.project_id = %(project)s AND job.id = %(id)s AND seq > %(after)s AND type <> 'log'
    WINDOW kind AS (PARTITION BY type ORDER BY seq)
)
SELECT job_id, seq, attempt, at, type, data FROM event
WHERE type <> 'progress' OR nth IN (0, last)
    OR (nth - 1) * (%(most)s - 1) / greatest(last, 1) < nth * (%(most)s - 1) / greatest(last, 1)
ORDER BY seq
"""


def thinned(conn: Database, project_id: UUID, job_id: UUID, after: int, most: int) -> list[EventRow]:
    """Events above ``after`` but log lines; of progress about ``most``, evenly chosen, with the first and the last."""
    parameters = {"project": project_id, "id": job_id, "after": after, "most": max(2, most)}
    rows = conn.execute(_THINNED, parameters, prepare=True).fetchall()
    return [EventRow(*row) for row in rows]


_LOG = """
SELECT seq, coalesce(data->>'text', '') FROM job_event JOIN job ON job.id = job_event.job_id
WHERE job.project_id = %s AND job.id = %s AND seq > %s AND type = 'log' ORDER BY seq LIMIT %s
"""


def log_lines(conn: Database, project_id: UUID, job_id: UUID, after: int, limit: int) -> list[tuple[int, str]]:
    """``(seq, text)`` of at most ``limit`` log events above ``after``, in order."""
    rows = conn.execute(_LOG, (project_id, job_id, after, limit), prepare=True).fetchall()
    return [(row[0], row[1]) for row in rows]
