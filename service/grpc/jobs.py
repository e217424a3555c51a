"""The service ``Jobs``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty

from api_schemas.errors import KantorError
from api_schemas.ids import JOB
from api_schemas.jobs import JobState
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import JobsServicer
from service import jobs
from service.grpc import arrays, messages
from service.grpc.calls import LONGEST_WAIT, Call, identifier, streaming, unary
from service.jobs import JobFilters, history
from service.rest import dry_run, headers, submissions, waiting
from service.rest.state import State
from service.rest.submissions import Draft
from service.tenants import audit

_PAGE = 500
_LOG_PAGE = 1000
_STATES = frozenset(JobState.__args__)  # type: ignore[attr-defined]


class Jobs(JobsServicer):
    """As ``service.rest.jobs``."""

    def __init__(self, state: State) -> None:
        self.state = state

    @unary("write")
    async def SubmitJob(self, call: Call, request: pb.SubmitJobRequest) -> pb.Job:
        wait = call.patience(request.wait_seconds)
        key = headers.idempotency_key(request.request_id or None)
        draft = await _draft(call, request, store=True)
        del request
        pool, warnings = await submissions.check(call.state, draft)
        submitted = await submissions.store(call.state, call.principal, draft, pool=pool, idempotency_key=key)
        del draft  # not held while the job runs
        call.let_go()
        row = submitted.job
        if wait > 0:
            after = row.last_seq if not row.final else row.last_seq - 1
            project_id = call.principal.project_id
            done = await waiting.until_finished(
                call.state, project_id, row.id, wait, after_seq=after, require_key=call.require_key
            )
            if done is not None:
                return messages.job(*done, replayed=submitted.replayed, warnings=warnings)
        return messages.job(row, replayed=submitted.replayed, warnings=warnings)

    @unary("write")
    async def ValidateJob(self, call: Call, request: pb.SubmitJobRequest) -> pb.Document:
        draft = await _draft(call, request, store=False)
        pool, warnings = await submissions.check(call.state, draft)
        reply = await dry_run.reply(call.state, call.principal, draft, pool, warnings, call.require_key)
        return pb.Document(content=bytes(reply.body))

    @unary("read")
    async def GetJob(self, call: Call, request: pb.GetJobRequest) -> pb.Job:
        job_id, project_id = identifier(JOB, request.job_id), call.principal.project_id
        wait = call.patience(request.wait_seconds)
        row, answer = await call.state.database(jobs.get_with_answer, project_id, job_id)
        if wait > 0 and not row.final:
            done = await waiting.until_finished(
                call.state, project_id, job_id, wait, after_seq=row.last_seq, require_key=call.require_key
            )
            if done is not None:
                row, answer = done
        return messages.job(row, answer if request.include_answer else None)

    @unary("read")
    async def ListJobs(self, call: Call, request: pb.ListJobsRequest) -> pb.ListJobsResponse:
        if unknown := sorted(set(request.states) - _STATES):
            raise KantorError("invalid-request", f"states: there is no state {unknown[0][:40]!r}.")
        if len(request.without_kinds) > 20:
            raise KantorError("invalid-request", "without_kinds: at most 20.")
        filters = JobFilters(
            states=tuple(dict.fromkeys(request.states)),
            kind=request.kind if request.HasField("kind") else None,
            without_kinds=tuple(dict.fromkeys(request.without_kinds)),
            engine=request.engine if request.HasField("engine") else None,
            name=request.name if request.HasField("name") else None,
            beginning=request.name_begins if request.HasField("name_begins") else None,
            labels=dict(request.labels),
            created_after=messages.moment(request, "created_after"),
            created_before=messages.moment(request, "created_before"),
        )
        rows, token = await call.state.database(
            jobs.list_page,
            call.principal.project_id,
            filters,
            request.page_size if request.page_size > 0 else 50,
            request.page_token,
            settings=call.state.settings,
        )
        return pb.ListJobsResponse(jobs=[messages.job(row) for row in rows], next_page_token=token)

    @unary("write")
    async def CancelJob(self, call: Call, request: pb.CancelJobRequest) -> pb.Job:
        job_id, project_id = identifier(JOB, request.job_id), call.principal.project_id
        row = await call.state.database(
            audit.done, call.actor, "jobs_cancel", request.job_id, jobs.cancel, project_id, job_id
        )
        call.state.hub.hear(row.id, row.last_seq)
        return messages.job(row)

    @unary("write")
    async def DeleteJob(self, call: Call, request: pb.DeleteJobRequest) -> Empty:
        job_id, project_id = identifier(JOB, request.job_id), call.principal.project_id
        await call.state.database(
            audit.done, call.actor, "jobs_delete", request.job_id, jobs.delete, project_id, job_id
        )
        return Empty()

    @streaming("read")
    async def WatchJob(self, call: Call, request: pb.WatchJobRequest) -> AsyncIterator[pb.Event]:
        job_id, project_id = identifier(JOB, request.job_id), call.principal.project_id
        after, begin = max(0, request.after_seq), time.monotonic()
        rows = await call.state.database(jobs.events, project_id, job_id, after, _PAGE)
        if not rows:
            job = await call.state.database(jobs.get, project_id, job_id)
            if job.final and job.last_seq <= after:
                return
        while True:
            for row in rows:
                yield messages.event(row)
                after = row.seq
            if rows and rows[-1].type == "finished":
                return
            if len(rows) < _PAGE:
                if call.state.stopping.is_set() or time.monotonic() - begin >= LONGEST_WAIT:
                    raise KantorError("unavailable", "This stream ends; watch again after the last event.")
                await waiting.next_event(call.state, job_id, after, waiting.LOOK_SECONDS_CONNECTED)
            await call.require_key()
            rows = await call.state.database(jobs.events, project_id, job_id, after, _PAGE)

    @unary("read")
    async def GetProblem(self, call: Call, request: pb.GetProblemRequest) -> pb.Document:
        job_id = identifier(JOB, request.job_id)
        content = await call.state.database(jobs.input_document, call.principal.project_id, job_id)
        return pb.Document(content=content)

    @unary("read")
    async def GetLog(self, call: Call, request: pb.GetLogRequest) -> pb.Document:
        job_id, project_id = identifier(JOB, request.job_id), call.principal.project_id
        await call.state.database(jobs.get, project_id, job_id)
        parts: list[str] = []
        after = 0
        begin = time.monotonic()
        while time.monotonic() - begin < 60:
            lines = await call.state.database(history.log_lines, project_id, job_id, after, _LOG_PAGE)
            parts += [text if text.endswith("\n") else text + "\n" for _, text in lines]
            if len(lines) < _LOG_PAGE:
                break
            after = lines[-1][0]
        return pb.Document(content="".join(parts).encode())


async def _draft(call: Call, request: pb.SubmitJobRequest, *, store: bool) -> Draft:
    problem, options = await arrays.put_in(call, request.arrays, request.problem, request.options, store=store)
    return await submissions.parsed(call.state, messages.body(request, problem, options))
