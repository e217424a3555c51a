"""Jobs: submit, follow, answer, cancel, delete."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import Line
from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import JOB, encode
from api_schemas.jobs import Job, JobPage, JobState, Validation
from service import jobs
from service.jobs import JobFilters, JobRow
from service.rest import dry_run, headers, submissions, views, waiting
from service.rest import state as states
from service.rest.access import JobId, Reader, Writer, actor, authenticate, require_key
from service.rest.examples import JOB_REQUESTS
from service.rest.openapi import body, header, ok, parameter
from service.rest.problems import documented
from service.rest.routing import Route
from service.tenants import audit

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=Route)

ALWAYS = ("unauthenticated", "forbidden", "rate-limited", "unavailable", "internal")
_SUBMIT_ERRORS = (
    *ALWAYS,
    *("malformed-json", "invalid-request", "invalid-problem", "invalid-option", "unknown-engine", "artifact-missing"),
    *("idempotency-mismatch", "too-large", "unsupported-media-type", "malformed-file", "unsupported-problem"),
    "quota-exceeded",
)


@router.post(
    "",
    operation_id="jobs_create",
    status_code=202,
    response_model=None,
    responses={
        202: ok(
            "The job is stored and will run.",
            Job,
            Location=header("Address of the job."),
            Idempotency_Replayed=header("`true`: the key was known; this is the first request's job."),
            Preference_Applied=header("The wait that was granted."),
        ),
        200: ok(
            "The job, finished within `Prefer: wait`; or, for a dry run, that it would be accepted.", Job | Validation
        ),
        **documented(*_SUBMIT_ERRORS),
    },
    openapi_extra={
        **body("JobRequest", JOB_REQUESTS),
        "parameters": [
            parameter("validate_only", "query", "Check everything, but store no job.", type="boolean", default=False),
            parameter(
                "Idempotency-Key",
                "header",
                "Repeating a request with the same key yields the same job.",
                type="string",
                pattern="^[ -~]{1,255}$",
            ),
            parameter(
                "Prefer", "header", "`wait=N`: reply with the answer if it is there within N (at most 60) seconds."
            ),
        ],
    },
)
async def create(request: Request) -> Response:
    """Submit a job.

    The reply is the job, queued (202). With `Prefer: wait=N` it is the finished job with its answer (200), if that
    takes no longer than N seconds. The body may be compressed (`Content-Encoding: gzip` or `zstd`).
    """
    state = states.of(request)
    principal = await authenticate(request, "write")
    wait = headers.prefer_wait(request.headers.get("prefer"))
    key = headers.idempotency_key(request.headers.get("idempotency-key"))
    validate_only = headers.flag(request, "validate_only")
    draft = await submissions.read(state, request)
    pool, warnings = await submissions.check(state, draft)
    if validate_only:
        return await dry_run.reply(state, principal, draft, pool, warnings, partial(require_key, request, "write"))
    submitted = await submissions.store(state, principal, draft, pool=pool, idempotency_key=key)
    del draft  # not held while the job runs
    row = submitted.job
    extra = {"Location": f"/v1/jobs/{encode(JOB, row.id)}"}
    if submitted.replayed:
        extra["Idempotency-Replayed"] = "true"
    if wait is not None:
        extra["Preference-Applied"] = headers.applied(wait)
        after = row.last_seq if not row.final else row.last_seq - 1
        key_works = partial(require_key, request, "write")
        done = await waiting.until_finished(
            state, principal.project_id, row.id, wait, after_seq=after, require_key=key_works
        )
        if done is not None:
            return views.json_response(views.job_json(*done, warnings=warnings), 200, extra)
    return views.json_response(views.job_json(row, warnings=warnings), 202, extra)


@router.get(
    "",
    operation_id="jobs_list",
    response_model=None,
    responses={
        200: ok("A page of jobs, newest first.", JobPage),
        **documented(*ALWAYS, "invalid-request", "invalid-page-token"),
    },
)
async def list_jobs(
    request: Request,
    principal: Reader,
    state: Annotated[
        list[JobState] | None, Query(max_length=20, description="Any of these; repeat it for several.")
    ] = None,
    kind: Annotated[Line | None, Query(description="Kind of problem.")] = None,
    without_kind: Annotated[
        list[Line] | None,
        Query(max_length=20, description="None of these kinds; `study` and `schedule` are what Kantor asks of itself."),
    ] = None,
    engine: Annotated[Line | None, Query(description="As asked for in the request.")] = None,
    name: Annotated[Line | None, Query(description="Exactly this name.")] = None,
    name_begins: Annotated[Line | None, Query(description="Names that begin so.")] = None,
    label: Annotated[
        list[Line] | None,
        Query(max_length=64, description="`key:value`; repeat it for several, all of which must fit."),
    ] = None,
    created_after: Annotated[AwareDatetime | None, Query(description="At this time or later.")] = None,
    created_before: Annotated[AwareDatetime | None, Query(description="Before this time.")] = None,
    page_size: Annotated[int, Query(ge=1, description="At most 1000 are sent.")] = 50,
    page_token: Annotated[
        str, Query(max_length=200, description="`next_page_token` of the page before; keep all filters.")
    ] = "",
) -> Response:
    """List jobs, newest first."""
    filters = JobFilters(
        states=tuple(dict.fromkeys(state or ())),
        kind=kind,
        without_kinds=tuple(dict.fromkeys(without_kind or ())),
        engine=engine,
        name=name,
        beginning=name_begins,
        labels=_labels(label or []),
        created_after=_utc(created_after),
        created_before=_utc(created_before),
    )
    api = states.of(request)
    rows, token = await api.database(
        jobs.list_page, principal.project_id, filters, min(page_size, 1000), page_token, settings=api.settings
    )
    return views.json_response(views.page_json(rows, token))


@router.get(
    "/{job_id}",
    operation_id="jobs_get",
    response_model=None,
    responses={
        200: ok("The job.", Job, ETag=header("Of finished jobs.")),
        304: {"description": "The job is finished and known to the client (`If-None-Match`)."},
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def get(
    request: Request,
    principal: Reader,
    job_id: JobId,
    wait: Annotated[
        float, Query(ge=0, le=86400, description="Seconds to wait for the end of the job; at most 60 count.")
    ] = 0.0,
    include: Annotated[
        list[Literal["answer"]] | None, Query(max_length=4, description="`answer`: with the answer, if there is one.")
    ] = None,
    if_none_match: Annotated[str | None, Header(description="ETag of the version that the client has.")] = None,
) -> Response:
    """One job, now, or as soon as it is finished (`wait`)."""
    state = states.of(request)
    with_answer = bool(include)
    row, answer = await _read(state, principal.project_id, job_id, with_answer)
    if wait > 0 and not row.final:
        longest = min(wait, headers.LONGEST_WAIT)
        done = await waiting.until_finished(
            state,
            principal.project_id,
            job_id,
            longest,
            after_seq=row.last_seq,
            require_key=partial(require_key, request, "read"),
        )
        if done is not None:
            row, answer = done
    if not row.final:
        return views.json_response(views.job_json(row))
    etag = views.job_etag(row, with_answer=with_answer)
    tagged = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if headers.matches(if_none_match, etag):
        return Response(status_code=304, headers=tagged)
    return views.json_response(views.job_json(row, answer if with_answer else None), headers=tagged)


@router.post(
    "/{job_id}/cancel",
    operation_id="jobs_cancel",
    status_code=202,
    response_model=None,
    responses={
        202: ok("The job; a running one ends shortly.", Job),
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def cancel(request: Request, principal: Writer, job_id: JobId) -> Response:
    """Cancel a job.

    A queued job ends at once; a running one is asked to stop and keeps its best answer so far; a finished one stays.
    """
    state = states.of(request)
    row: JobRow = await state.database(
        audit.done,
        actor(request, principal),
        "jobs_cancel",
        encode(JOB, job_id),
        jobs.cancel,
        principal.project_id,
        job_id,
    )
    state.hub.hear(row.id, row.last_seq)
    return views.json_response(views.job_json(row), 202)


@router.delete(
    "/{job_id}",
    operation_id="jobs_delete",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Deleted."}, **documented(*ALWAYS, "not-found", "conflict", "invalid-request")},
)
async def delete(request: Request, principal: Writer, job_id: JobId) -> Response:
    """Delete a finished job with its problem, answer and events."""
    await states.of(request).database(
        audit.done,
        actor(request, principal),
        "jobs_delete",
        encode(JOB, job_id),
        jobs.delete,
        principal.project_id,
        job_id,
    )
    return Response(status_code=204)


async def _read(state: states.State, project_id: Any, job_id: Any, with_answer: bool) -> tuple[JobRow, bytes | None]:
    if with_answer:
        return await state.database(jobs.get_with_answer, project_id, job_id)
    return await state.database(jobs.get, project_id, job_id), None


def _labels(texts: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in texts:
        key, colon, value = text.partition(":")
        if not colon or not key:
            fault = FieldError(pointer="label", detail="must have the form key:value", hint="label=team:planning")
            raise KantorError("invalid-request", f"label: {fault.detail}", errors=[fault])
        labels[key] = value
    return labels


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return None if moment is None else moment.astimezone(UTC)
