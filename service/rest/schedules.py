"""Schedules: create, look, refine, promote."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas import ids
from api_schemas.ids import encode
from api_schemas.schedules import (
    PromoteRequest,
    RefineRequest,
    Schedule,
    SchedulePage,
    ScheduleRequest,
    ScheduleVersion,
    VersionList,
)
from service import schedules
from service.keys import Principal
from service.rest import bodies, headers, parsing, schedule_changes, views
from service.rest import state as states
from service.rest.access import Reader, ScheduleId, Writer, actor
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, header, ok
from service.rest.paging import ExactName, PageSize, PageToken, page
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.schedule_examples import PROMOTE_REQUESTS, REFINE_REQUESTS, SCHEDULE_REQUESTS
from service.rest.schedule_views import dumps, schedule, version
from service.rest.studies import BODY, BODY_LIMIT
from service.tenants import audit

router = APIRouter(prefix="/v1/schedules", tags=["schedules"], route_class=Route)

Wait = Annotated[float, Query(ge=0, description="Seconds to wait for it; at most 60 count.")]


@router.post(
    "",
    operation_id="schedules_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The new schedule.", Schedule, Location=header("Address of the schedule.")),
        200: ok("The schedule that the project has under this name, with the same definition.", Schedule),
        **documented(*ALWAYS, *BODY, "conflict"),
    },
    openapi_extra=body("ScheduleRequest", SCHEDULE_REQUESTS),
)
async def create(request: Request, principal: Writer) -> Response:
    """Create a schedule with its first version, or load the one of this name."""
    wanted = parsing.parse(ScheduleRequest, await bodies.read_json(request, BODY_LIMIT))
    row, new = await states.of(request).database(schedules.create, principal.project_id, wanted)
    address = {"Location": f"/v1/schedules/{encode(ids.SCHEDULE, row.id)}"}
    return views.json_response(dumps(schedule(row)), 201 if new else 200, address)


@router.get(
    "",
    operation_id="schedules_list",
    response_model=None,
    responses={
        200: ok("A page of schedules, newest first.", SchedulePage),
        **documented(*ALWAYS, "invalid-request", "invalid-page-token"),
    },
)
async def list_schedules(
    request: Request,
    principal: Reader,
    name: ExactName = None,
    page_size: PageSize = 50,
    page_token: PageToken = "",
) -> Response:
    """List schedules, newest first."""
    return await page(
        states.of(request),
        principal,
        schedules.list_page,
        "schedules",
        schedule,
        page_size=page_size,
        page_token=page_token,
        name=name,
    )


@router.get(
    "/{schedule_id}",
    operation_id="schedules_get",
    response_model=None,
    responses={200: ok("The schedule.", Schedule), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def get(request: Request, principal: Reader, schedule_id: ScheduleId) -> Response:
    """One schedule."""
    row = await states.of(request).database(schedules.get, principal.project_id, schedule_id)
    return views.json_response(dumps(schedule(row)))


@router.delete(
    "/{schedule_id}",
    operation_id="schedules_delete",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Deleted."}, **documented(*ALWAYS, "not-found", "conflict", "invalid-request")},
)
async def delete(request: Request, principal: Writer, schedule_id: ScheduleId) -> Response:
    """Delete an archived schedule with its versions, runs and observations."""
    await states.of(request).database(
        audit.done,
        actor(request, principal),
        "schedules_delete",
        encode(ids.SCHEDULE, schedule_id),
        schedules.delete,
        principal.project_id,
        schedule_id,
    )
    return Response(status_code=204)


@router.get(
    "/{schedule_id}/versions",
    operation_id="schedules_versions",
    response_model=None,
    responses={200: ok("All versions.", VersionList), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def versions(request: Request, principal: Reader, schedule_id: ScheduleId) -> Response:
    """All versions, oldest first, each with how it came about."""
    found = await states.of(request).database(schedules.versions, principal.project_id, schedule_id)
    return views.json_response(dumps({"versions": [version(row) for row in found]}))


@router.get(
    "/{schedule_id}/versions/{number}",
    operation_id="schedules_version",
    response_model=None,
    responses={
        200: ok("The version.", ScheduleVersion, ETag=header("Versions never change.")),
        304: {"description": "The client has it (`If-None-Match`)."},
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def one_version(
    request: Request,
    principal: Reader,
    schedule_id: ScheduleId,
    number: Annotated[int, Path(ge=1, le=2**31 - 1)],
    if_none_match: Annotated[str | None, Header(description="ETag that the client has.")] = None,
) -> Response:
    """One version with its curve."""
    found = await states.of(request).database(schedules.version, principal.project_id, schedule_id, number)
    etag = f'"{encode(ids.SCHEDULE, schedule_id)}-{number}"'
    tagged = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if headers.matches(if_none_match, etag):
        return Response(status_code=304, headers=tagged)
    return views.json_response(dumps(version(found)), headers=tagged)


@router.post(
    "/{schedule_id}/promote",
    operation_id="schedules_promote",
    response_model=None,
    responses={200: ok("The schedule.", Schedule), **documented(*ALWAYS, *BODY, "not-found")},
    openapi_extra=body("PromoteRequest", PROMOTE_REQUESTS),
)
async def promote(request: Request, principal: Writer, schedule_id: ScheduleId) -> Response:
    """Give new runs another version."""
    wanted = parsing.parse(PromoteRequest, await bodies.read_json(request, BODY_LIMIT))
    row = await states.of(request).database(schedules.promote, principal.project_id, schedule_id, wanted.version)
    return views.json_response(dumps(schedule(row)))


@router.post(
    "/{schedule_id}/refine",
    operation_id="schedules_refine",
    response_model=None,
    responses={
        200: ok("The new version.", ScheduleVersion),
        202: {"description": "A worker is at it.", "headers": {"Location": header("The job.")}},
        **documented(*ALWAYS, *BODY, "not-found", "invalid-problem", "engine-failure", "quota-exceeded"),
    },
    openapi_extra=body("RefineRequest", REFINE_REQUESTS),
)
async def refine(request: Request, principal: Writer, schedule_id: ScheduleId, wait: Wait = 0.0) -> Response:
    """A new version from the gradient norms of runs; its provenance has the theoretical bound before and after."""
    state = states.of(request)
    wanted = parsing.parse(RefineRequest, await bodies.read_json(request, BODY_LIMIT))
    made, job_id = await schedule_changes.refine(state, principal.project_id, schedule_id, wanted, wait)
    if made is None:
        location = {"Location": f"/v1/jobs/{encode(ids.JOB, job_id)}"}
        return views.json_response(orjson.dumps({"job": encode(ids.JOB, job_id)}), 202, location)
    return views.json_response(dumps(version(made)))


async def _change(request: Request, principal: Principal, schedule_id: UUID, state: str) -> Response:
    row = await states.of(request).database(schedules.set_state, principal.project_id, schedule_id, state)
    return views.json_response(dumps(schedule(row)))


_CHANGED: dict[int | str, dict[str, Any]] = {
    200: ok("The schedule.", Schedule),
    **documented(*ALWAYS, "not-found", "invalid-request"),
}


@router.post("/{schedule_id}/archive", operation_id="schedules_archive", response_model=None, responses=_CHANGED)
async def archive(request: Request, principal: Writer, schedule_id: ScheduleId) -> Response:
    """Take no new runs; those that run go on."""
    return await _change(request, principal, schedule_id, "archived")


@router.post("/{schedule_id}/resume", operation_id="schedules_resume", response_model=None, responses=_CHANGED)
async def resume(request: Request, principal: Writer, schedule_id: ScheduleId) -> Response:
    """Take out of the archive."""
    return await _change(request, principal, schedule_id, "active")
