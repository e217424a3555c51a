"""Analyses of a study: made by a job on a worker, kept until the study's data change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from api_schemas.errors import KantorError, Problem
from service import jobs
from service.jobs import Submitted
from service.settings import Settings
from service.store.connect import Database
from service.studies import pool
from service.studies.lookup import study_row
from service.studies.rows import StudyRow

_KEPT = """
SELECT analysis.watermark, analysis.document, analysis.job_id, job.state
FROM study_analysis AS analysis LEFT JOIN job ON job.id = analysis.job_id
WHERE analysis.project_id = %s AND analysis.study_id = %s AND analysis.question = %s
"""
_ASKED = """
INSERT INTO study_analysis (project_id, study_id, question, watermark, job_id) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (study_id, question) DO UPDATE SET watermark = excluded.watermark, job_id = excluded.job_id,
    document = NULL, created_at = now()
"""
_UNDER_WAY = """
SELECT count(*) FROM (SELECT FROM study_analysis AS analysis JOIN job ON job.id = analysis.job_id
    WHERE analysis.study_id = %s AND job.state IN ('queued', 'running') LIMIT %s) AS under_way
"""
MOST_AT_ONCE = 32
_MOST_KEPT = 100
FEWEST = 5
"""Trials with values (or that were compared) below which nothing is said: of so few a model says anything."""
_WITHOUT_MODEL = frozenset({"progress", "replay"})
_VALUED = """
SELECT count(*) FROM (SELECT FROM trial WHERE study_id = %s AND state IN ('completed', 'stopped', 'infeasible')
    AND (values IS NOT NULL OR state = 'stopped') LIMIT %s) AS valued
"""
_COMPARED = """
SELECT count(DISTINCT number) FROM comparison, unnest(best || others) AS number
WHERE study_id = %s AND retracted IS NULL
"""


@dataclass(frozen=True, slots=True)
class Found:
    """An analysis, or the job that makes it."""

    job_id: UUID
    document: bytes | None = None
    submitted: Submitted | None = None


def look(conn: Database, project_id: UUID, study_id: UUID, work: Mapping[str, Any], settings: Settings) -> Found:
    """What a study's data say by now, if it is known; else a job that finds it out (one for all who ask the same).

    Args:
        work: fields of ``api_schemas.study_work.StudyWork``.

    Raises:
        KantorError: ``not-found``; ``invalid-request`` for names that the study does not have; ``not-finished`` while
            it has too few trials; ``unsupported-problem`` for what such a study cannot be asked; ``quota-exceeded``
            if the project may have no further job now, or the study has too many at once; what the job failed with, if
            the data are still the same.
    """
    study = study_row(conn, project_id, study_id)
    _check(study, work)
    _ripe(conn, study, work)
    question = str(work["work"])
    if len(work) > 1:
        digest = hashlib.sha256(orjson.dumps(dict(work), option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
        question = f"{question} {digest}"
    kept = conn.execute(_KEPT, (project_id, study_id, question)).fetchone()
    if kept is not None:
        watermark, document, job_id, state = kept
        if document is not None and (watermark >= study.watermark or work["work"] == "replay"):
            return Found(job_id, bytes(document))
        if state in ("queued", "running"):
            return Found(job_id)
        if state is not None and (watermark >= study.watermark or work["work"] == "replay"):
            row = jobs.get(conn, project_id, job_id)
            if row.error is not None:
                problem = Problem.model_validate(row.error)
                raise KantorError(problem.code, problem.detail, errors=problem.errors)
    _few_enough(conn, study)
    with conn.transaction():
        submitted = pool.submit(conn, study, work, settings=settings)
        conn.execute(_ASKED, (project_id, study_id, question, study.watermark, submitted.job_id))
        conn.execute(
            "DELETE FROM study_analysis WHERE study_id = %s AND question IN (SELECT question FROM study_analysis"
            " WHERE study_id = %s ORDER BY created_at DESC OFFSET %s)",
            (study_id, study_id, _MOST_KEPT),
        )
    return Found(submitted.job_id, None, submitted)


def _few_enough(conn: Database, study: StudyRow) -> None:
    """Whoever may read may ask, and a question is a job: so few of a study at once fill nobody's queue."""
    row = conn.execute(_UNDER_WAY, (study.id, MOST_AT_ONCE)).fetchone()
    if row is not None and row[0] >= MOST_AT_ONCE:
        raise KantorError(
            "quota-exceeded",
            f"{MOST_AT_ONCE} analyses of this study are still being made; ask again when some are ready.",
            headers={"Retry-After": "5"},
        )


def _check(study: StudyRow, work: Mapping[str, Any]) -> None:
    """Names are looked at before a worker is troubled."""
    space, objectives = study.request.space, study.request.objectives
    parameters = work.get("parameters") or []
    fault = ""
    for name in parameters:
        if name not in space:
            fault = f"no parameter is called {name!r}; there are: {', '.join(list(space)[:30])}"
    if len(set(parameters)) < len(parameters):
        fault = "the parameters must be different"
    if work.get("objective") is not None and work["objective"] not in objectives:
        fault = f"no objective is called {work['objective']!r}; there are: {', '.join(objectives) or 'none'}"
    if work["work"] == "utilities" and not study.request.preference:
        fault = "only a study by preference has utilities; this one has objectives"
    if fault:
        raise KantorError("invalid-request", fault[0].upper() + fault[1:] + ".")
    if work["work"] == "stopping" and len(objectives) != 1:
        raise KantorError("unsupported-problem", "Whether to stop is judged for studies with one objective.")
    if work["work"] == "progress" and not objectives:
        raise KantorError("unsupported-problem", "A study by preference has no values that could come along.")


def _ripe(conn: Database, study: StudyRow, work: Mapping[str, Any]) -> None:
    """What is asked too early is refused here: a job that can only fail would stand among failures."""
    if work["work"] in _WITHOUT_MODEL:
        return
    if study.request.preference:
        row, what = conn.execute(_COMPARED, (study.id,)).fetchone(), "were compared"
    else:
        row, what = conn.execute(_VALUED, (study.id, FEWEST)).fetchone(), "have values"
    count = 0 if row is None else int(row[0])
    if count < FEWEST:
        left = FEWEST - count
        raise KantorError(
            "not-finished",
            f"{count} trials {what}; an analysis needs {FEWEST}. Ask again after {left} more.",
        )
