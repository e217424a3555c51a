"""The blocking client."""

from __future__ import annotations

import builtins
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

import httpx

from kantor.base import ClientBase, inspection, outcome, request_fields
from kantor.errors import ConnectionFailed, KantorError, Timeout
from kantor.job import Job
from kantor.options import Options
from kantor.progress import Progress, listener
from kantor.wire import flows, routes
from kantor.wire.drivers import Player, SyncDriver
from kantor.wire.steps import Flow
from kantor.wire.submission import Submission

if TYPE_CHECKING:
    from api_schemas.artifacts import Artifact
    from api_schemas.engines import Engine, ServiceStatus, Worker
    from api_schemas.jobs import Inspection, Validation
    from kantor.admin import Keys, OrganisationPart, Webhooks
    from kantor.schedules import Schedules
    from kantor.studies import Studies

T = TypeVar("T")


class Client(ClientBase):
    """A connection to Kantor. May be shared by threads; use it as a context manager or call ``close``.

    Args:
        url: of the server; else ``KANTOR_URL``, else the running ``kantor up`` of this user, else
            http://127.0.0.1:8000.
        api_key: else ``KANTOR_API_KEY``, else that of ``kantor up``.
        timeout: seconds for one request, beyond what the server was asked to hold it.
        max_retries: of each request that failed for want of a connection or with status 429, 502, 503 or 504. A
            submit that is sent again is still one job.
        transport: "http" (REST), or "grpc": the same answers, on one connection (``pip install kantor[grpc]``). Its
            address is the server's host with port 50051, or ``KANTOR_GRPC_TARGET``; what only administrators do (keys,
            members, webhooks) is REST's.
        http_transport: of httpx, for tests and special networks.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 2,
        transport: Literal["http", "grpc"] = "http",
        http_transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, api_key, timeout, max_retries)
        self._player: Callable[[], Player]
        if transport == "grpc":
            from kantor.grpc.channel import connect
            from kantor.grpc.driver import Connection, GrpcDriver

            connection = Connection(connect(self.endpoint.url), self.endpoint.api_key, self.endpoint.url)
            self._player = lambda: GrpcDriver(connection, timeout)
            self._close = connection.close
        elif transport == "http":
            http = httpx.Client(**self._http_settings(), transport=http_transport)
            self._player = lambda: SyncDriver(http, timeout)
            self._close = http.close
        else:
            raise KantorError(f"transport is 'http' or 'grpc', not {transport!r}")
        weakref.finalize(self, self._close)
        self.artifacts = Artifacts(self)

    @cached_property
    def keys(self) -> Keys:
        """API keys of the project."""
        from kantor.admin import Keys

        return Keys(self)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Who is told when jobs end."""
        from kantor.admin import Webhooks

        return Webhooks(self)

    @cached_property
    def organisation(self) -> OrganisationPart:
        """Projects, members, usage and the audit log."""
        from kantor.admin import OrganisationPart

        return OrganisationPart(self)

    @cached_property
    def studies(self) -> Studies:
        """Black-box optimization by ask and tell."""
        from kantor.studies import Studies

        return Studies(self)

    @cached_property
    def schedules(self) -> Schedules:
        """Learning rates and other knobs over time."""
        from kantor.schedules import Schedules

        return Schedules(self)

    def solve(
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
        """Solve a problem and wait for the answer. An interrupt (Ctrl-C) cancels the job.

        Args:
            problem: a ``Program``, the path of a model file, or a model of cvxpy, Pyomo, linopy, PuLP or MathOpt.
            engine: an engine's id, "auto" (chosen by structure) or "race" (several at once).
            wait: seconds to wait at most. The solve itself is bounded by ``time_limit``.
            progress: True shows it on stderr; a callable gets a ``Progress`` for each report.
            name, labels: to find the job again.
            priority: -100 to 100; higher goes first.
            deadline: seconds from now after which the answer is of no use.
            max_attempts: how often the job is begun anew when a worker dies.
            retention: seconds to keep the finished job.
            idempotency_key: a second submit with this key returns the first one's job.
            options: ``time_limit``, ``relative_gap``...: see ``kantor.Options``.

        Raises:
            InvalidProblem, InvalidOption, MalformedFile, UnknownEngine, UnsupportedProblem...: what was sent cannot
            be solved.
            JobFailed: the job ended without an answer; the exception is also the class of the error's code.
            Timeout: not over after ``wait`` seconds; ``error.job`` goes on.
            ConnectionFailed: there is no server.
        """
        fields = request_fields(engine, "solve", name, labels, priority, deadline, max_attempts, retention)
        submission = Submission.of(problem, options, fields, idempotency_key)
        job = self._follow(submission, wait, progress)
        return outcome(job, self._content)

    def _follow(
        self, submission: Submission, wait: float | None, progress: bool | Callable[[Progress], object] | None
    ) -> Job:
        started: list[Job] = []
        with listener(progress) as listen:
            flow = flows.solve(
                self._policy, submission, wait, listen, lambda info: started.append(Job(self, info, submission.problem))
            )
            try:
                info = self._run(flow)
            except Timeout as late:
                late.job = started[0] if started else None
                raise
        started[0].info = info
        return started[0]

    def submit(
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
    ) -> Job:
        """As ``solve``, without waiting: the job is on its way."""
        fields = request_fields(engine, "solve", name, labels, priority, deadline, max_attempts, retention)
        submission = Submission.of(problem, options, fields, idempotency_key)
        body = self._run(submission.body(self._policy))
        return Job(self, self._run(routes.submit(self._policy, body, submission.idempotency_key)), submission.problem)

    def inspect(self, problem: Any, *, wait: float | None = None) -> Inspection:
        """What can be said of a problem before solving it: size, structure, numerics, the kind of every constraint."""
        fields = request_fields("auto", "inspect", "", None, 0, None, None, None)
        return inspection(self._follow(Submission.of(problem, {}, fields), wait, None))

    def validate(self, problem: Any, engine: str = "auto", **options: Unpack[Options]) -> Validation:
        """Would this be accepted? Nothing is solved or kept.

        Raises:
            APIError: it would not; the same exception as ``submit`` would raise.
        """
        fields = request_fields(engine, "solve", "", None, 0, None, None, None)
        body = self._run(Submission.of(problem, options, fields).body(self._policy))
        return self._run(routes.validate(self._policy, body))

    def job(self, job_id: str) -> Job:
        """A job by its id, with its answer if it has one.

        Raises:
            NotFound: there is no such job in the key's project.
        """
        return Job(self, self._run(routes.job(self._policy, job_id, answer=True)))

    def jobs(
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
    ) -> Iterator[Job]:
        """Jobs that fit all filters, newest first; pages are fetched as the iteration reaches them.

        Args:
            without_kind: none of these kinds; "study" and "schedule" are what Kantor asks of itself.
            name: exactly this name; ``name_begins``: names that begin so.
            limit: at most so many.
        """
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
        for info in self._iterate(routes.jobs(self._policy, filters, page_size, limit)):
            yield Job(self, info)

    def engines(self) -> builtins.list[Engine]:
        """What live workers offer."""
        return self._run(routes.engines(self._policy)).engines

    def workers(self) -> builtins.list[Worker]:
        """Live workers."""
        return self._run(routes.workers(self._policy)).workers

    def status(self) -> ServiceStatus:
        """The service at a glance: version, the key's project and scopes, queues."""
        return self._run(routes.status(self._policy))

    def close(self) -> None:
        self._close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, flow: Flow[T], job: Any = None) -> T:
        try:
            return self._player().run(flow)
        except Timeout as late:
            late.job = late.job or job
            raise
        except ConnectionFailed as error:
            raise self._advice(error) from None

    def _iterate(self, flow: Flow[None]) -> Iterator[Any]:
        try:
            yield from self._player().iterate(flow)
        except ConnectionFailed as error:
            raise self._advice(error) from None

    def _content(self, artifact_id: str) -> bytes:
        return self._run(routes.content(self._policy, artifact_id))


class Artifacts:
    """Large inputs and answers: ``client.artifacts``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def upload(self, file: str | PathLike[str] | bytes, filename: str = "") -> Artifact:
        """A file (streamed from disk) or bytes."""
        body = file if isinstance(file, bytes) else Path(file).expanduser()
        name = filename or (body.name if isinstance(body, Path) else "")
        return self._client._run(routes.upload(self._client._policy, body, name))

    def get(self, artifact_id: str) -> Artifact:
        """Name, size, checksum."""
        return self._client._run(routes.artifact(self._client._policy, artifact_id))

    def read(self, artifact_id: str) -> bytes:
        """The content."""
        return self._client._content(artifact_id)

    def download(self, artifact_id: str, target: str | PathLike[str]) -> Path:
        """The content into a file, with its checksum checked."""
        return self._client._run(routes.download(self._client._policy, artifact_id, Path(target)))

    def delete(self, artifact_id: str) -> None:
        self._client._run(routes.delete(self._client._policy, "art", artifact_id))
