"""Suggestions that are ready before anyone asks: made by jobs of kind "study", at most one at a time for each study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api_schemas.errors import KantorError
from api_schemas.ids import STUDY, encode
from api_schemas.jobs import JobRequest
from api_schemas.options import SolveOptions
from api_schemas.study_work import StudyWork
from service import jobs, registry
from service.jobs import Submitted
from service.settings import Settings
from service.store.connect import Database
from service.studies.rows import StudyRow

POOL = "cpu"
OWN_POOLS = {"botorch": "botorch"}
"""Engines with workers of their own: what they stand on is heavy, and is kept away from all others."""
RETENTION_SECONDS = 3600.0
"""A job of a study is of no interest once its answer is stored with the study."""
DEADLINE_SECONDS = 3600.0
"""Nobody waits so long for a suggestion or an analysis: who still wants it asks again."""

_UNDER_WAY = """
SELECT study.suggesting, job.state IN ('queued', 'running')
FROM study LEFT JOIN job ON job.id = study.suggesting WHERE study.project_id = %s AND study.id = %s
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """A job that makes suggestions.

    Attributes:
        submitted: if this call made it: ring for it.
    """

    job_id: UUID
    submitted: Submitted | None = None


def prepare(conn: Database, study: StudyRow, *, count: int = 1, settings: Settings) -> Pending | None:
    """As ``refill``, for who does not wait for it: None if no worker would do it, or the project's quotas do not allow
    it now. The next ask sees to it.
    """
    found = conn.execute(_UNDER_WAY, (study.project_id, study.id), prepare=True).fetchone()
    if found is not None and found[1]:
        return Pending(found[0])
    if unserved(conn, study.definition["engine"], settings):
        return None
    try:
        return refill(conn, study, count=count, settings=settings)
    except KantorError as error:
        if error.code != "quota-exceeded":
            raise
        return None


def unserved(conn: Database, engine: str, settings: Settings) -> str:
    """Why nobody makes suggestions; "" if somebody does."""
    own = OWN_POOLS.get(engine)
    if (own or POOL) in settings.elastic:
        return ""  # the job that is made for it brings a worker
    offered = [known.id for known in registry.engines(conn, settings) if known.family == "study"]
    if not offered:
        return "no worker is there that makes suggestions"
    if engine in offered:
        return ""
    words = f"no worker offers the engine {engine!r}; there are: {', '.join(offered)}"
    return (
        words
        if own is None
        else f"{words}. It needs pip install 'kantor-server[{engine}]' and a worker of the pool {own!r}"
    )


def refill(conn: Database, study: StudyRow, *, count: int = 1, pool: str = POOL, settings: Settings) -> Pending:
    """See that a job makes suggestions from the newest data: the one under way (it reads the data when it begins, and
    another follows if there were newer ones then), or a new one.

    Raises:
        KantorError: ``quota-exceeded``.
    """
    found = conn.execute(_UNDER_WAY, (study.project_id, study.id), prepare=True).fetchone()
    if found is not None and found[1]:
        return Pending(found[0])
    with conn.transaction():
        # Of several who saw none, one makes it.
        row = conn.execute("SELECT suggesting FROM study WHERE id = %s FOR UPDATE", (study.id,)).fetchone()
        if row is not None and row[0] is not None and (found is None or row[0] != found[0]):
            return Pending(row[0])
        return follow_up(conn, study, count=count, pool=pool, settings=settings)


def follow_up(conn: Database, study: StudyRow, *, count: int, pool: str = POOL, settings: Settings) -> Pending:
    """A new job, within a transaction that has locked the study.

    Raises:
        KantorError: ``quota-exceeded``.
    """
    submitted = submit(conn, study, {"work": "suggest", "count": count}, pool=pool, settings=settings)
    conn.execute("UPDATE study SET suggesting = %s WHERE id = %s", (submitted.job_id, study.id))
    return Pending(submitted.job_id, submitted)


def suggest_with(
    conn: Database, study: StudyRow, fixed: Mapping[str, Any], *, count: int, pool: str = POOL, settings: Settings
) -> Pending:
    """A job that makes suggestions in which some values are fixed.

    Raises:
        KantorError: ``quota-exceeded``.
    """
    work = {"work": "suggest", "count": count, "fixed": dict(fixed)}
    submitted = submit(conn, study, work, pool=pool, settings=settings)
    return Pending(submitted.job_id, submitted)


def submit(
    conn: Database, study: StudyRow, work: Mapping[str, Any], *, pool: str = POOL, settings: Settings
) -> Submitted:
    """A job that works on a study. Analyses are made by our own models, whatever engine the study has.

    Raises:
        KantorError: ``quota-exceeded``.
    """
    engine = study.definition["engine"] if work["work"] in ("suggest", "replay") else "auto"
    name = encode(STUDY, study.id)
    problem = StudyWork.model_validate({"study": name, **work})
    request = JobRequest(
        problem=problem,
        engine=engine,
        options=SolveOptions(),
        name=f"{problem.work}: {study.name}"[:255],
        labels={"study": name},
        deadline=DEADLINE_SECONDS,
        retention=RETENTION_SECONDS,
    )
    document = b'{"problem":%s,"options":{}}' % problem.model_dump_json().encode()
    return jobs.submit(conn, study.project_id, request, document, pool=OWN_POOLS.get(engine, pool), settings=settings)
