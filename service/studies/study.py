"""Making studies, and their states."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from uuid import UUID

import orjson

from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import STUDY as PREFIX
from api_schemas.ids import encode, new_uuid
from api_schemas.studies import StudyRequest
from api_schemas.study_ranges import impossible
from service import jobs
from service.store.connect import Database
from service.studies import changes
from service.studies.lookup import not_found
from service.studies.rows import STUDY, StudyRow

_INSERT = f"""
INSERT INTO study (id, project_id, name, definition, fingerprint, labels, seed, budget)
VALUES (%(id)s, %(project)s, %(name)s, %(definition)s::json, %(fingerprint)s, %(labels)s::jsonb, %(seed)s, %(budget)s)
ON CONFLICT (project_id, name) DO NOTHING RETURNING {STUDY}
"""  # noqa: S608
_BY_NAME = f"SELECT {STUDY}, study.fingerprint FROM study WHERE project_id = %s AND name = %s"  # noqa: S608
_STATE = f"""
UPDATE study SET state = %(state)s, updated_at = now() WHERE project_id = %(project)s AND id = %(id)s RETURNING {STUDY}
"""  # noqa: S608
_WORKING = """
SELECT id FROM job WHERE project_id = %s AND kind = 'study' AND state IN ('queued', 'running') AND labels @> %s::jsonb
"""

#: What makes two requests with one name the same study: more data would mean something else.
_IDENTITY = ("space", "input_constraints", "objectives", "constraints")


def create(conn: Database, project_id: UUID, request: StudyRequest) -> tuple[StudyRow, bool]:
    """A new study; or the one that the project has under this name, if space, objectives and constraints are the same.

    Returns:
        the study, and True if it is new.

    Raises:
        KantorError: ``conflict``: a study of this name has another definition; ``invalid-request``: no point of the
            space meets the constraints on the inputs.
    """
    nothing = impossible(request.space, request.input_constraints)
    if nothing is not None:
        where, what = nothing
        hint = "widen the ranges of the parameters, or correct the constraint"
        raise KantorError(
            "invalid-request", f"{where}: {what}", errors=[FieldError(pointer=where, detail=what, hint=hint)]
        )
    definition = request.model_dump_json(exclude={"name", "labels"}).encode()
    identity = {name: value for name, value in orjson.loads(definition).items() if name in _IDENTITY}
    parameters = {
        "id": new_uuid(),
        "project": project_id,
        "name": request.name,
        "definition": definition.decode(),
        "fingerprint": hashlib.sha256(orjson.dumps(identity)).digest(),
        "labels": orjson.dumps(request.labels).decode(),
        "seed": request.seed if request.seed is not None else secrets.randbelow(2**31),
        "budget": request.budget,
    }
    with conn.transaction():
        made = conn.execute(_INSERT, parameters).fetchone()
        if made is not None:
            row = StudyRow(*made)
            for guess in request.guesses:
                changes.insert_trial(conn, row, guess, origin="user", made={"why": "a guess of the study's owner"})
            return row, True
    found = conn.execute(_BY_NAME, (project_id, request.name)).fetchone()
    if found is None:  # deleted between the two statements
        return create(conn, project_id, request)
    row = StudyRow(*found[:-1])
    if bytes(found[-1]) != parameters["fingerprint"]:
        raise _differs(row, request)
    return row, False


def set_state(conn: Database, project_id: UUID, study_id: UUID, state: str) -> StudyRow:
    """Pause, resume or archive. A paused study hands out no trials; an archived one takes no results either.

    Raises:
        KantorError: ``not-found``.
    """
    found = conn.execute(_STATE, {"state": state, "project": project_id, "id": study_id}).fetchone()
    if found is None:
        raise not_found(study_id)
    return StudyRow(*found)


def delete(conn: Database, project_id: UUID, study_id: UUID) -> None:
    """Delete a study with all its trials; what works on it still is cancelled.

    Raises:
        KantorError: ``not-found``; ``conflict`` for one that is not archived.
    """
    found = conn.execute("SELECT state FROM study WHERE project_id = %s AND id = %s", (project_id, study_id)).fetchone()
    if found is None:
        raise not_found(study_id)
    if found[0] != "archived":
        raise KantorError("conflict", "Only archived studies can be deleted; archive it first.")
    labels = orjson.dumps({"study": encode(PREFIX, study_id)}).decode()
    for (job_id,) in conn.execute(_WORKING, (project_id, labels)).fetchall():
        with suppress(KantorError):  # gone by itself meanwhile
            jobs.cancel(conn, project_id, job_id)
    conn.execute("DELETE FROM study WHERE project_id = %s AND id = %s AND state = 'archived'", (project_id, study_id))


def _differs(row: StudyRow, request: StudyRequest) -> KantorError:
    """What of a request contradicts the study of its name."""
    before = row.request
    errors = []
    for part in _IDENTITY:
        old, new = getattr(before, part), getattr(request, part)
        if not isinstance(old, dict):
            errors += [FieldError(pointer=f"/{part}", detail="the study has others")] if old != new else []
            continue
        different = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
        for name in different:
            words = "the study has none" if name not in old else "the study has it" if name not in new else "differs"
            errors.append(FieldError(pointer=f"/{part}/{name}", detail=words))
        if not different and list(old) != list(new):
            errors.append(FieldError(pointer=f"/{part}", detail="the study has another order"))
    return KantorError(
        "conflict",
        f"There is a study {row.name!r} with another definition ({encode(PREFIX, row.id)}). Space, objectives and "
        "constraints of a study do not change: take another name, or the definition that it has.",
        errors=errors[:50],
    )
