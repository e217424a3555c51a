"""A job's events as server-sent events (WHATWG HTML, section 9.2): replay from any number, then live.

Events come from the table; hints only say when to look. The stream holds one page at a time and reads the next when the
socket has taken it, so a slow reader costs no memory, and one that takes nothing for a while is dropped.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api_schemas.errors import KantorError
from service import jobs
from service.jobs import EventRow
from service.rest import access, views, waiting
from service.rest.state import State

HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}
HEARTBEAT_SECONDS = 15.0
LIFETIME_SECONDS = 600.0
SEND_SECONDS = 30.0
KEY_LOOK_SECONDS = 1.0
"""Between two looks at the reader's key, which the process remembers for a while."""
RECONNECT_MILLISECONDS = 1000
PAGE = 500

log = structlog.get_logger("kantor.api")


class Stream(Response):
    """Sends what ``_send_all`` has to say until that ends, the reader leaves, or the reader's key works no more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_gone(receive))
        expiring = asyncio.ensure_future(_expired(Request(scope)))
        try:
            await asyncio.wait([sending, leaving, expiring], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            elif expiring.done():
                sending.cancel()
                await asyncio.wait([sending])
                await write(send, b": reconnect\n\n")
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            sending.cancel()
            leaving.cancel()
            expiring.cancel()

    @abstractmethod
    async def _send_all(self, send: Send) -> None: ...


class EventStream(Stream):
    """It ends after the event "finished", after ten minutes, or when the process ends."""

    def __init__(self, state: State, project_id: UUID, job_id: UUID, rows: list[EventRow], after: int) -> None:
        super().__init__()
        self._state = state
        self._project_id = project_id
        self._job_id = job_id
        self._rows = rows
        self._after = after

    async def _send_all(self, send: Send) -> None:
        begin = heard = time.monotonic()
        await write(send, b"retry: %d\n\n" % RECONNECT_MILLISECONDS)
        while True:
            if self._rows:
                await write(send, b"".join(map(_message, self._rows)))
                self._after, heard = self._rows[-1].seq, time.monotonic()
                if self._rows[-1].type == "finished":
                    break
            if len(self._rows) < PAGE:
                now = time.monotonic()
                if now - begin >= LIFETIME_SECONDS or self._state.stopping.is_set():
                    await write(send, b": reconnect\n\n")
                    break
                if now - heard >= HEARTBEAT_SECONDS:
                    await write(send, b": still here\n\n")
                    heard = now
                seconds = min(heard + HEARTBEAT_SECONDS, begin + LIFETIME_SECONDS) - now
                await waiting.next_event(self._state, self._job_id, self._after, seconds)
            self._rows = await self._state.database(jobs.events, self._project_id, self._job_id, self._after, PAGE)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _message(row: EventRow) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row.seq, row.type.encode(), views.event_json(row))


async def write(send: Send, data: bytes) -> None:
    """Send, as long as the reader takes it within ``SEND_SECONDS``."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": data, "more_body": True})
    except TimeoutError:
        log.info("slow_reader_dropped")
        raise ReaderGoneError from None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _expired(request: Request) -> None:
    """Until the key of a request may not read any more."""
    while True:
        await asyncio.sleep(KEY_LOOK_SECONDS)
        try:
            await access.require_key(request, "read")
        except KantorError as error:
            if error.code in ("unauthenticated", "forbidden"):
                return
        except (psycopg.OperationalError, PoolTimeout):
            continue  # not known now


class ReaderGoneError(ConnectionError):
    """The reader does not take what it asked for."""
