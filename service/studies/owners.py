"""Trials of the user's own, and corrections."""

from __future__ import annotations

from uuid import UUID

from api_schemas.errors import FieldError, KantorError
from api_schemas.studies import FINISHED, EditRequest, TrialRequest
from api_schemas.study_spaces import point_fault
from service.store.connect import Database
from service.studies import changes, points
from service.studies.evaluate import judge
from service.studies.lookup import require_open, study_row, trial_row
from service.studies.rows import TRIAL, TrialRow

_EDIT = f"""
UPDATE trial SET state = %(state)s, values = %(values)s::jsonb, reason = %(reason)s, feasible = %(feasible)s
WHERE id = %(id)s RETURNING {TRIAL}
"""  # noqa: S608


def add(conn: Database, project_id: UUID, study_id: UUID, request: TrialRequest) -> TrialRow:
    """A point that the user wants evaluated next; or, with values, one that was evaluated elsewhere.

    Raises:
        KantorError: ``not-found``, ``conflict``; ``invalid-request`` if the point does not fit the space.
    """
    study = study_row(conn, project_id, study_id)
    require_open(study)
    name, fault = point_fault(study.request.space, request.params)
    if not fault:
        broken = points.unmet(study.request, request.params)
        fault = f"the point does not meet the constraint {broken}" if broken else ""
    if fault:
        pointer = f"/params/{name}" if name else "/params"
        raise KantorError("invalid-request", f"{pointer}: {fault}", errors=[FieldError(pointer=pointer, detail=fault)])
    state, values, reason, feasible = "waiting", None, "", None
    if request.values is not None:
        state, values, reason, feasible = judge(study.request, "completed", request.values, request.reason)
    made = changes.insert_trial(
        conn,
        study,
        request.params,
        origin="user",
        made={"why": "given by a user"},
        state=state,
        values=values,
        reason=reason,
        feasible=feasible,
    )
    assert made is not None, "a budget does not bound the user's own points"
    return made


def edit(
    conn: Database, project_id: UUID, study_id: UUID, number: int, request: EditRequest, *, by: str = ""
) -> TrialRow:
    """Correct a finished trial; its history keeps what was there before.

    Raises:
        KantorError: ``not-found``; ``conflict`` for a trial that is not finished, or an archived study.
    """
    study = study_row(conn, project_id, study_id)
    require_open(study)
    state, values, reason, feasible = judge(study.request, request.state, request.values, request.reason)
    with conn.transaction():
        trial = trial_row(conn, study, number, lock=True)
        if trial.state not in FINISHED:
            raise KantorError("conflict", f"Trial {number} is {trial.state}: tell its result first; only then edit it.")
        parameters = {
            "id": trial.id,
            "state": state,
            "values": None if values is None else changes.dumps(values),
            "reason": reason,
            "feasible": feasible,
        }
        done = conn.execute(_EDIT, parameters).fetchone()
        assert done is not None
        before = {"state": trial.state, "values": trial.values, "reason": trial.reason}
        changes.keep(
            conn,
            study,
            trial.id,
            "edited",
            state=state,
            result=True,
            values=values,
            reason=reason,
            before=before,
            by=by,
        )
    return TrialRow(*done)
