"""What changes in a project, job by job: for streams that follow all of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from service.jobs.rows import COLUMNS, JobRow
from service.store.connect import Database

MOST = 200
"""Jobs of each state that one look returns."""

# Each branch reads a stretch of an index: running, queued, seen as unfinished before, created since. A job that came
# and went between two looks is found by its id, which begins with the time of its creation.
_CHANGED = f"""
WITH known AS (SELECT * FROM unnest(%(ids)s::uuid[], %(seqs)s::integer[]) AS known(id, seq))
SELECT {COLUMNS} FROM job LEFT JOIN known USING (id)
WHERE project_id = %(project)s AND known.seq IS DISTINCT FROM job.last_seq AND job.id IN (
    (SELECT id FROM job WHERE project_id = %(project)s AND state = 'running' ORDER BY id DESC LIMIT %(most)s)
    UNION (SELECT id FROM job WHERE project_id = %(project)s AND state = 'queued' ORDER BY id DESC LIMIT %(most)s)
    UNION (SELECT id FROM job WHERE project_id = %(project)s AND id >= %(since)s ORDER BY id DESC LIMIT %(most)s)
    UNION (SELECT id FROM known)
)
ORDER BY job.id
"""  # noqa: S608


def changed(conn: Database, project_id: UUID, known: Mapping[UUID, int], since: datetime) -> list[JobRow]:
    """Jobs whose newest event is another than the known one: of those queued or running (the newest ``MOST`` of each),
    those in ``known``, and those created since a time; by age.

    Args:
        known: the newest ``seq`` that the reader has of each job.
    """
    milliseconds = max(0, min(round(since.timestamp() * 1000), (1 << 48) - 1))
    parameters = {
        "project": project_id,
        "ids": list(known),
        "seqs": list(known.values()),
        "since": UUID(int=milliseconds << 80),
        "most": MOST,
    }
    return [JobRow(*row) for row in conn.execute(_CHANGED, parameters).fetchall()]
