"""Finding studies and trials. What belongs to another project does not exist."""

from __future__ import annotations

from uuid import UUID

from api_schemas.errors import KantorError
from api_schemas.ids import STUDY as PREFIX
from api_schemas.ids import encode
from service.store.connect import Database
from service.studies.rows import STUDY, TRIAL, StudyRow, TrialRow

_STUDY = f"SELECT {STUDY} FROM study WHERE project_id = %s AND id = %s"  # noqa: S608
# Never prepared (here, and wherever trials are looked for by more than their id): a plan that was made while the tables
# were small is kept, and reads all trials of the study once they are many.
_TRIAL = f"SELECT {TRIAL} FROM trial WHERE project_id = %s AND study_id = %s AND number = %s"  # noqa: S608


def not_found(study_id: UUID) -> KantorError:
    """The error for a study that the project does not have."""
    return KantorError("not-found", f"There is no study {encode(PREFIX, study_id)} in this project.")


def study_row(conn: Database, project_id: UUID, study_id: UUID) -> StudyRow:
    """The study.

    Raises:
        KantorError: ``not-found``.
    """
    found = conn.execute(_STUDY, (project_id, study_id), prepare=True).fetchone()
    if found is None:
        raise not_found(study_id)
    return StudyRow(*found)


def trial_row(conn: Database, study: StudyRow, number: int, *, lock: bool = False) -> TrialRow:
    """The trial; with ``lock`` nobody else changes it until the transaction ends.

    Raises:
        KantorError: ``not-found``.
    """
    statement = _TRIAL + " FOR UPDATE" if lock else _TRIAL
    found = conn.execute(statement, (study.project_id, study.id, number), prepare=False).fetchone()
    if found is None:
        raise KantorError("not-found", f"The study {study.name!r} has no trial {number}; it has {study.asked}.")
    return TrialRow(*found)


def require_open(study: StudyRow) -> None:
    """Raises ``KantorError`` "conflict" for an archived study."""
    if study.state == "archived":
        raise KantorError("conflict", f"The study {study.name!r} is archived: nothing of it changes. Resume it first.")
