"""Statuses with google.rpc details as the replies of REST that they stand for."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from api_schemas.errors import FieldError, Problem
from kantor.wire.steps import BrokenConnection, Reply

_BY_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
    grpc.StatusCode.PERMISSION_DENIED: "forbidden",
    grpc.StatusCode.NOT_FOUND: "not-found",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "too-large",
    grpc.StatusCode.INVALID_ARGUMENT: "invalid-request",
    grpc.StatusCode.UNIMPLEMENTED: "method-not-allowed",
}


def reply(error: Any, url: str) -> Reply:
    """The refusal.

    Raises:
        BrokenConnection: it is none of Kantor's: nothing (whole) came back.
    """
    metadata = dict(error.trailing_metadata() or ())
    details = metadata.get("grpc-status-details-bin")
    code, words = error.code(), error.details() or ""
    if details is None:
        if code in _BY_STATUS:
            problem = Problem.of(_BY_STATUS[code], words)
            return Reply(problem.status, {}, problem.model_dump_json().encode())
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise BrokenConnection(f"{url} did not reply in time", sent=True, timed_out=True)
        refused = code == grpc.StatusCode.UNAVAILABLE and "connect" in words.lower()
        what = f"no server answers at {url} by gRPC" if refused else f"the connection to {url} broke"
        raise BrokenConnection(f"{what} ({words[:200]})", sent=not refused, timed_out=False)
    status = status_pb2.Status.FromString(details)
    info, request, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.RequestInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    headers = {}
    for detail in status.details:
        for message in (info, request, bad, retry):
            detail.Unpack(message)
    if retry.HasField("retry_delay"):
        headers["retry-after"] = str(retry.retry_delay.ToTimedelta().total_seconds())
    errors = [
        FieldError(pointer=item.field, detail=item.description, hint=item.reason) for item in bad.field_violations
    ]
    number = int(info.metadata.get("http_status", "500"))
    problem = Problem(
        type=f"urn:kantor:problem:{info.reason}",
        title=info.metadata.get("title", ""),
        status=number,
        detail=status.message,
        code=info.reason,
        errors=errors,
        request_id=request.request_id,
    )
    return Reply(number, headers, problem.model_dump_json().encode())
