"""One function for each route: builds the request, reads the reply."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from api_schemas import ids
from api_schemas.artifacts import Artifact
from api_schemas.engines import EngineList, ServiceStatus, WorkerList
from api_schemas.jobs import Job, JobPage, Validation
from kantor.errors import KantorError, NotFound
from kantor.wire.retry import send
from kantor.wire.steps import Call, Emit, Flow, Reply, Save, Send

if TYPE_CHECKING:
    pass

M = TypeVar("M", bound=BaseModel)
JSON = {"Content-Type": "application/json"}
_COLLECTIONS = {"job": ("jobs", "job"), "art": ("artifacts", "artifact")}


@dataclass(frozen=True, slots=True)
class Policy:
    """How stubborn the client is.

    Attributes:
        max_retries: of every request.
        patience: seconds of outage that whoever waits for a job bears, so that a server may be restarted meanwhile.
    """

    max_retries: int = 2
    patience: float = 120.0


def read(model: type[M], reply: Reply) -> M:
    """Raises:
    KantorError: the reply is not what the contract says.
    """
    try:
        return model.model_validate_json(reply.content)
    except ValidationError as error:
        raise KantorError(
            f"the server's reply is not a {model.__name__}; is this a Kantor server? ({error.errors()[0]['msg']})"
        ) from None


def path(prefix: str, resource_id: str, *rest: str) -> str:
    """The address of a job ("job") or artifact ("art").

    Raises:
        NotFound: it is no identifier of this kind, so that there can be no such thing.
    """
    collection, what = _COLLECTIONS[prefix]
    try:
        ids.decode(prefix, resource_id)
    except ValueError:
        raise NotFound(f"there is no {what} {resource_id!r:.80}: an id is {prefix}_ and 26 letters") from None
    return "/".join(("/v1", collection, resource_id, *rest))


def _get(
    policy: Policy, address: str, *params: tuple[str, str], hold: float = 0.0, patience: float = 0.0
) -> Flow[Reply]:
    return (
        yield from send(
            Send(Call("GET", address, params, hold=hold)), max_retries=policy.max_retries, patience=patience
        )
    )


def submit(policy: Policy, body: bytes, idempotency_key: str, *, prefer_wait: float = 0.0) -> Flow[Job]:
    """The job; with its answer if it was done within ``prefer_wait`` seconds. Limits that the server will not grant
    are told as a ``UserWarning``."""
    headers = {**JSON, "Idempotency-Key": idempotency_key}
    if prefer_wait > 0:
        headers["Prefer"] = f"wait={prefer_wait:.3f}"
    call = Call("POST", "/v1/jobs", headers=headers, body=body, hold=prefer_wait)
    # a server that is restarted while it holds the reply is waited for; one that never was there is not
    reply = yield from send(Send(call), max_retries=policy.max_retries, patience=policy.patience, known=False)
    job = read(Job, reply)
    for text in job.warnings:
        warnings.warn(text, stacklevel=2)
    return job


def validate(policy: Policy, body: bytes) -> Flow[Validation]:
    call = Call("POST", "/v1/jobs", (("validate_only", "true"),), headers=JSON, body=body)
    return read(Validation, (yield from send(Send(call), max_retries=policy.max_retries)))


def job(policy: Policy, job_id: str, *, wait: float = 0.0, answer: bool = False, patience: float = 0.0) -> Flow[Job]:
    params = [("wait", f"{wait:.3f}")] if wait > 0 else []
    params += [("include", "answer")] if answer else []
    return read(Job, (yield from _get(policy, path("job", job_id), *params, hold=wait, patience=patience)))


def jobs(policy: Policy, filters: Mapping[str, Any], page_size: int, limit: int | None) -> Flow[None]:
    """Emits jobs, newest first, page after page."""
    left = limit
    token = ""
    while left is None or left > 0:
        params = [*_filters(filters), ("page_size", str(page_size if left is None else min(page_size, left)))]
        params += [("page_token", token)] if token else []
        page = read(JobPage, (yield from _get(policy, "/v1/jobs", *params)))
        for item in page.jobs if left is None else page.jobs[:left]:
            yield Emit(item)
        left = None if left is None else left - len(page.jobs)
        token = page.next_page_token
        if not token:
            return


def _filters(filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    params = []
    for name, value in filters.items():
        if value is None:
            continue
        if name == "labels":
            params += [("label", f"{key}:{text}") for key, text in value.items()]
        elif isinstance(value, datetime):
            aware = value if value.tzinfo is not None else value.astimezone()
            params.append((name, aware.astimezone(UTC).isoformat()))
        elif isinstance(value, (list, tuple, set, frozenset)):
            params += [(name, str(item)) for item in value]
        else:
            params.append((name, str(value)))
    return params


def cancel(policy: Policy, job_id: str) -> Flow[Job]:
    call = Call("POST", path("job", job_id, "cancel"))
    return read(Job, (yield from send(Send(call), max_retries=policy.max_retries)))


def delete(policy: Policy, prefix: str, resource_id: str) -> Flow[None]:
    yield from send(Send(Call("DELETE", path(prefix, resource_id))), max_retries=policy.max_retries)


def log(policy: Policy, job_id: str) -> Flow[str]:
    return (yield from _get(policy, path("job", job_id, "log"))).content.decode("utf-8", "replace")


def problem(policy: Policy, job_id: str) -> Flow[dict[str, Any]]:
    import json

    document: dict[str, Any] = json.loads((yield from _get(policy, path("job", job_id, "problem"))).content)
    return document


def engines(policy: Policy) -> Flow[EngineList]:
    return read(EngineList, (yield from _get(policy, "/v1/engines")))


def workers(policy: Policy) -> Flow[WorkerList]:
    return read(WorkerList, (yield from _get(policy, "/v1/workers")))


def status(policy: Policy) -> Flow[ServiceStatus]:
    return read(ServiceStatus, (yield from _get(policy, "/v1/status")))


def upload(policy: Policy, body: bytes | Path, filename: str) -> Flow[Artifact]:
    # repeatable: the worst that a second upload does is to leave an artifact that nobody refers to and that expires
    headers = {"Content-Type": "application/octet-stream"}
    call = Call("POST", "/v1/artifacts", (("filename", filename),), headers=headers, body=body)
    return read(Artifact, (yield from send(Send(call), max_retries=policy.max_retries)))


def artifact(policy: Policy, artifact_id: str) -> Flow[Artifact]:
    return read(Artifact, (yield from _get(policy, path("art", artifact_id))))


def content(policy: Policy, artifact_id: str) -> Flow[bytes]:
    return (yield from _get(policy, path("art", artifact_id, "content"))).content


def download(policy: Policy, artifact_id: str, target: Path) -> Flow[Path]:
    """Into a file beside ``target`` first, so that nobody sees half of it; the checksum must fit."""
    known = yield from artifact(policy, artifact_id)
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        call = Call("GET", path("art", artifact_id, "content"))
        yield from send(Save(call, partial), max_retries=policy.max_retries)
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != known.sha256:
            raise KantorError(f"{artifact_id} arrived damaged: its checksum is {found}, not {known.sha256}")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
