"""Reading studies: pages, trials, the best, the Pareto front, history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.rules import pages
from service.settings import Settings
from service.store.connect import Database
from service.studies import fronts, points
from service.studies.comparisons import favourite, known
from service.studies.lookup import study_row, trial_row
from service.studies.rows import STUDY, TRIAL, StudyRow, TrialRow

_COUNTS = """
SELECT state, count(*) FROM trial WHERE study_id = %s GROUP BY state
UNION ALL SELECT 'prepared', count(*) FROM suggestion WHERE study_id = %s
"""
_LIST = f"""
SELECT {STUDY} FROM study WHERE project_id = %(project)s AND (%(name)s::text IS NULL OR name = %(name)s)
    AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608
_TRIALS = f"""
SELECT {TRIAL} FROM trial WHERE project_id = %(project)s AND study_id = %(study)s AND number > %(after)s
    AND (cardinality(%(states)s::text[]) = 0 OR state = ANY(%(states)s)) ORDER BY number LIMIT %(limit)s
"""  # noqa: S608
_BEST = """
SELECT {columns} FROM trial WHERE project_id = %s AND study_id = %s AND state IN ('completed', 'stopped') AND feasible
    AND params @> %s::jsonb AND values->>%s IS NOT NULL
ORDER BY (values->>%s)::double precision {order}, number LIMIT 1
"""
_VALUES = """
SELECT number, values FROM trial
WHERE project_id = %s AND study_id = %s AND state IN ('completed', 'stopped') AND feasible
    AND params @> %s::jsonb
"""
_CHANGES = """
SELECT watermark, at, type, values, reason, before, by FROM trial_change WHERE trial_id = %s ORDER BY watermark
"""
_REPORTS = """
SELECT step, values, at FROM trial_report WHERE trial_id = %s AND attempt = %s ORDER BY step LIMIT 100000
"""


@dataclass(frozen=True)
class Details:
    """A study with its counts: trials by state, and "prepared"; what is to be said aloud when it was just made."""

    study: StudyRow
    counts: dict[str, int]
    warnings: tuple[str, ...] = ()


def get(conn: Database, project_id: UUID, study_id: UUID) -> Details:
    """The study.

    Raises:
        KantorError: ``not-found``.
    """
    study = study_row(conn, project_id, study_id)
    return Details(study, dict(conn.execute(_COUNTS, (study_id, study_id), prepare=False).fetchall()))


def get_by_name(conn: Database, project_id: UUID, name: str) -> Details | None:
    """The study of that name, if there is one."""
    found = conn.execute(
        _LIST, {"project": project_id, "name": name, "state": None, "before": None, "limit": 1}
    ).fetchone()
    return None if found is None else get(conn, project_id, StudyRow(*found).id)


def list_page(
    conn: Database,
    project_id: UUID,
    *,
    name: str | None,
    state: str | None,
    page_size: int,
    page_token: str,
    settings: Settings,
) -> tuple[list[Details], str]:
    """A page of studies, newest first, and the token of the next ("": there is none).

    Raises:
        KantorError: ``invalid-page-token``.
    """
    filters = ["studies", project_id.hex, name, state]
    before = pages.read(page_token, filters, settings.pepper) if page_token else None
    rows = conn.execute(
        _LIST, {"project": project_id, "name": name, "state": state, "before": before, "limit": page_size + 1}
    ).fetchall()
    found = [get(conn, project_id, StudyRow(*row).id) for row in rows[:page_size]]
    token = pages.sign(found[-1].study.id, filters, settings.pepper) if len(rows) > page_size else ""
    return found, token


def trial(conn: Database, project_id: UUID, study_id: UUID, number: int) -> TrialRow:
    """One trial.

    Raises:
        KantorError: ``not-found``.
    """
    return trial_row(conn, study_row(conn, project_id, study_id), number)


def trials(
    conn: Database, project_id: UUID, study_id: UUID, *, states: Sequence[str] = (), after: int = 0, limit: int = 100
) -> list[TrialRow]:
    """Trials by number.

    Raises:
        KantorError: ``not-found``.
    """
    study_row(conn, project_id, study_id)
    parameters = {"project": project_id, "study": study_id, "states": list(states), "after": after, "limit": limit}
    return [TrialRow(*row) for row in conn.execute(_TRIALS, parameters, prepare=False).fetchall()]


def best(conn: Database, project_id: UUID, study_id: UUID) -> TrialRow | None:
    """The best feasible trial by the first objective, at the highest fidelity; of a study by preference the one that
    wins most comparisons. None if there is none yet.

    Raises:
        KantorError: ``not-found``.
    """
    study = study_row(conn, project_id, study_id)
    if study.request.preference:
        number = favourite(known(conn, study, study.watermark))
        return None if number is None else trial_row(conn, study, number)
    name, goal = next(iter(study.request.objectives.items()))
    statement = _BEST.format(columns=TRIAL, order="ASC" if goal == "min" else "DESC")
    full = _full(study)
    found = conn.execute(statement, (project_id, study_id, full, name, name)).fetchone()
    return None if found is None else TrialRow(*found)


def pareto(conn: Database, project_id: UUID, study_id: UUID) -> tuple[list[TrialRow], float | None, dict[str, float]]:
    """Feasible trials, at the highest fidelity, that no other beats in all objectives; the hypervolume from the
    reference on (of two objectives); the reference: the worst value of each objective.

    Raises:
        KantorError: ``not-found``.
    """
    study = study_row(conn, project_id, study_id)
    goals = study.request.objectives
    rows = conn.execute(_VALUES, (project_id, study_id, _full(study))).fetchall() if goals else []
    signs = [1.0 if goal == "min" else -1.0 for goal in goals.values()]
    named = [
        (number, tuple(sign * float(values[name]) for sign, name in zip(signs, goals, strict=True)))
        for number, values in rows
        if all(isinstance(values.get(name), int | float) for name in goals)
    ]
    if not named:
        return [], None, {}
    front = fronts.front(named)
    worst = tuple(max(point[k] for _, point in named) for k in range(len(signs)))
    volume = fronts.area([point for _, point in front], worst) if len(signs) == 2 else None
    reference = {name: sign * value for sign, name, value in zip(signs, goals, worst, strict=True)}
    numbers = sorted(number for number, _ in front)
    found = conn.execute(
        f"SELECT {TRIAL} FROM trial WHERE study_id = %s AND number = ANY(%s) ORDER BY number",  # noqa: S608
        (study_id, numbers),
    ).fetchall()
    return [TrialRow(*row) for row in found], volume, reference


def _full(study: StudyRow) -> str:
    """What a trial's parameters must contain for its values to count: the highest fidelities."""
    return points.canonical({name: p.top for name, p in study.request.space.items() if p.type == "fidelity"})


Change = tuple[int, datetime, str, Any, str, Any, str]
ReportRow = tuple[int, Any, datetime]


def history(conn: Database, project_id: UUID, study_id: UUID, number: int) -> tuple[list[Change], list[ReportRow]]:
    """Everything that happened to a trial (watermark, at, type, values, reason, before, by), and the reports of its
    newest attempt (step, values, at).

    Raises:
        KantorError: ``not-found``.
    """
    row = trial_row(conn, study_row(conn, project_id, study_id), number)
    made: list[Any] = conn.execute(_CHANGES, (row.id,)).fetchall()
    reports: list[Any] = conn.execute(_REPORTS, (row.id, row.attempt)).fetchall()
    return made, reports
