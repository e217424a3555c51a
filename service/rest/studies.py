"""Studies: create, look, pause, ask; their best trials."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas import ids
from api_schemas.errors import KantorError
from api_schemas.ids import encode
from api_schemas.studies import AskReply, AskRequest, Front, Study, StudyPage, StudyRequest, StudyState, Trial
from service import studies
from service.keys import Principal
from service.rest import bodies, parsing, study_asks, study_changes, study_views, views
from service.rest import state as states
from service.rest.access import Reader, StudyId, Writer, actor
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, header, ok
from service.rest.paging import ExactName, PageSize, PageToken, page
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.study_examples import ASK_REQUESTS, STUDY_REQUESTS
from service.tenants import audit

router = APIRouter(prefix="/v1/studies", tags=["studies"], route_class=Route)

BODY = ("malformed-json", "invalid-request", "too-large", "unsupported-media-type")
BODY_LIMIT = 1 << 20


@router.post(
    "",
    operation_id="studies_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The new study.", Study, Location=header("Address of the study.")),
        200: ok("The study that the project has under this name, with the same definition.", Study),
        **documented(*ALWAYS, *BODY, "invalid-problem", "unknown-engine", "invalid-option", "conflict"),
    },
    openapi_extra=body("StudyRequest", STUDY_REQUESTS),
)
async def create(request: Request, principal: Writer) -> Response:
    """Create a study, or load the one of this name.

    Space, objectives and constraints of a study never change; a study that exists keeps its other settings too.
    """
    state = states.of(request)
    wanted = parsing.parse(StudyRequest, await bodies.read_json(request, BODY_LIMIT))
    details, new = await study_changes.create(state, principal.project_id, wanted)
    address = {"Location": f"/v1/studies/{encode(ids.STUDY, details.study.id)}"}
    return views.json_response(study_views.dumps(study_views.study(details)), 201 if new else 200, address)


@router.get(
    "",
    operation_id="studies_list",
    response_model=None,
    responses={
        200: ok("A page of studies, newest first.", StudyPage),
        **documented(*ALWAYS, "invalid-request", "invalid-page-token"),
    },
)
async def list_studies(
    request: Request,
    principal: Reader,
    name: ExactName = None,
    state: Annotated[StudyState | None, Query(description="In this state.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = "",
) -> Response:
    """List studies, newest first."""
    return await page(
        states.of(request),
        principal,
        studies.list_page,
        "studies",
        study_views.study,
        page_size=page_size,
        page_token=page_token,
        name=name,
        state=state,
    )


@router.get(
    "/{study_id}",
    operation_id="studies_get",
    response_model=None,
    responses={200: ok("The study.", Study), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def get(request: Request, principal: Reader, study_id: StudyId) -> Response:
    """One study, with its trials by state."""
    details = await states.of(request).database(studies.get, principal.project_id, study_id)
    return views.json_response(study_views.dumps(study_views.study(details)))


@router.delete(
    "/{study_id}",
    operation_id="studies_delete",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Deleted."}, **documented(*ALWAYS, "not-found", "conflict", "invalid-request")},
)
async def delete(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Delete an archived study with all its trials."""
    await states.of(request).database(
        audit.done,
        actor(request, principal),
        "studies_delete",
        encode(ids.STUDY, study_id),
        studies.delete,
        principal.project_id,
        study_id,
    )
    return Response(status_code=204)


@router.post(
    "/{study_id}/ask",
    operation_id="studies_ask",
    response_model=None,
    responses={
        200: ok("Trials; fewer than asked for, or none, only if there will be no more.", AskReply),
        **documented(*ALWAYS, *BODY, "not-found", "conflict"),
    },
    openapi_extra=body("AskRequest", ASK_REQUESTS),
)
async def ask(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Trials to evaluate, leased to the evaluator.

    Who asks again with the same `client_id` gets the trials that it still holds. If no suggestion that knows the newest
    results is ready, one is waited for, at most `wait` seconds; then an older one or a quasi-random point is taken.
    """
    wanted = parsing.parse(AskRequest, await bodies.read_json(request, BODY_LIMIT))
    asked = await study_asks.ask(states.of(request), principal.project_id, study_id, wanted)
    reply = {
        "trials": [study_views.trial(row) for row in asked.trials],
        "done": asked.done and not asked.trials,
        "reason": asked.reason,
    }
    return views.json_response(study_views.dumps(reply))


@router.get(
    "/{study_id}/best",
    operation_id="studies_best",
    response_model=None,
    responses={
        200: ok("The best trial.", Trial),
        **documented(*ALWAYS, "not-found", "not-finished", "invalid-request"),
    },
)
async def best(request: Request, principal: Reader, study_id: StudyId) -> Response:
    """The best feasible trial by the first objective."""
    row = await states.of(request).database(studies.best, principal.project_id, study_id)
    if row is None:
        raise KantorError("not-finished", "No trial of this study has feasible values yet.")
    return views.json_response(study_views.dumps(study_views.trial(row)))


@router.get(
    "/{study_id}/pareto",
    operation_id="studies_pareto",
    response_model=None,
    responses={200: ok("The front.", Front), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def pareto(request: Request, principal: Reader, study_id: StudyId) -> Response:
    """The feasible trials that no other one beats in all objectives."""
    rows, volume, reference = await states.of(request).database(studies.pareto, principal.project_id, study_id)
    front = {"trials": [study_views.trial(row) for row in rows], "hypervolume": volume, "reference": reference}
    return views.json_response(study_views.dumps(front))


async def _change(request: Request, principal: Principal, study_id: UUID, state: str) -> Response:
    details = await study_changes.set_state(states.of(request), principal.project_id, study_id, state)
    return views.json_response(study_views.dumps(study_views.study(details)))


_CHANGED: dict[int | str, dict[str, Any]] = {
    200: ok("The study.", Study),
    **documented(*ALWAYS, "not-found", "invalid-request"),
}


@router.post("/{study_id}/pause", operation_id="studies_pause", response_model=None, responses=_CHANGED)
async def pause(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Hand out no more trials; results are still taken."""
    return await _change(request, principal, study_id, "paused")


@router.post("/{study_id}/resume", operation_id="studies_resume", response_model=None, responses=_CHANGED)
async def resume(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Go on after a pause, or take out of the archive."""
    return await _change(request, principal, study_id, "active")


@router.post("/{study_id}/archive", operation_id="studies_archive", response_model=None, responses=_CHANGED)
async def archive(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Take nothing any more; evaluators are told to stop."""
    return await _change(request, principal, study_id, "archived")
