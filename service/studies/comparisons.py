"""Studies by preference: comparisons of trials, as someone told them. Each raises the watermark and is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api_schemas.errors import FieldError, KantorError
from api_schemas.studies import FINISHED
from api_schemas.study_comparisons import ComparisonRequest
from service.store.connect import Database
from service.studies import changes
from service.studies.lookup import require_open, study_row
from service.studies.rows import TRIAL, StudyRow, TrialRow

_COLUMNS = "watermark, best, others, key, by, at, retracted"
_TRIALS = f"SELECT {TRIAL} FROM trial WHERE study_id = %s AND number = ANY(%s) ORDER BY number FOR UPDATE"  # noqa: S608
_END = """
UPDATE trial SET state = 'completed', values = '{}', reason = '', feasible = true, lease_until = NULL,
    finished_at = now() WHERE id = %s
"""
_LOCK = "SELECT FROM study WHERE id = %s FOR UPDATE"
_BY_KEY = f"SELECT {_COLUMNS} FROM comparison WHERE study_id = %s AND key = %s"  # noqa: S608
_INSERT = f"""
WITH bumped AS (
    UPDATE study SET watermark = watermark + 1, told = told + 1, updated_at = now() WHERE id = %(study)s
    RETURNING watermark
)
INSERT INTO comparison (project_id, study_id, watermark, best, others, key, by)
SELECT %(project)s, %(study)s, watermark, %(best)s, %(others)s, %(key)s, %(by)s FROM bumped RETURNING {_COLUMNS}
"""  # noqa: S608
_RETRACT = """
WITH bumped AS (
    UPDATE study SET watermark = watermark + 1, told = told + 1, updated_at = now() WHERE id = %(study)s
    RETURNING watermark
)
UPDATE comparison SET retracted = bumped.watermark FROM bumped
WHERE study_id = %(study)s AND comparison.watermark = %(number)s AND retracted IS NULL
RETURNING comparison.watermark, best, others, key, by, at, retracted
"""
_ONE = f"SELECT {_COLUMNS} FROM comparison WHERE study_id = %s AND watermark = %s"  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS} FROM comparison WHERE study_id = %s AND watermark > %s ORDER BY watermark LIMIT %s
"""  # noqa: S608
_KNOWN = """
SELECT best, others FROM comparison
WHERE study_id = %s AND watermark <= %s AND (retracted IS NULL OR retracted > %s) ORDER BY watermark
"""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A comparison. The fields are those of ``api_schemas.study_comparisons.Comparison``."""

    number: int
    best: list[int]
    others: list[int]
    key: str
    by: str
    at: datetime
    retracted: int | None


def compare(
    conn: Database, project_id: UUID, study_id: UUID, request: ComparisonRequest, *, by: str = ""
) -> tuple[ComparisonRow, bool]:
    """Keep a comparison; trials of it that are under way have ended.

    Returns:
        the comparison, and True if it was told already (under the same key).

    Raises:
        KantorError: ``not-found``; ``conflict`` for an archived study, or something else under the same key;
            ``invalid-request`` for a study with objectives, unknown trials, and trials that failed.
    """
    study = study_row(conn, project_id, study_id)
    require_open(study)
    if not study.request.preference:
        raise KantorError(
            "invalid-request", f"The study {study.name!r} has objectives: tell values of its trials, not comparisons."
        )
    with conn.transaction():
        # Trials before the study, as everywhere: so nobody waits in a circle.
        numbers = [*request.best, *request.others]
        trials = [TrialRow(*row) for row in conn.execute(_TRIALS, (study_id, numbers)).fetchall()]
        conn.execute(_LOCK, (study_id,))
        told = conn.execute(_BY_KEY, (study_id, request.key)).fetchone() if request.key else None
        if told is not None:
            before = ComparisonRow(*told)
            if (before.best, before.others) == (request.best, request.others):
                return before, True
            raise KantorError("conflict", f"Another comparison was told under the key {request.key!r}: take a new one.")
        _check(study, request, {trial.number: trial for trial in trials})
        for trial in trials:
            if trial.state not in FINISHED:
                conn.execute(_END, (trial.id,), prepare=True)
                changes.keep(conn, study, trial.id, "completed", state="completed", result=False, values={})
        fields = {
            "project": project_id,
            "study": study_id,
            "best": request.best,
            "others": request.others,
            "key": request.key,
            "by": by,
        }
        made = conn.execute(_INSERT, fields, prepare=True).fetchone()
    assert made is not None
    return ComparisonRow(*made), False


def retract(conn: Database, project_id: UUID, study_id: UUID, number: int) -> ComparisonRow:
    """Take a comparison back: it is kept, but counts no more. Twice is as once.

    Raises:
        KantorError: ``not-found``; ``conflict`` for an archived study.
    """
    study = study_row(conn, project_id, study_id)
    require_open(study)
    with conn.transaction():
        found = conn.execute(_ONE + " FOR UPDATE", (study_id, number)).fetchone()
        if found is None:
            raise KantorError("not-found", f"The study {study.name!r} has no comparison {number}.")
        if found[-1] is None:
            found = conn.execute(_RETRACT, {"study": study_id, "number": number}).fetchone()
            assert found is not None
    return ComparisonRow(*found)


def list_comparisons(
    conn: Database, project_id: UUID, study_id: UUID, *, after: int = 0, limit: int = 100
) -> list[ComparisonRow]:
    """Comparisons by number, also those that were retracted.

    Raises:
        KantorError: ``not-found``.
    """
    study_row(conn, project_id, study_id)
    return [ComparisonRow(*row) for row in conn.execute(_PAGE, (study_id, after, limit)).fetchall()]


def known(conn: Database, study: StudyRow, watermark: int) -> list[dict[str, Any]]:
    """What counted at a watermark, in the solvers' plain form."""
    rows = conn.execute(_KNOWN, (study.id, watermark, watermark)).fetchall()
    return [{"best": best, "others": others} for best, others in rows]


