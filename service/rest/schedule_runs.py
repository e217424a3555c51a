"""Runs of a schedule: start, observe, advice, finish."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Path
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.schedules import FinishRequest, ObservationBatch, Received, Run, RunList, RunRequest
from service.rest import bodies, headers, parsing, schedule_changes, views
from service.rest import state as states
from service.rest.access import Reader, ScheduleId, Writer
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, header, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.schedule_examples import FINISH_REQUESTS, OBSERVATIONS, RUN_REQUESTS
from service.rest.schedule_views import dumps, run
from service.rest.studies import BODY, BODY_LIMIT

router = APIRouter(prefix="/v1/schedules/{schedule_id}/runs", tags=["schedules"], route_class=Route)

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The run's number, from 1.")]
_BATCH_LIMIT = 8 << 20


@router.post(
    "",
    operation_id="runs_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The run, with its curve.", Run, Location=header("Address of the run.")),
        **documented(*ALWAYS, *BODY, "not-found", "conflict"),
    },
    openapi_extra=body("RunRequest", RUN_REQUESTS),
)
async def create(request: Request, principal: Writer, schedule_id: ScheduleId) -> Response:
    """Begin a training that follows the schedule. The same `client_id` gets the same run."""
    wanted = parsing.parse(RunRequest, await bodies.read_json(request, BODY_LIMIT))
    row, horizon = await schedule_changes.start(states.of(request), principal.project_id, schedule_id, wanted)
    address = {"Location": f"{request.url.path}/{row.number}"}
    return views.json_response(dumps(run(row, horizon)), 201, address)


@router.get(
    "",
    operation_id="runs_list",
    response_model=None,
    responses={200: ok("Runs, newest first.", RunList), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def list_runs(request: Request, principal: Reader, schedule_id: ScheduleId) -> Response:
    """The newest runs, at most 1000."""
    rows, horizon = await states.of(request).database(schedule_changes.listed, principal.project_id, schedule_id)
    return views.json_response(dumps({"runs": [run(row, horizon) for row in rows]}))


@router.get(
    "/{number}",
    operation_id="runs_get",
    response_model=None,
    responses={
        200: ok("The run, with its curve and the newest advice.", Run, ETag=header("Of curve and advice.")),
        304: {"description": "Nothing has changed (`If-None-Match`)."},
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def get(
    request: Request,
    principal: Reader,
    schedule_id: ScheduleId,
    number: Number,
    if_none_match: Annotated[str | None, Header(description="ETag that the client has.")] = None,
) -> Response:
    """One run: its curve, and what the policy advises by now."""
    row, horizon = await states.of(request).database(schedule_changes.found, principal.project_id, schedule_id, number)
    content = dumps(run(row, horizon))
    etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    tagged = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if headers.matches(if_none_match, etag):
        return Response(status_code=304, headers=tagged)
    return views.json_response(content, headers=tagged)


@router.post(
    "/{number}/observations",
    operation_id="runs_observe",
    response_model=None,
    responses={
        200: ok("How many were new, and the newest advice.", Received),
        **documented(*ALWAYS, *BODY, "not-found", "conflict"),
    },
    openapi_extra=body("ObservationBatch", OBSERVATIONS),
)
async def observe(request: Request, principal: Writer, schedule_id: ScheduleId, number: Number) -> Response:
    """What a run has seen, in batches. A step that was sent before is left as it is; a run that has ended takes no new
    one."""
    state = states.of(request)
    wanted = parsing.parse(ObservationBatch, await bodies.read_json(request, _BATCH_LIMIT))
    row, stored = await schedule_changes.observe(state, principal.project_id, schedule_id, number, wanted)
    return views.json_response(dumps({"stored": stored, "version": row.version, "advice": row.advice}))


@router.post(
    "/{number}/finish",
    operation_id="runs_finish",
    response_model=None,
    responses={200: ok("The run.", Run), **documented(*ALWAYS, *BODY, "not-found", "conflict")},
    openapi_extra=body("FinishRequest", FINISH_REQUESTS),
)
async def finish(request: Request, principal: Writer, schedule_id: ScheduleId, number: Number) -> Response:
    """The end of a run, with its final values."""
    state = states.of(request)
    wanted = parsing.parse(FinishRequest, await bodies.read_json(request, BODY_LIMIT))
    row, horizon = await schedule_changes.finish(state, principal.project_id, schedule_id, number, wanted)
    return views.json_response(dumps(run(row, horizon)))
