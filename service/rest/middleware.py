"""Around every request: its id, its log line, headers for browsers, HEAD and OPTIONS, the last resort for errors."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.rest import problems
from service.rest.event_stream import ReaderGoneError
from service.rest.routing import methods_at
from service.telemetry import metrics, origin, tracing
from service.telemetry.origin import Origin

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}$")
_API = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_PAGES = {
    **_API,
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-cache",
}

log = structlog.get_logger("kantor.api")


class Around:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, *, cors: bool) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        origin.enter(exchange.origin)
        try:
            if scope["method"] == "OPTIONS" and not self._cors and (allowed := methods_at(scope["app"], scope)):
                await exchange.options(allowed)
            else:
                await self._app(exchange.scope, receive, exchange.send)
        except (ClientDisconnect, ReaderGoneError):
            exchange.status = 499
        except Exception as error:
            await exchange.fail(error)
        finally:
            exchange.log()


class _Exchange:
    """One request and its reply."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._begin = time.perf_counter()
        self.status = 0
        self._sent = 0
        sent = _header(scope, b"x-request-id")
        self._id = sent if _REQUEST_ID.match(sent) else secrets.token_hex(12)
        parent = origin.traceparent(_header(scope, b"traceparent"))
        head = scope["method"] == "HEAD"
        self.scope: dict[str, Any] = dict(scope) | {"kantor.request_id": self._id, "kantor.head": head}
        if head:
            self.scope["method"] = "GET"
        self._method = scope["method"]
        self._span = tracing.begin(self._method, parent, kind="server") if tracing.on() else None
        self.origin = Origin(self._id, parent if self._span is None else tracing.traceparent(self._span))
        self._location = ""

    async def send(self, message: Message) -> None:
        """Pass a message on, with our headers. (The body of a reply to HEAD is left out by the server itself.)"""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._id
            if self.origin.traceparent is not None:
                headers["traceparent"] = self.origin.traceparent
            self._location = headers.get("Location", "")
            path = self.scope["path"]
            for name, value in (_API if path.startswith(("/v1", "/health", "/openapi")) else _PAGES).items():
                headers.setdefault(name, value)
            if (rate := self.scope.get("kantor.rate")) is not None:
                headers.update(rate.headers)
        elif message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        await self._send(message)

    async def options(self, allowed: list[str]) -> None:
        """What may be done at this address."""
        headers = [(b"allow", ", ".join(allowed).encode()), (b"content-length", b"0")]
        await self.send({"type": "http.response.start", "status": 204, "headers": headers})
        await self.send({"type": "http.response.body", "body": b""})

    async def fail(self, error: Exception) -> None:
        """The last resort: no exception leaves without a log line, none tells the client more than its request id."""
        request = Request(self.scope)
        reply = problems.reply(problems.translate(error, request), instance=self.scope["path"], request_id=self._id)
        if self.status == 0:
            await reply(self.scope, _nothing, self.send)
            return
        # The reply has begun: all that is left is to break it off, so that nobody takes it for whole.
        self.status = 500
        raise BrokenOffError

    def log(self) -> None:
        """One line."""
        route = getattr(self.scope.get("route"), "path", "") or "other"
        metrics.API_SECONDS.labels(route, self._method, str(self.status or 499)).observe(
            time.perf_counter() - self._begin
        )
        if self._span is not None:
            self._end(self._span, route)
        principal = self.scope.get("kantor.principal")
        log.info(
            "request",
            method=self._method,
            path=self.scope["path"][:500],
            status=self.status or 499,
            ms=round((time.perf_counter() - self._begin) * 1e3, 2),
            bytes=self._sent,
            request_id=self._id,
            **({"made": self._location} if self._location else {}),
            **({"project": str(principal.project_id), "key": str(principal.key_id)} if principal else {}),
        )

    def _end(self, span: Any, route: str) -> None:
        span.update_name(f"{self._method} {route}")
        span.set_attributes(
            {
                "http.request.method": self._method,
                "http.route": route,
                "http.response.status_code": self.status or 499,
                "kantor.request_id": self._id,
                **({"kantor.made": self._location} if self._location else {}),
            }
        )
        if self.status >= 500:
            tracing.fail(span, f"status {self.status}")
        span.end()


def _header(scope: Scope, wanted: bytes) -> str:
    value: bytes = next((value for name, value in scope["headers"] if name == wanted), b"")
    return value.decode("latin-1")


class BrokenOffError(ConnectionError):
    """A reply that had begun cannot be finished."""


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
