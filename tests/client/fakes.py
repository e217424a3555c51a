"""Replies of a server that is not there: only for what a live server cannot be made to do on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import kantor

from api_schemas.errors import Problem
from api_schemas.events import Event
from api_schemas.ids import encode as encode_id
from api_schemas.ids import new_uuid

JOB_ID = encode_id("job", new_uuid())
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Handler = Callable[[httpx.Request], httpx.Response]


def job(state: str = "queued", **more: Any) -> dict[str, Any]:
    return {
        "id": JOB_ID,
        "kind": "program",
        "task": "solve",
        "state": state,
        "engine": "auto",
        "pool": "cpu",
        "priority": 0,
        "attempt": 1,
        "max_attempts": 3,
        "created_at": NOW.isoformat(),
        **more,
    }


def answer(**more: Any) -> dict[str, Any]:
    return {"kind": "program", "status": "optimal", "objective": 1.0, "bound": 1.0, "gap": 0.0, "primal": [1.0], **more}


def problem(code: str, detail: str = "words", **headers: str) -> httpx.Response:
    made = Problem.of(code, detail, request_id="req_1")
    return httpx.Response(made.status, content=made.model_dump_json(), headers=headers)


def event(seq: int, kind: str = "progress", **data: Any) -> bytes:
    made = Event(seq=seq, job_id=JOB_ID, attempt=1, at=NOW, type=kind, data=data)  # type: ignore[arg-type]
    return f"id: {seq}\nevent: {kind}\ndata: {made.model_dump_json()}\n\n".encode()


class Script:
    """Replies in turn; an exception among them is raised. Remembers the requests."""

    def __init__(self, *replies: httpx.Response | Exception | Handler) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else reply(request)

    async def later(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self(request)


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces that breaks at the end if told so."""

    def __init__(self, *pieces: bytes, breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._breaks:
            raise httpx.ReadError("connection reset")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Both:
    """Runs the same calls on ``Client`` and on ``AsyncClient``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def client(self, script: Script, **more: Any) -> Any:
        if self.kind == "blocking":
            return kantor.Client("http://kantor.test", http_transport=httpx.MockTransport(script), **more)
        return _Awaited(
            kantor.AsyncClient("http://kantor.test", http_transport=httpx.MockTransport(script.later), **more)
        )


class _Awaited:
    """An asynchronous object, used as a blocking one."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if not callable(member):
            return member

        def call(*arguments: Any, **more: Any) -> Any:
            result = member(*arguments, **more)
            if hasattr(result, "__aiter__"):
                return iter(asyncio.run(_collect(result)))
            if asyncio.iscoroutine(result):
                result = asyncio.run(result)
            return _Awaited(result) if isinstance(result, kantor.AsyncJob) else result

        return call


async def _collect(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]
