"""Errors as gRPC statuses: the codes of ``api_schemas.errors`` with google.rpc details."""

from __future__ import annotations

import grpc
import psycopg
import psycopg_pool
import structlog
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from api_schemas.errors import CODES, KantorError

DOMAIN = "kantor"
log = structlog.get_logger("kantor.grpc")


def translate(error: Exception, request_id: str) -> KantorError:
    """The ``KantorError`` that an exception means."""
    if isinstance(error, KantorError):
        return error
    if isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        return KantorError("unavailable", "The service is overloaded; try again shortly.", headers={"Retry-After": "2"})
    if isinstance(error, psycopg.OperationalError):
        log.warning("database_unavailable", error=str(error).strip(), request_id=request_id)
        return KantorError(
            "unavailable", "The database cannot be reached now; try again shortly.", headers={"Retry-After": "2"}
        )
    log.error("unexpected_exception", exc_info=error, request_id=request_id)
    return KantorError("internal", "Kantor made a mistake; the log has its trace under this request id.")


def code_of(error: KantorError) -> grpc.StatusCode:
    """The canonical status of an error."""
    return grpc.StatusCode[CODES[error.code].grpc]


def details(error: KantorError, request_id: str) -> bytes:
    """A serialized google.rpc.Status, for the trailing metadata ``grpc-status-details-bin``."""
    code: int = code_of(error).value[0]
    entry = CODES[error.code]
    status = status_pb2.Status(code=code, message=error.detail)
    parts: list[object] = [
        error_details_pb2.ErrorInfo(
            reason=error.code, domain=DOMAIN, metadata={"title": entry.title, "http_status": str(entry.status)}
        ),
        error_details_pb2.RequestInfo(request_id=request_id),
    ]
    if error.errors:
        # field: the JSON pointer; reason: what would be right
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=e.pointer, description=e.detail, reason=e.hint)
            for e in error.errors
        ]
        parts.append(error_details_pb2.BadRequest(field_violations=violations))
    wait = error.headers.get("Retry-After", "")
    if wait.isdigit():
        parts.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=int(wait))))
    for part in parts:
        packed = any_pb2.Any()
        packed.Pack(part)
        status.details.append(packed)
    serialized: bytes = status.SerializeToString()
    return serialized
