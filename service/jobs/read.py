"""Reading one job. Another project's job does not exist: ``not-found``."""

from __future__ import annotations

from uuid import UUID

from api_schemas.errors import KantorError
from api_schemas.ids import JOB, encode
from service.jobs.rows import COLUMNS, EventRow, JobRow
from service.store.connect import Database

_GET = f"SELECT {COLUMNS} FROM job WHERE project_id = %s AND id = %s"  # noqa: S608
_ANSWER = """
SELECT job_answer.document FROM job LEFT JOIN job_answer ON job_answer.job_id = job.id
WHERE project_id = %s AND id = %s"""
_INPUT = """
SELECT job_input.document FROM job JOIN job_input ON job_input.job_id = job.id WHERE project_id = %s AND id = %s"""
_GET_WITH_ANSWER = f"""
SELECT {COLUMNS}, job_answer.document FROM job LEFT JOIN job_answer ON job_answer.job_id = job.id
WHERE project_id = %s AND id = %s"""  # noqa: S608
# The left join tells "no events after this" (one row of NULLs) from "no such job" (no row).
_EVENTS = """
SELECT job.id, event.seq, event.attempt, event.at, event.type, event.data
FROM job LEFT JOIN LATERAL (
    SELECT * FROM job_event WHERE job_id = job.id AND seq > %s ORDER BY seq LIMIT %s
) AS event ON true
WHERE project_id = %s AND id = %s ORDER BY event.seq"""


def not_found(job_id: UUID) -> KantorError:
    """The error for a job that the project does not have."""
    return KantorError("not-found", f"There is no job {encode(JOB, job_id)} in this project.")


def get(conn: Database, project_id: UUID, job_id: UUID) -> JobRow:
    """The job.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(_GET, (project_id, job_id), prepare=True).fetchone()
    if row is None:
        raise not_found(job_id)
    return JobRow(*row)


def get_with_answer(conn: Database, project_id: UUID, job_id: UUID) -> tuple[JobRow, bytes | None]:
    """The job and its answer's JSON (None: it has none), as of one moment.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(_GET_WITH_ANSWER, (project_id, job_id), prepare=True, binary=True).fetchone()
    if row is None:
        raise not_found(job_id)
    return JobRow(*row[:-1]), row[-1]


def answer(conn: Database, project_id: UUID, job_id: UUID) -> bytes | None:
    """JSON of the answer; None if there is none (yet).

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(_ANSWER, (project_id, job_id), prepare=True, binary=True).fetchone()
    if row is None:
        raise not_found(job_id)
    document: bytes | None = row[0]
    return document


def input_document(conn: Database, project_id: UUID, job_id: UUID) -> bytes:
    """JSON ``{"problem": …, "options": …}`` as it was submitted.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(_INPUT, (project_id, job_id), prepare=True, binary=True).fetchone()
    if row is None:
        raise not_found(job_id)
    document: bytes = row[0]
    return document


def events(conn: Database, project_id: UUID, job_id: UUID, after: int = 0, limit: int = 1000) -> list[EventRow]:
    """At most ``limit`` events with a ``seq`` above ``after``, in order.

    Raises:
        KantorError: ``not-found``.
    """
    rows = conn.execute(_EVENTS, (after, limit, project_id, job_id), prepare=True).fetchall()
    if not rows:
        raise not_found(job_id)
    return [EventRow(*row) for row in rows if row[1] is not None]
