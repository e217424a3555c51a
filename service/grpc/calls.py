"""Around every call: who asks, in which request, how long they wait; errors become statuses; one line in the log."""

from __future__ import annotations

import asyncio
import functools
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog

from api_schemas import ids
from api_schemas.errors import KantorError
from service.grpc import faults
from service.grpc.incoming import Incoming, Turns
from service.keys import Principal
from service.rest import access, bodies
from service.rest.state import State
from service.telemetry import metrics, origin, tracing
from service.telemetry.origin import Origin
from service.tenants.audit import Actor

LONGEST_WAIT = 600.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}$")
log = structlog.get_logger("kantor.grpc")


class Call:
    """One call under way."""

    def __init__(
        self,
        state: State,
        principal: Principal,
        context: grpc.aio.ServicerContext,
        request_id: str,
        metadata: Mapping[str, str],
        scope: str,
    ) -> None:
        self.state = state
        self.principal = principal
        self._turns: Turns | None = None
        self.request_id = request_id
        self._context = context
        self._metadata = metadata
        self._scope = scope

    @property
    def actor(self) -> Actor:
        """For the audit log."""
        return Actor(self.principal, self.request_id)

    async def require_key(self) -> None:
        """For long calls: that the key works still.

        Raises:
            KantorError: ``unauthenticated``, ``forbidden``.
        """
        (await access.identify(self.state, self._metadata)).require(self._scope)

    async def receive(self, request: Any) -> Any:
        """The call's message, in this project's turn. A large one keeps the turn until ``let_go``.

        Raises:
            KantorError: ``unavailable``, ``request-timeout``, ``invalid-request``.
        """
        if not isinstance(request, Incoming):
            return request
        await request.turns.take(self.principal.project_id)
        self._turns = request.turns
        message = await request.receive(self.state.settings.body_seconds)
        if message.ByteSize() <= bodies.SMALL:
            self.let_go()
        return message

    def let_go(self) -> None:
        """The message is done with: the next may come. The end of the call does it in any case."""
        if self._turns is not None:
            self._turns.let_go(self.principal.project_id)
            self._turns = None

    def patience(self, wanted: float) -> float:
        """Seconds to wait: as asked for, within the deadline of the call (less what a reply needs)."""
        if not 0 <= wanted < 1e9:
            raise KantorError("invalid-request", "wait_seconds: must be a number of seconds, 0 or more.")
        left: float | None = self._context.time_remaining()
        return min(wanted, LONGEST_WAIT, *([] if left is None else [max(0.0, left - 0.2)]))


def identifier(prefix: str, text: str) -> Any:
    """The UUID of an id.

    Raises:
        KantorError: ``not-found``.
    """
    try:
        return ids.decode(prefix, text)
    except ValueError:
        raise KantorError(
            "not-found", f"There is no {text[:60]!r}: an id is {prefix}_ and 26 letters and digits."
        ) from None


def unary(scope: str) -> Callable[[Callable[[Any, Call, Any], Awaitable[Any]]], Any]:
    """A method with one reply; ``function(servicer, call, request)``. The key must have ``scope``."""

    def wrap(function: Callable[[Any, Call, Any], Awaitable[Any]]) -> Any:
        @functools.wraps(function)
        async def method(servicer: Any, request: Any, context: grpc.aio.ServicerContext) -> Any:
            async with _Around(servicer.state, context, function.__name__, scope) as call:
                return await function(servicer, call, await call.receive(request))

        return method

    return wrap


def streaming(scope: str) -> Callable[[Callable[[Any, Call, Any], AsyncIterator[Any]]], Any]:
    """A method with a stream of replies."""

    def wrap(function: Callable[[Any, Call, Any], AsyncIterator[Any]]) -> Any:
        @functools.wraps(function)
        async def method(servicer: Any, request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            async with _Around(servicer.state, context, function.__name__, scope) as call:
                async for reply in function(servicer, call, await call.receive(request)):
                    yield reply

        return method

    return wrap


class _Around:
    def __init__(self, state: State, context: grpc.aio.ServicerContext, method: str, scope: str) -> None:
        self._state = state
        self._context = context
        self._method = method
        self._scope = scope
        self._begin = time.perf_counter()
        self._principal: Principal | None = None
        self._call: Call | None = None
        self._metadata = {
            str(name): value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in context.invocation_metadata() or ()
        }
        sent = self._metadata.get("x-request-id", "")
        self._request_id = sent if _REQUEST_ID.match(sent) else secrets.token_hex(12)
        parent = origin.traceparent(self._metadata.get("traceparent"))
        self._span = tracing.begin(method, parent, kind="server") if tracing.on() else None
        self._origin = Origin(self._request_id, parent if self._span is None else tracing.traceparent(self._span))

    async def __aenter__(self) -> Call:
        origin.enter(self._origin)
        metadata: list[tuple[str, str]] = [("x-request-id", self._request_id)]
        if self._origin.traceparent is not None:
            metadata.append(("traceparent", self._origin.traceparent))
        try:
            self._principal = await access.identify(self._state, self._metadata)
            origin.asks(self._principal.key_id)
            project = self._principal.project_id.hex
            standing = await self._state.rates.count(project, self._principal.limits.max_requests)
            if standing is not None:
                metadata += [(name.lower(), value) for name, value in standing.headers.items()]
            self._principal.require(self._scope)
        except Exception as error:
            await self._abort(error)
        await self._context.send_initial_metadata(tuple(metadata))
        self._call = Call(self._state, self._principal, self._context, self._request_id, self._metadata, self._scope)
        return self._call

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._call is not None:
            self._call.let_go()
        if kind is None:
            self._log("OK")
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self._log("CANCELLED")
        elif isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            await self._abort(error)

    async def _abort(self, error: Exception) -> NoReturn:
        known = faults.translate(error, self._request_id)
        self._log(faults.code_of(known).name, known.code)
        status = (("grpc-status-details-bin", faults.details(known, self._request_id)),)
        await self._context.abort(faults.code_of(known), known.detail, status)
        raise AssertionError("abort raises")

    def _log(self, status: str, code: str = "") -> None:
        metrics.GRPC_SECONDS.labels(self._method, status).observe(time.perf_counter() - self._begin)
        if self._span is not None:
            self._span.set_attributes({"rpc.method": self._method, "kantor.request_id": self._request_id})
            if status not in ("OK", "CANCELLED"):
                tracing.fail(self._span, code or status)
            self._span.end()
        who = self._principal
        log.info(
            "call",
            method=self._method,
            status=status,
            **({"code": code} if code else {}),
            ms=round((time.perf_counter() - self._begin) * 1e3, 2),
            request_id=self._request_id,
            **({"project": str(who.project_id), "key": str(who.key_id)} if who else {}),
        )
