"""Every error becomes problem details (RFC 9457); the one place where exceptions meet HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import psycopg
import psycopg_pool
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.errors import CODES, FieldError, KantorError, Problem
from service.rest import field_errors
from service.rest.routing import methods_at, paths
from service.rest.union_errors import Located

MEDIA_TYPE = "application/problem+json"
_DEFAULT_HEADERS = {
    "unauthenticated": {"WWW-Authenticate": 'Bearer realm="kantor"'},
    "unavailable": {"Retry-After": "2"},
    "rate-limited": {"Retry-After": "1"},
}

log = structlog.get_logger("kantor.api")


def reply(error: KantorError, *, instance: str, request_id: str) -> Response:
    """The error as a response."""
    problem = error.problem(instance=instance, request_id=request_id)
    return Response(
        problem.model_dump_json(exclude_defaults=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **_DEFAULT_HEADERS.get(error.code, {}), **error.headers},
    )


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may end with these codes, for OpenAPI."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, "request-timeout") if "too-large" in codes else codes:  # what comes late, too
        by_status.setdefault(CODES[code].status, []).append(code)
    documented: dict[int | str, dict[str, Any]] = {}
    for status, names in sorted(by_status.items()):
        documented[status] = {
            "description": "; ".join(f"`{name}`: {CODES[name].title.lower()}" for name in names),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return documented


def internal() -> KantorError:
    """What a user sees of a mistake of ours."""
    return KantorError("internal", "Kantor made a mistake; the log has its trace under this request id.")


def translate(error: Exception, request: Request) -> KantorError:
    """The ``KantorError`` that an exception means."""
    if isinstance(error, KantorError):
        return error
    if isinstance(error, RequestValidationError):
        return _bad_parameters(error)
    if isinstance(error, HTTPException):
        return _http(error, request)
    if isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        log.warning("database_pool_exhausted", error=str(error), request_id=request_id(request))
        return KantorError("unavailable", "The service is overloaded; try again shortly.")
    if isinstance(error, psycopg.OperationalError):
        log.warning("database_unavailable", error=str(error).strip(), request_id=request_id(request))
        return KantorError("unavailable", "The database cannot be reached now; try again shortly.")
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        log.error("database_not_migrated", error=str(error).strip(), hint="python -m service.store.migrate")
        return KantorError("unavailable", "The service is being set up; try again shortly.")
    log.error("unexpected_exception", exc_info=error, request_id=request_id(request))
    return internal()


def install(app: FastAPI) -> None:
    """Make every error of the routes a problem."""

    async def handle(request: Request, error: Exception) -> Response:
        return reply(translate(error, request), instance=request.url.path, request_id=request_id(request))

    handler = cast(Callable[[Request, Exception], Awaitable[Response]], handle)
    for kind in (KantorError, RequestValidationError, HTTPException, psycopg.Error, psycopg_pool.PoolTimeout):
        app.add_exception_handler(kind, handler)


def request_id(request: Request) -> str:
    """The id that stands in the reply's headers and in the log."""
    return str(request.scope.get("kantor.request_id", ""))


def _bad_parameters(error: RequestValidationError) -> KantorError:
    errors = []
    for fault in error.errors():
        place, name = (*fault["loc"], "", "")[:2]
        located = Located((), fault["type"], fault["msg"], fault.get("ctx", {}))
        detail, hint = field_errors.words(fault.get("input"), located)
        errors.append(FieldError(pointer=str(name or place), detail=detail, hint=hint))
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return KantorError("invalid-request", f"{first.pointer}: {first.detail}{more}", errors=errors)


def _http(error: HTTPException, request: Request) -> KantorError:
    path = request.url.path[:200]
    if error.status_code == 404:
        hint = field_errors.near(path, paths(request.app), listed=False)
        return KantorError("not-found", f"There is no address {path}" + (f": {hint}" if hint else "; see /docs."))
    if error.status_code == 405:
        allowed = ", ".join(methods_at(request.app, request.scope))
        detail = f"{path} does not take {request.method[:20]}, but {allowed}."
        return KantorError("method-not-allowed", detail, headers={"Allow": allowed})
    if error.status_code == 413:
        return KantorError("too-large", "The body is over the limit.")
    if error.status_code < 500:
        return KantorError("invalid-request", str(error.detail)[:200])
    log.error("http_exception", status=error.status_code, detail=str(error.detail)[:200])
    return internal()


__all__ = ["MEDIA_TYPE", "Problem", "documented", "install", "internal", "reply", "request_id", "translate"]
