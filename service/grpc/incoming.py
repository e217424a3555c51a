"""Messages of calls with one request: who asks is known before theirs is taken in, and few large ones are held at once.

gRPC would read a message whole before a method hears of its call. On the wire one message is a stream of one, so the
methods are served as such: until somebody reads it, a sender gets no further than its first window (64 KiB).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import grpc
import grpc.aio

from api_schemas.errors import KantorError
from service.rest import bodies

AT_ONCE = 16
AT_ONCE_OF_A_PROJECT = 4
"""Messages that are being received, whatever their size, and large ones that are held. A project may have some only:
its slow senders keep nobody else's waiting."""
PATIENCE = 30.0
"""Seconds to wait for one's turn."""


class Turns:
    """Whose message may be taken in. A turn is taken with ``take`` and let go with ``let_go``, once each."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._own: dict[UUID, asyncio.Semaphore] = {}
        self._users: Counter[UUID] = Counter()

    async def take(self, project_id: UUID) -> None:
        """Wait for one.

        Raises:
            KantorError: ``unavailable``: it did not come.
        """
        own = self._own.setdefault(project_id, asyncio.Semaphore(AT_ONCE_OF_A_PROJECT))
        self._users[project_id] += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await own.acquire()
                try:
                    await self._all.acquire()
                except BaseException:
                    own.release()
                    raise
        except BaseException as error:
            self._forget(project_id)
            if isinstance(error, TimeoutError):
                words = "Too many messages are under way; try again shortly, and send large arrays as artifacts."
                raise KantorError("unavailable", words, headers={"Retry-After": "5"}) from None
            raise

    def let_go(self, project_id: UUID) -> None:
        """Give it to the next."""
        self._all.release()
        self._own[project_id].release()
        self._forget(project_id)

    def _forget(self, project_id: UUID) -> None:
        self._users[project_id] -= 1
        if not self._users[project_id]:
            del self._users[project_id], self._own[project_id]


class Incoming:
    """The message of a call, not received yet: ``receive`` it in one's turn."""

    def __init__(self, turns: Turns, context: grpc.aio.ServicerContext) -> None:
        self.turns = turns
        self._context = context

    async def receive(self, seconds: float) -> Any:
        """All of it.

        Raises:
            KantorError: ``request-timeout``; ``invalid-request``: the sender closed its side without one.
        """
        try:
            async with asyncio.timeout(seconds):
                message = await self._context.read()
        except TimeoutError:
            raise bodies.late(seconds) from None
        if message is grpc.aio.EOF:
            raise KantorError("invalid-request", "The call has no message.")
        return message


class OneByOne(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Methods of these services that take one message get an ``Incoming`` in its place."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self._services = tuple(f"/{name}/" for name in services)
        self._turns = Turns()

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(details)
        if handler is None or handler.request_streaming or not details.method.startswith(self._services):
            return handler
        codec = {name: getattr(handler, name) for name in ("request_deserializer", "response_serializer")}
        if handler.response_streaming:

            async def replies(_: object, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
                async for reply in handler.unary_stream(Incoming(self._turns, context), context):
                    yield reply

            return grpc.stream_stream_rpc_method_handler(replies, **codec)

        async def reply(_: object, context: grpc.aio.ServicerContext) -> Any:
            return await handler.unary_unary(Incoming(self._turns, context), context)

        return grpc.stream_unary_rpc_method_handler(reply, **codec)
