"""Trials of a study: add, look, report, tell, correct."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.studies import (
    EditRequest,
    Lease,
    LeaseRequest,
    ReportRequest,
    TellRequest,
    Trial,
    TrialHistory,
    TrialPage,
    TrialRequest,
    TrialState,
)
from service import studies
from service.rest import bodies, parsing, study_changes, study_views, views
from service.rest import state as states
from service.rest.access import Reader, StudyId, Writer
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, header, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.studies import BODY, BODY_LIMIT
from service.rest.study_examples import (
    EDIT_REQUESTS,
    LEASE_REQUESTS,
    REPORT_REQUESTS,
    TELL_REQUESTS,
    TRIAL_REQUESTS,
)
from service.studies import TrialRow

router = APIRouter(prefix="/v1/studies/{study_id}/trials", tags=["studies"], route_class=Route)

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The trial's number, from 1.")]
_OF_EVALUATORS = documented(*ALWAYS, *BODY, "not-found", "stale-lease")


@router.post(
    "",
    operation_id="trials_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The trial.", Trial, Location=header("Address of the trial.")),
        **documented(*ALWAYS, *BODY, "not-found", "conflict"),
    },
    openapi_extra=body("TrialRequest", TRIAL_REQUESTS),
)
async def create(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Add a point: to be evaluated next, or (with `values`) evaluated elsewhere."""
    state = states.of(request)
    wanted = parsing.parse(TrialRequest, await bodies.read_json(request, BODY_LIMIT))
    row = await study_changes.add(state, principal.project_id, study_id, wanted)
    address = {"Location": f"{request.url.path}/{row.number}"}
    return views.json_response(study_views.dumps(study_views.trial(row)), 201, address)


@router.get(
    "",
    operation_id="trials_list",
    response_model=None,
    responses={
        200: ok("A page of trials by number.", TrialPage),
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def list_trials(
    request: Request,
    principal: Reader,
    study_id: StudyId,
    state: Annotated[list[TrialState] | None, Query(max_length=10, description="Any of these; repeat it.")] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only numbers above.")] = 0,
    limit: Annotated[int, Query(ge=1, description="At most 1000 are sent.")] = 100,
) -> Response:
    """List trials by number."""
    most = min(limit, 1000)
    rows = await states.of(request).database(
        studies.trials, principal.project_id, study_id, states=tuple(state or ()), after=after, limit=most + 1
    )
    more = len(rows) > most
    page = {
        "trials": [study_views.trial(r) for r in rows[:most]],
        "next_after": rows[most - 1].number if more else None,
    }
    return views.json_response(study_views.dumps(page))


@router.get(
    "/{number}",
    operation_id="trials_get",
    response_model=None,
    responses={200: ok("The trial.", Trial), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def get(request: Request, principal: Reader, study_id: StudyId, number: Number) -> Response:
    """One trial."""
    row = await states.of(request).database(studies.trial, principal.project_id, study_id, number)
    return _trial(row)


@router.patch(
    "/{number}",
    operation_id="trials_edit",
    response_model=None,
    responses={200: ok("The trial.", Trial), **documented(*ALWAYS, *BODY, "not-found", "conflict")},
    openapi_extra=body("EditRequest", EDIT_REQUESTS),
)
async def edit(request: Request, principal: Writer, study_id: StudyId, number: Number) -> Response:
    """Correct a finished trial; its history keeps what was there before, and who changed it."""
    state = states.of(request)
    wanted = parsing.parse(EditRequest, await bodies.read_json(request, BODY_LIMIT))
    row = await study_changes.edit(state, principal.project_id, study_id, number, wanted, key_id=principal.key_id)
    return _trial(row)


@router.get(
    "/{number}/history",
    operation_id="trials_history",
    response_model=None,
    responses={
        200: ok("Everything that happened to the trial, and its reports.", TrialHistory),
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def history(request: Request, principal: Reader, study_id: StudyId, number: Number) -> Response:
    """What happened to a trial: who asked, results, corrections; and its intermediate values."""
    found = await states.of(request).database(studies.history, principal.project_id, study_id, number)
    return views.json_response(study_views.dumps(study_views.history(*found)))


@router.post(
    "/{number}/tell",
    operation_id="trials_tell",
    response_model=None,
    responses={
        200: ok("The trial. Telling the same twice is the same as once.", Trial),
        **documented(*ALWAYS, *BODY, "not-found", "conflict", "stale-lease"),
    },
    openapi_extra=body("TellRequest", TELL_REQUESTS),
)
async def tell(request: Request, principal: Writer, study_id: StudyId, number: Number) -> Response:
    """The end of an evaluation: its values, or that it failed or that the point is not allowed."""
    state = states.of(request)
    wanted = parsing.parse(TellRequest, await bodies.read_json(request, BODY_LIMIT))
    row = await study_changes.tell(state, principal.project_id, study_id, number, wanted)
    return _trial(row)


@router.post(
    "/{number}/heartbeat",
    operation_id="trials_heartbeat",
    response_model=None,
    responses={200: ok("Until when the trial is leased, and whether to stop.", Lease), **_OF_EVALUATORS},
    openapi_extra=body("LeaseRequest", LEASE_REQUESTS),
)
async def heartbeat(request: Request, principal: Writer, study_id: StudyId, number: Number) -> Response:
    """A sign of life: the lease begins anew."""
    wanted = parsing.parse(LeaseRequest, await bodies.read_json(request, BODY_LIMIT))
    found = await states.of(request).database(studies.heartbeat, principal.project_id, study_id, number, wanted)
    return _lease(*found)


@router.post(
    "/{number}/reports",
    operation_id="trials_report",
    response_model=None,
    responses={200: ok("Whether the trial should stop, and why.", Lease), **_OF_EVALUATORS},
    openapi_extra=body("ReportRequest", REPORT_REQUESTS),
)
async def report(request: Request, principal: Writer, study_id: StudyId, number: Number) -> Response:
    """Intermediate values; also a sign of life."""
    wanted = parsing.parse(ReportRequest, await bodies.read_json(request, BODY_LIMIT))
    found = await states.of(request).database(studies.report, principal.project_id, study_id, number, wanted)
    return _lease(*found)


@router.post(
    "/{number}/release",
    operation_id="trials_release",
    response_model=None,
    responses={200: ok("The trial, which waits for another evaluator.", Trial), **_OF_EVALUATORS},
    openapi_extra=body("LeaseRequest", LEASE_REQUESTS),
)
async def release(request: Request, principal: Writer, study_id: StudyId, number: Number) -> Response:
    """Give a trial back without a result."""
    wanted = parsing.parse(LeaseRequest, await bodies.read_json(request, BODY_LIMIT))
    row = await states.of(request).database(studies.release, principal.project_id, study_id, number, wanted)
    return _trial(row)


def _trial(row: TrialRow) -> Response:
    return views.json_response(study_views.dumps(study_views.trial(row)))


def _lease(row: TrialRow, stop: bool, why: str) -> Response:
    return views.json_response(study_views.dumps({"lease_until": row.lease_until, "should_stop": stop, "reason": why}))
