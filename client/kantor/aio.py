"""The asyncio client: the same names as ``kantor.client`` and ``kantor.job``, awaited."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

import httpx

from kantor.base import ClientBase, JobBase, inspection, outcome, request_fields
from kantor.errors import ConnectionFailed, KantorError, Timeout
from kantor.options import Options
from kantor.progress import Progress, listener
from kantor.wire import flows, routes
from kantor.wire.drivers import AsyncDriver
from kantor.wire.steps import Flow
from kantor.wire.submission import Submission

if TYPE_CHECKING:
    from api_schemas.artifacts import Artifact
    from api_schemas.engines import Engine, ServiceStatus, Worker
    from api_schemas.events import Event
    from api_schemas.jobs import Inspection, Validation
    from api_schemas.jobs import Job as JobInfo
    from kantor.admin_async import AsyncKeys, AsyncOrganisationPart, AsyncWebhooks
    from kantor.families import Problem
    from kantor.schedules_async import AsyncSchedules
    from kantor.studies_async import AsyncStudies

T = TypeVar("T")


class AsyncJob(JobBase):
    """As ``kantor.Job``."""

    def __init__(self, client: AsyncClient, info: JobInfo, problem: Problem | None = None) -> None:
        super().__init__(info, problem)
        self._client = client

    async def refresh(self) -> AsyncJob:
        self.info = await self._client._run(routes.job(self._client._policy, self.id, answer=True))
        return self

    async def wait(self, seconds: float | None = None) -> AsyncJob:
        if not self.done:
            self.info = await self._client._run(flows.wait(self._client._policy, self.id, seconds), job=self)
        return self

    async def watch(
        self, progress: bool | Callable[[Progress], object] = True, *, seconds: float | None = None
    ) -> AsyncJob:
        with listener(progress) as listen:
            if listen is None or self.done:
                return await self.wait(seconds)
            self.info = await self._client._run(flows.follow(self._client._policy, self.id, seconds, listen), job=self)
        return self

    async def result(self, seconds: float | None = None) -> Any:
        await self.wait(seconds)
        if self.info.answer is None and self.info.error is None:
            await self.refresh()
        return await self._client._outcome(self)

    async def cancel(self) -> AsyncJob:
        self.info = await self._client._run(routes.cancel(self._client._policy, self.id))
        return self

    async def delete(self) -> None:
        await self._client._run(routes.delete(self._client._policy, "job", self.id))

    def events(self, after: int = 0) -> AsyncIterator[Event]:
        return self._client._iterate(flows.events(self._client._policy, self.id, after))

    async def log(self) -> str:
        return await self._client._run(routes.log(self._client._policy, self.id))

    async def problem(self) -> dict[str, Any]:
        return await self._client._run(routes.problem(self._client._policy, self.id))


class AsyncClient(ClientBase):
    """As ``kantor.Client``, for asyncio: every call is awaited, ``jobs`` and ``job.events`` are asynchronous
    iterators. Arrays that lie on the server are fetched before an answer is returned. Cancelling the task that awaits
    ``solve`` cancels the job. There is no gRPC here: ``kantor.Client(transport="grpc")`` in threads.

    Raises:
        KantorError: another ``transport`` than "http".
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 2,
        transport: Literal["http"] = "http",
        http_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if transport != "http":
            raise KantorError(
                f"AsyncClient speaks REST: transport is 'http', not {transport!r}. For gRPC call "
                "kantor.Client(transport='grpc') in threads (asyncio.to_thread): it may be shared by them."
            )
        super().__init__(url, api_key, timeout, max_retries)
        self._http = httpx.AsyncClient(**self._http_settings(), transport=http_transport)
        self.artifacts = AsyncArtifacts(self)

    @cached_property
    def keys(self) -> AsyncKeys:
        """API keys of the project."""
        from kantor.admin_async import AsyncKeys

        return AsyncKeys(self)

    @cached_property
    def webhooks(self) -> AsyncWebhooks:
        """Who is told when jobs end."""
        from kantor.admin_async import AsyncWebhooks

        return AsyncWebhooks(self)

    @cached_property
    def organisation(self) -> AsyncOrganisationPart:
        """Projects, members, usage and the audit log."""
        from kantor.admin_async import AsyncOrganisationPart

        return AsyncOrganisationPart(self)

    @cached_property
    def studies(self) -> AsyncStudies:
        from kantor.studies_async import AsyncStudies

        return AsyncStudies(self)

    @cached_property
    def schedules(self) -> AsyncSchedules:
        from kantor.schedules_async import AsyncSchedules

        return AsyncSchedules(self)

    async def solve(
        self,
        problem: Any,
        engine: str = "auto",
        *,
        wait: float | None = None,
        progress: bool | Callable[[Progress], object] | None = None,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        deadline: float | None = None,
        max_attempts: int | None = None,
        retention: float | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> Any:
        fields = request_fields(engine, "solve", name, labels, priority, deadline, max_attempts, retention)
        submission = Submission.of(problem, options, fields, idempotency_key)
        return await self._outcome(await self._follow(submission, wait, progress))

    async def _follow(
        self, submission: Submission, wait: float | None, progress: bool | Callable[[Progress], object] | None
    ) -> AsyncJob:
        started: list[AsyncJob] = []
        with listener(progress) as listen:
            flow = flows.solve(
                self._policy,
                submission,
                wait,
                listen,
                lambda info: started.append(AsyncJob(self, info, submission.problem)),
            )
            try:
                info = await self._run(flow)
            except Timeout as late:
                late.job = started[0] if started else None
                raise
        started[0].info = info
        return started[0]

    async def submit(
        self,
        problem: Any,
        engine: str = "auto",
        *,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        deadline: float | None = None,
        max_attempts: int | None = None,
        retention: float | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncJob:
        fields = request_fields(engine, "solve", name, labels, priority, deadline, max_attempts, retention)
        submission = Submission.of(problem, options, fields, idempotency_key)
        body = await self._run(submission.body(self._policy))
        return AsyncJob(
            self, await self._run(routes.submit(self._policy, body, submission.idempotency_key)), submission.problem
        )

    async def inspect(self, problem: Any, *, wait: float | None = None) -> Inspection:
        fields = request_fields("auto", "inspect", "", None, 0, None, None, None)
        return inspection(await self._follow(Submission.of(problem, {}, fields), wait, None))

    async def validate(self, problem: Any, engine: str = "auto", **options: Unpack[Options]) -> Validation:
        fields = request_fields(engine, "solve", "", None, 0, None, None, None)
        body = await self._run(Submission.of(problem, options, fields).body(self._policy))
        return await self._run(routes.validate(self._policy, body))

    async def job(self, job_id: str) -> AsyncJob:
        return AsyncJob(self, await self._run(routes.job(self._policy, job_id, answer=True)))

    async def jobs(
        self,
        *,
        state: str | Sequence[str] | None = None,
        kind: str | None = None,
        without_kind: str | Sequence[str] | None = None,
        engine: str | None = None,
        name: str | None = None,
        name_begins: str | None = None,
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[AsyncJob]:
        filters = {
            "state": state,
            "kind": kind,
            "without_kind": without_kind,
            "engine": engine,
            "name": name,
            "name_begins": name_begins,
            "labels": labels,
            "created_after": created_after,
            "created_before": created_before,
        }
        async for info in self._iterate(routes.jobs(self._policy, filters, page_size, limit)):
            yield AsyncJob(self, info)

    async def engines(self) -> builtins.list[Engine]:
        return (await self._run(routes.engines(self._policy))).engines

    async def workers(self) -> builtins.list[Worker]:
        return (await self._run(routes.workers(self._policy))).workers

    async def status(self) -> ServiceStatus:
        return await self._run(routes.status(self._policy))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, flow: Flow[T], job: Any = None) -> T:
        try:
            return await AsyncDriver(self._http, self._timeout).run(flow)
        except Timeout as late:
            late.job = late.job or job
            raise
        except ConnectionFailed as error:
            raise self._advice(error) from None

    async def _iterate(self, flow: Flow[None]) -> AsyncIterator[Any]:
        try:
            async for value in AsyncDriver(self._http, self._timeout).iterate(flow):
                yield value
        except ConnectionFailed as error:
            raise self._advice(error) from None

    async def _outcome(self, job: AsyncJob) -> Any:
        artifact = getattr(job.info.answer, "arrays_artifact", None)
        content = b"" if artifact is None else await self._run(routes.content(self._policy, artifact))
        return outcome(job, lambda _: content)


class AsyncArtifacts:
    """As ``kantor.client.Artifacts``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def upload(self, file: str | PathLike[str] | bytes, filename: str = "") -> Artifact:
        body = file if isinstance(file, bytes) else Path(file).expanduser()
        name = filename or (body.name if isinstance(body, Path) else "")
        return await self._client._run(routes.upload(self._client._policy, body, name))

    async def get(self, artifact_id: str) -> Artifact:
        return await self._client._run(routes.artifact(self._client._policy, artifact_id))

    async def read(self, artifact_id: str) -> bytes:
        return await self._client._run(routes.content(self._client._policy, artifact_id))

    async def download(self, artifact_id: str, target: str | PathLike[str]) -> Path:
        return await self._client._run(routes.download(self._client._policy, artifact_id, Path(target)))

    async def delete(self, artifact_id: str) -> None:
        await self._client._run(routes.delete(self._client._policy, "art", artifact_id))
