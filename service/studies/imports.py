"""Evaluations that were made elsewhere, many at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from api_schemas.errors import FieldError, KantorError
from api_schemas.studies import StudyRequest
from api_schemas.study_imports import ImportedTrial, ImportRequest
from api_schemas.study_spaces import point_fault
from service.store.connect import Database
from service.studies import changes
from service.studies.evaluate import judge
from service.studies.lookup import require_open, study_row

_LOCK = "SELECT FROM study WHERE id = %s FOR UPDATE"
_KEYS = """
SELECT made->>'key' FROM trial WHERE study_id = %s AND origin = 'user' AND made->>'key' = ANY(%s)
"""
_STORE = """
WITH item AS MATERIALIZED (
    SELECT n, value, value->>'state' AS state
    FROM jsonb_array_elements(%(items)s::jsonb) WITH ORDINALITY AS given (value, n)
), bumped AS (
    UPDATE study SET asked = asked + %(count)s, watermark = watermark + %(count)s, told = told + %(count)s,
        updated_at = now() WHERE id = %(study)s
    RETURNING asked - %(count)s AS asked, watermark - %(count)s AS watermark
), made AS (
    INSERT INTO trial (project_id, study_id, number, state, params, values, reason, feasible, lease, origin, made,
        finished_at)
    SELECT %(project)s, %(study)s, bumped.asked + item.n, item.state, item.value->'params',
        nullif(item.value->'values', 'null'), item.value->>'reason', (item.value->>'feasible')::boolean,
        make_interval(secs => %(lease)s), 'user', item.value->'made', now()
    FROM bumped, item RETURNING id, number, state, values, reason
)
INSERT INTO trial_change (project_id, study_id, watermark, trial_id, type, state, values, reason)
SELECT %(project)s, %(study)s, bumped.watermark + made.number - bumped.asked, made.id, made.state, made.state,
    made.values, made.reason FROM made, bumped
"""


def bring_in(conn: Database, project_id: UUID, study_id: UUID, request: ImportRequest) -> tuple[int, int]:
    """Store evaluations that were made elsewhere. Returns how many were new, and how many had a known key.

    Raises:
        KantorError: ``not-found``, ``conflict``; ``invalid-request`` if one does not fit: then none is stored.
    """
    study = study_row(conn, project_id, study_id)
    require_open(study)
    items = {item.key or f"/{place}": _item(study.request, place, item) for place, item in enumerate(request.trials)}
    keys = [item.key for item in request.trials if item.key]
    with conn.transaction():
        conn.execute(_LOCK, (study.id,))
        for (key,) in conn.execute(_KEYS, (study.id, keys)).fetchall() if keys else ():
            items.pop(key, None)
        if items:
            fields = {
                "project": project_id,
                "study": study.id,
                "count": len(items),
                "lease": study.definition["lease_seconds"],
                "items": changes.dumps(list(items.values())),
            }
            conn.execute(_STORE, fields)
    return len(items), len(request.trials) - len(items)


def _item(study: StudyRequest, place: int, item: ImportedTrial) -> dict[str, Any]:
    name, fault = point_fault(study.space, item.params)
    if fault:
        pointer = f"/trials/{place}/params/{name}" if name else f"/trials/{place}/params"
        raise KantorError("invalid-request", f"{pointer}: {fault}", errors=[FieldError(pointer=pointer, detail=fault)])
    try:
        state, values, reason, feasible = judge(study, item.state, item.values, item.reason)
    except KantorError as error:
        errors = [each.model_copy(update={"pointer": f"/trials/{place}{each.pointer}"}) for each in error.errors]
        raise KantorError(error.code, f"/trials/{place}: {error.detail}", errors=errors) from None
    made = {"why": "evaluated elsewhere"} | ({"key": item.key} if item.key else {})
    return {
        "params": item.params,
        "state": state,
        "values": values,
        "reason": reason,
        "feasible": feasible,
        "made": made,
    }
