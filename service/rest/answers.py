"""What belongs to a job: answer, problem, events, log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api_schemas.errors import FieldError, KantorError
from api_schemas.events import EventPage
from api_schemas.ids import JOB, encode
from api_schemas.jobs import AnswerOutput, Inspection, OptionsInput, ProblemInput
from service import jobs
from service.jobs import JobRow, history
from service.rest import event_stream, headers, views
from service.rest import state as states
from service.rest.access import JobId, Reader
from service.rest.event_stream import EventStream
from service.rest.jobs import ALWAYS
from service.rest.openapi import header, ok
from service.rest.problems import documented
from service.rest.routing import Route

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], route_class=Route)

JSON, STREAM = "application/json", "text/event-stream"
LARGEST_PAGE = 10_000
_LOG_PAGE = 1000


class Document(BaseModel):
    """What was submitted, normalised: numbers as the server read them, defaults left out."""

    problem: ProblemInput
    options: OptionsInput


@router.get(
    "/answer",
    operation_id="jobs_answer",
    response_model=None,
    responses={
        200: ok(
            "The answer with its certificate; for an inspection its report.",
            AnswerOutput | Inspection,
            ETag=header("Of it."),
        ),
        304: {"description": "The client has it already (`If-None-Match`)."},
        **documented(*ALWAYS, "not-found", "not-finished", "conflict", "invalid-request"),
    },
)
async def answer(
    request: Request,
    principal: Reader,
    job_id: JobId,
    if_none_match: Annotated[str | None, Header(description="ETag of the version that the client has.")] = None,
) -> Response:
    """The answer of a finished job. Cancelled and expired jobs have one if something was found in time."""
    state = states.of(request)
    row, document = await state.database(jobs.get_with_answer, principal.project_id, job_id)
    if document is None:
        raise _no_answer(row)
    etag = views.job_etag(row, with_answer=True)
    tagged = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if headers.matches(if_none_match, etag):
        return Response(status_code=304, headers=tagged)
    return views.json_response(document, headers=tagged)


@router.get(
    "/problem",
    operation_id="jobs_problem",
    response_model=None,
    responses={200: ok("Problem and options.", Document), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def problem(request: Request, principal: Reader, job_id: JobId) -> Response:
    """The problem and options of a job, as they were sent."""
    document = await states.of(request).database(jobs.input_document, principal.project_id, job_id)
    return views.json_response(document)


@router.get(
    "/events",
    operation_id="jobs_events",
    response_model=None,
    responses={
        200: {
            "description": "A page of events, or a stream: `id` is the number, `event` the type, `data` an `Event`.",
            "model": EventPage,
            "content": {STREAM: {"schema": {"type": "string"}}},
        },
        204: {"description": "The job is over and has no further events: a stream need not be opened again."},
        **documented(*ALWAYS, "not-found", "not-acceptable", "invalid-request"),
    },
)
async def events(
    request: Request,
    principal: Reader,
    job_id: JobId,
    after: Annotated[int | None, Query(ge=0, lt=2**31, description="Only events with a greater number.")] = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {LARGEST_PAGE} are sent; for pages.")] = 1000,
    most: Annotated[
        int | None,
        Query(
            alias="max",
            ge=2,
            le=LARGEST_PAGE,
            description="Thin out: at most about so many progress events, evenly chosen, and no log lines; for pages.",
        ),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="Number of the last event seen; goes before `after`.")
    ] = None,
    accept: Annotated[str | None, Header(description=f"`{JSON}` for a page, `{STREAM}` for a stream.")] = None,
) -> Response:
    """What happened to a job: a page (JSON), or a stream that replays and then follows (server-sent events).

    A stream ends after the event `finished`, at the latest after ten minutes: take it up again with `Last-Event-ID`.
    """
    state = states.of(request)
    form = headers.accepted(accept, [JSON, STREAM])
    seen = headers.last_event_id(last_event_id)
    first = seen if seen is not None else after or 0
    if form == STREAM:
        if most is not None:
            fault = FieldError(pointer="max", detail="is only for pages", hint=f"Accept: {JSON}")
            raise KantorError("invalid-request", "max: is only for pages", errors=[fault])
        return await _stream(request, state, principal.project_id, job_id, first)
    if most is not None:
        row = await state.database(jobs.get, principal.project_id, job_id)
        rows = await state.database(history.thinned, principal.project_id, job_id, first, most)
        next_after = max(first, row.last_seq, rows[-1].seq if rows else 0)
        finished = row.final or (bool(rows) and rows[-1].type == "finished")
        return views.json_response(views.event_page_json(rows, next_after, finished))
    rows = await state.database(jobs.events, principal.project_id, job_id, first, min(limit, LARGEST_PAGE))
    finished = rows[-1].type == "finished" if rows else (await _is_over(state, principal.project_id, job_id, first))
    return views.json_response(views.event_page_json(rows, rows[-1].seq if rows else first, finished))


@router.get(
    "/log",
    operation_id="jobs_log",
    response_model=None,
    responses={200: ok("Text.", media_type="text/plain"), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def log(request: Request, principal: Reader, job_id: JobId) -> Response:
    """The engine's log so far."""
    state = states.of(request)
    await state.database(jobs.get, principal.project_id, job_id)
    return StreamingResponse(_log(state, principal.project_id, job_id), media_type="text/plain; charset=utf-8")


async def _log(state: states.State, project_id: UUID, job_id: UUID) -> AsyncIterator[bytes]:
    after = 0
    while True:
        lines = await state.database(history.log_lines, project_id, job_id, after, _LOG_PAGE)
        yield "".join(text if text.endswith("\n") else text + "\n" for _, text in lines).encode()
        if len(lines) < _LOG_PAGE:
            return
        after = lines[-1][0]


async def _stream(request: Request, state: states.State, project_id: UUID, job_id: UUID, first: int) -> Response:
    rows = await state.database(jobs.events, project_id, job_id, first, event_stream.PAGE)
    if not rows and await _is_over(state, project_id, job_id, first):
        return Response(status_code=204)
    if request.scope.get("kantor.head"):
        return Response(headers=event_stream.HEADERS)
    return EventStream(state, project_id, job_id, rows, first)


async def _is_over(state: states.State, project_id: UUID, job_id: UUID, after: int) -> bool:
    row = await state.database(jobs.get, project_id, job_id)
    return row.final and row.last_seq <= after


def _no_answer(row: JobRow) -> KantorError:
    job = f"Job {encode(JOB, row.id)}"
    if not row.final:
        return KantorError(
            "not-finished",
            f"{job} is {row.state}; wait for it with GET /v1/jobs/{encode(JOB, row.id)}?wait=20.",
            headers={"Retry-After": "1"},
        )
    why = f": {row.error['detail']}" if row.error and row.error.get("detail") else ""
    return KantorError("conflict", f"{job} {row.state} without an answer{why}")