def favourite(comparisons: Sequence[dict[str, Any]]) -> int | None:
    """The number of the trial that wins most by the model of Bradley and Terry, in which i is preferred to j with
    probability p_i / (p_i + p_j); fitted by Hunter's iteration (Annals of Statistics 32, 2004, eq. 3). Every trial also
    wins and loses once against one of p = 1: so who was compared little stays in the middle."""
    wins: dict[int, float] = {}
    met: dict[int, dict[int, int]] = {}
    for item in comparisons:
        ranked = [(a, b) for i, a in enumerate(item["best"]) for b in item["best"][i + 1 :]]
        for better, worse in ranked + [(a, b) for a in item["best"] for b in item["others"]]:
            wins[better] = wins.get(better, 0.0) + 1.0
            wins.setdefault(worse, 0.0)
            for one, other in ((better, worse), (worse, better)):
                rivals = met.setdefault(one, {})
                rivals[other] = rivals.get(other, 0) + 1
    strength = dict.fromkeys(wins, 1.0)
    for _ in range(50):
        for one, won in wins.items():
            p = strength[one]
            share = sum(count / (p + strength[other]) for other, count in met[one].items())
            strength[one] = (won + 1.0) / (share + 2.0 / (p + 1.0))
    return max(strength, key=lambda number: (strength[number], -number), default=None)


def _check(study: StudyRow, request: ComparisonRequest, trials: dict[int, TrialRow]) -> None:
    errors = []
    for part, numbers in (("best", request.best), ("others", request.others)):
        for k, number in enumerate(numbers):
            trial = trials.get(number)
            detail = ""
            if trial is None:
                detail = f"there is no trial {number}; the study has {study.asked}"
            elif trial.state in ("failed", "infeasible"):
                detail = f"trial {number} is {trial.state}: there is nothing to compare"
            if detail:
                errors.append(FieldError(pointer=f"/{part}/{k}", detail=detail))
    if errors:
        words = f"{errors[0].pointer}: {errors[0].detail}"
        raise KantorError("invalid-request", words, errors=errors[:50])
