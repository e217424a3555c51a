"""Plays the client's flows over gRPC: the third player, beside the two on httpx."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import ArtifactsStub, EnginesStub, JobsStub
from api_schemas.proto.kantor.v1.schedules_pb2_grpc import SchedulesStub
from api_schemas.proto.kantor.v1.studies_pb2_grpc import StudiesStub
from kantor.errors import KantorError
from kantor.grpc import faults, messages, schedules, studies
from kantor.wire.drivers import CHUNK, Player
from kantor.wire.steps import Call, Open, Reply, Save, Send

_JOB = re.compile(r"/v1/jobs/(job_\w+)(?:/(\w+))?$")
_ARTIFACT = re.compile(r"/v1/artifacts/(art_\w+)(/content)?$")


class Connection:
    """A channel with its stubs and the key. May be shared by threads.

    Args:
        url: for messages to people.
    """

    def __init__(self, channel: grpc.Channel, api_key: str | None, url: str) -> None:
        self.url = url
        self.jobs: Any = JobsStub(channel)
        self.artifacts: Any = ArtifactsStub(channel)
        self.engines: Any = EnginesStub(channel)
        self.studies: Any = StudiesStub(channel)
        self.schedules: Any = SchedulesStub(channel)
        self.metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        self.close = channel.close


class GrpcDriver(Player):
    """Plays one flow. Make a new one for each."""

    def __init__(self, connection: Connection, timeout: float) -> None:
        super().__init__()
        self._connection = connection
        self._timeout = timeout

    def _next(self) -> bytes | None:
        try:
            return next(self._chunks, None)
        except grpc.RpcError as error:
            faults.reply(error, self._connection.url)
            return None  # the server itself ended the stream: taken up again by the flow

    def _request(self, step: Send | Save | Open) -> Reply:
        call = step.call
        try:
            if isinstance(step, Open):
                return self._open(call)
            if isinstance(step, Save):
                with step.target.open("wb") as target:
                    target.writelines(self._download(call))
                return Reply(200, {}, b"")
            if call.path.startswith("/v1/studies"):
                return studies.reply(self._connection.studies, call, self._options(call))
            if call.path.startswith("/v1/schedules"):
                return schedules.reply(self._connection.schedules, call, self._options(call))
            return Reply(200, {}, self._unary(call))
        except grpc.RpcError as error:
            return faults.reply(error, self._connection.url)

    def _options(self, call: Call) -> dict[str, Any]:
        return {"timeout": self._timeout + call.hold, "metadata": self._connection.metadata}

    def _unary(self, call: Call) -> bytes:
        options = self._options(call)
        if found := _JOB.match(call.path):
            return self._job(call, found[1], found[2] or "", options)
        if found := _ARTIFACT.match(call.path):
            return self._artifact(call, found[1], bool(found[2]), options)
        engines, jobs = self._connection.engines, self._connection.jobs
        routes: dict[tuple[str, str], Callable[[], bytes]] = {
            ("POST", "/v1/jobs"): lambda: self._submit(call, options),
            ("GET", "/v1/jobs"): lambda: messages.page(jobs.ListJobs(messages.listing(list(call.params)), **options)),
            ("POST", "/v1/artifacts"): lambda: self._upload(call, options),
            ("GET", "/v1/engines"): lambda: engines.ListEngines(Empty(), **options).content,
            ("GET", "/v1/workers"): lambda: engines.ListWorkers(Empty(), **options).content,
            ("GET", "/v1/status"): lambda: engines.GetStatus(Empty(), **options).content,
        }
        if (call.method, call.path) not in routes:
            raise KantorError(f"{call.method} {call.path} is not offered by gRPC; use transport='http' for it")
        return routes[call.method, call.path]()

    def _submit(self, call: Call, options: dict[str, Any]) -> bytes:
        request = messages.submission(call)
        if ("validate_only", "true") in call.params:
            content: bytes = self._connection.jobs.ValidateJob(request, **options).content
            return content
        return messages.job(self._connection.jobs.SubmitJob(request, **options))

    def _job(self, call: Call, job_id: str, part: str, options: dict[str, Any]) -> bytes:
        jobs, params = self._connection.jobs, dict(call.params)
        if part == "cancel":
            return messages.job(jobs.CancelJob(pb.CancelJobRequest(job_id=job_id), **options))
        if part in ("log", "problem"):
            method, request = (
                (jobs.GetLog, pb.GetLogRequest)
                if part == "log"
                else (
                    jobs.GetProblem,
                    pb.GetProblemRequest,
                )
            )
            content: bytes = method(request(job_id=job_id), **options).content
            return content
        if call.method == "DELETE":
            jobs.DeleteJob(pb.DeleteJobRequest(job_id=job_id), **options)
            return b""
        request = pb.GetJobRequest(
            job_id=job_id, wait_seconds=float(params.get("wait", 0)), include_answer="include" in params
        )
        return messages.job(jobs.GetJob(request, **options))

    def _artifact(self, call: Call, artifact_id: str, content: bool, options: dict[str, Any]) -> bytes:
        artifacts = self._connection.artifacts
        if content:
            return b"".join(self._download(call))
        if call.method == "DELETE":
            artifacts.DeleteArtifact(pb.DeleteArtifactRequest(artifact_id=artifact_id), **options)
            return b""
        return messages.artifact(artifacts.GetArtifact(pb.GetArtifactRequest(artifact_id=artifact_id), **options))

    def _upload(self, call: Call, options: dict[str, Any]) -> bytes:
        # time for the bytes too: at least a megabyte a second
        size = call.body.stat().st_size if isinstance(call.body, Path) else len(call.body or b"")
        options["timeout"] += size / 1e6
        return messages.artifact(self._connection.artifacts.UploadArtifact(_parts(call), **options))

    def _download(self, call: Call) -> Iterator[bytes]:
        found = _ARTIFACT.match(call.path)
        assert found is not None
        request = pb.DownloadArtifactRequest(artifact_id=found[1])
        stream = self._connection.artifacts.DownloadArtifact(request, metadata=self._connection.metadata)
        for chunk in stream:
            yield chunk.data

    def _open(self, call: Call) -> Reply:
        found = _JOB.match(call.path)
        assert found is not None
        after = int(call.headers.get("Last-Event-ID", 0))
        self._stream.close()
        stream = self._connection.jobs.WatchJob(
            pb.WatchJobRequest(job_id=found[1], after_seq=after),
            # a stream that lasts is taken up again; the flow says for how long it may be silent
            timeout=call.silence,
            metadata=self._connection.metadata,
        )
        self._stream.callback(stream.cancel)
        # Waited for, as refusals come here too. The server ends a stream in order only when nothing follows.
        first = next(stream, None)
        if first is None:
            return Reply(204, {}, b"")
        self._chunks = (messages.event(event) for event in chain([first], stream))
        return Reply(200, {}, b"")


def _parts(call: Call) -> Iterator[pb.UploadArtifactRequest]:
    params = dict(call.params)
    yield pb.UploadArtifactRequest(filename=params.get("filename", ""), media_type=call.headers.get("Content-Type", ""))
    if isinstance(call.body, Path):
        with call.body.open("rb") as source:
            while piece := source.read(CHUNK):
                yield pb.UploadArtifactRequest(data=piece)
    else:
        view = memoryview(call.body or b"")
        for start in range(0, len(view), CHUNK):
            yield pb.UploadArtifactRequest(data=bytes(view[start : start + CHUNK]))
