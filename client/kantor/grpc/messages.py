"""Between the calls of REST, in which the client's flows speak, and messages of ``kantor.v1``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from kantor.wire.steps import Call

_TIMES = ("created_at", "started_at", "finished_at", "deadline_at", "cancel_requested_at", "expires_at")
_PLAIN = ("id", "kind", "task", "state", "engine", "name", "pool", "priority", "attempt", "max_attempts", "last_seq")
_RENAMED = {"deadline": "deadline_seconds", "retention": "retention_seconds"}


def submission(call: Call) -> pb.SubmitJobRequest:
    """Of the JSON body of a submit. Large arrays are artifacts already."""
    assert isinstance(call.body, bytes)
    given = json.loads(call.body)
    request = pb.SubmitJobRequest(
        problem=_bytes(given.pop("problem")),
        options=_bytes(given.pop("options", {})),
        request_id=call.headers.get("Idempotency-Key", ""),
        wait_seconds=call.hold,
    )
    request.labels.update(given.pop("labels", {}))
    for name, value in given.items():
        if value is not None:
            setattr(request, _RENAMED.get(name, name), value)
    return request


def listing(params: list[tuple[str, str]]) -> pb.ListJobsRequest:
    """Of the query of a list."""
    request = pb.ListJobsRequest()
    for name, value in params:
        if name == "state":
            request.states.append(value)
        elif name == "without_kind":
            request.without_kinds.append(value)
        elif name == "label":
            key, _, text = value.partition(":")
            request.labels[key] = text
        elif name in ("created_after", "created_before"):
            getattr(request, name).FromDatetime(datetime.fromisoformat(value).astimezone(UTC))
        elif name == "page_size":
            request.page_size = int(value)
        else:
            setattr(request, name, value)
    return request


def job(message: pb.Job) -> bytes:
    """JSON of the job."""
    values: dict[str, Any] = {name: getattr(message, name) for name in _PLAIN}
    values["labels"] = dict(message.labels)
    values |= {name: _time(getattr(message, name)) for name in _TIMES if message.HasField(name)}
    if message.warnings:
        values["warnings"] = list(message.warnings)
    text = json.dumps(values).encode()[:-1]
    for name in ("progress", "summary", "error"):
        if content := getattr(message, name):
            text += b',"%s":%s' % (name.encode(), content)
    if message.answer:
        text += b',"%s":%s' % (b"inspection" if message.task == "inspect" else b"answer", message.answer)
    return text + b"}"


def page(message: pb.ListJobsResponse) -> bytes:
    """JSON of a page of jobs."""
    jobs = b",".join(job(item) for item in message.jobs)
    return b'{"jobs":[%s],"next_page_token":%s}' % (jobs, _bytes(message.next_page_token))


def event(message: pb.Event) -> bytes:
    """As it stands in a stream of REST."""
    head = {"seq": message.seq, "job_id": message.job_id, "attempt": message.attempt, "at": _time(message.at)}
    text = json.dumps({**head, "type": message.type}).encode()[:-1]
    return b'id: %d\nevent: %s\ndata: %s,"data":%s}\n\n' % (message.seq, message.type.encode(), text, message.data)


def artifact(message: pb.Artifact) -> bytes:
    """JSON of an artifact."""
    names = ("id", "filename", "media_type", "size", "sha256", "origin")
    values: dict[str, Any] = {name: getattr(message, name) for name in names}
    values |= {name: _time(getattr(message, name)) for name in ("created_at", "expires_at") if message.HasField(name)}
    return _bytes(values)


def _bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _time(stamp: Timestamp) -> str:
    moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    return moment.isoformat()
