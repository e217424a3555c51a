"""Evaluations that were made elsewhere."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.study_imports import ImportReply, ImportRequest
from service.rest import bodies, parsing, study_changes, study_views, views
from service.rest import state as states
from service.rest.access import StudyId, Writer
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.studies import BODY
from service.rest.study_examples import IMPORT_REQUESTS
from service.settings import Settings
from service.store.connect import Database
from service.studies import imports
from service.studies.pool import Pending

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["studies"], route_class=Route)

LIMIT = 8 << 20
"""Bytes of a request."""


@router.post(
    "/import",
    operation_id="studies_import",
    response_model=None,
    responses={200: ok("How many were new.", ImportReply), **documented(*ALWAYS, *BODY, "not-found", "conflict")},
    openapi_extra=body("ImportRequest", IMPORT_REQUESTS),
)
async def bring_in(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Bring in evaluations that were made elsewhere: engines learn from them at once.

    All are stored, or (if one does not fit) none. Those with a `key` that the study has are left out: it may be sent
    again without harm.
    """
    state = states.of(request)
    wanted = parsing.parse(ImportRequest, await bodies.read_json(request, LIMIT))
    new, known = await store(state, principal.project_id, study_id, wanted)
    return views.json_response(study_views.dumps({"imported": new, "known": known}))


async def store(state: states.State, project_id: UUID, study_id: UUID, wanted: ImportRequest) -> tuple[int, int]:
    """How many were new, and how many the study had; new suggestions are on their way."""
    new, known, pending = await state.database(_bring_in, project_id, study_id, wanted, state.settings)
    study_changes.ring(state, pending)
    return new, known


def _bring_in(
    conn: Database, project_id: UUID, study_id: UUID, wanted: ImportRequest, settings: Settings
) -> tuple[int, int, Pending | None]:
    new, known = imports.bring_in(conn, project_id, study_id, wanted)
    return new, known, study_changes.refill(conn, project_id, study_id, settings) if new else None
