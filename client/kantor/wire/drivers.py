"""The two players of flows: blocking and asyncio, on httpx."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import httpx

from kantor.wire.steps import BrokenConnection, Call, Emit, Flow, Open, Read, Reply, Save, Send, Sleep, Step

T = TypeVar("T")

CONNECT_TIMEOUT = 5.0
CHUNK = 1 << 20
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def _options(call: Call, timeout: float) -> dict[str, Any]:
    headers = dict(call.headers)
    if isinstance(call.body, Path):
        headers["Content-Length"] = str(call.body.stat().st_size)
    return {
        "params": call.params or None,
        "headers": headers,
        "timeout": httpx.Timeout(
            call.silence or timeout + call.hold, connect=CONNECT_TIMEOUT, write=timeout, pool=timeout
        ),
    }


def _reply(response: httpx.Response, content: bytes) -> Reply:
    return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, content)


def _broken(error: httpx.HTTPError, url: str) -> BrokenConnection:
    timed_out = isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout))
    if timed_out:
        words = f"{url} did not reply in time"
    elif isinstance(error, _NEVER_SENT):
        words = f"no server answers at {url} ({error or type(error).__name__})"
    else:
        words = f"the connection to {url} broke ({error or type(error).__name__})"
    return BrokenConnection(words, sent=not isinstance(error, _NEVER_SENT), timed_out=timed_out)


class Player(ABC):
    """Plays one flow, blocking. Make a new one for each."""

    def __init__(self) -> None:
        self._stream = ExitStack()
        self._chunks: Iterator[bytes] = iter(())

    def run(self, flow: Flow[T]) -> T:
        """The flow's result."""
        iterator = self.iterate(flow)
        while True:
            try:
                next(iterator)
            except StopIteration as stop:
                result: T = stop.value
                return result

    def iterate(self, flow: Flow[T]) -> Generator[Any, None, T]:
        """The values that the flow emits. An interrupt (Ctrl-C) is thrown into the flow, which may clean up and raises
        it again."""
        outcome: Any = None
        error: BaseException | None = None
        with self._stream:
            while True:
                try:
                    step = flow.throw(error) if error is not None else flow.send(outcome)
                except StopIteration as stop:
                    result: T = stop.value
                    return result
                outcome = error = None
                if isinstance(step, Emit):
                    yield step.value
                    continue
                try:
                    outcome = self._perform(step)
                except (Exception, KeyboardInterrupt) as raised:
                    error = raised

    def _perform(self, step: Step) -> Any:
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
            return None
        if isinstance(step, Read):
            return self._next()
        assert not isinstance(step, Emit)
        return self._request(step)

    @abstractmethod
    def _next(self) -> bytes | None:
        """The next bytes of the open stream."""

    @abstractmethod
    def _request(self, step: Send | Save | Open) -> Reply:
        """Do a request.

        Raises:
            BrokenConnection: nothing (whole) came back.
        """


class SyncDriver(Player):
    """On httpx."""

    def __init__(self, http: httpx.Client, timeout: float) -> None:
        super().__init__()
        self._http = http
        self._timeout = timeout

    def _next(self) -> bytes | None:
        try:
            return next(self._chunks, None)
        except httpx.HTTPError as raised:
            raise _broken(raised, str(self._http.base_url)) from None

    def _request(self, step: Send | Save | Open) -> Reply:
        try:
            return self._exchange(step)
        except httpx.HTTPError as raised:
            raise _broken(raised, str(self._http.base_url)) from None

    def _exchange(self, step: Send | Save | Open) -> Reply:
        call = step.call
        body = _chunks(call.body) if isinstance(call.body, Path) else call.body
        request = self._http.build_request(call.method, call.path, content=body, **_options(call, self._timeout))
        if isinstance(step, Send):
            response = self._http.send(request)
            return _reply(response, response.content)
        self._stream.close()
        response = self._http.send(request, stream=True)
        self._stream.callback(response.close)
        if response.status_code != 200:
            return _reply(response, response.read())
        if isinstance(step, Open):
            self._chunks = response.iter_bytes()
        else:
            with step.target.open("wb") as target:
                target.writelines(response.iter_bytes(CHUNK))
        return _reply(response, b"")


class AsyncDriver:
    """The same on asyncio. Cancellation of the task is thrown into the flow, as an interrupt is."""

    def __init__(self, http: httpx.AsyncClient, timeout: float) -> None:
        self._http = http
        self._timeout = timeout
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._result: Any = None

    async def run(self, flow: Flow[T]) -> T:
        async for _ in self.iterate(flow):
            continue
        result: T = self._result
        return result

    async def iterate(self, flow: Flow[T]) -> AsyncIterator[Any]:
        outcome: Any = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    step = flow.throw(error) if error is not None else flow.send(outcome)
                except StopIteration as stop:
                    self._result = stop.value
                    return
                outcome = error = None
                if isinstance(step, Emit):
                    yield step.value
                    continue
                try:
                    outcome = await self._perform(step)
                except (Exception, asyncio.CancelledError, KeyboardInterrupt) as raised:
                    error = raised
        finally:
            await self._close()

    async def _perform(self, step: Step) -> Any:
        if isinstance(step, Sleep):
            await asyncio.sleep(step.seconds)
            return None
        try:
            if isinstance(step, Read):
                return await anext(self._chunks, None) if self._chunks is not None else None
            assert not isinstance(step, Emit)
            return await self._request(step)
        except httpx.HTTPError as raised:
            raise _broken(raised, str(self._http.base_url)) from None

    async def _request(self, step: Send | Save | Open) -> Reply:
        call = step.call
        body = _async_chunks(call.body) if isinstance(call.body, Path) else call.body
        request = self._http.build_request(call.method, call.path, content=body, **_options(call, self._timeout))
        if isinstance(step, Send):
            response = await self._http.send(request)
            return _reply(response, response.content)
        await self._close()
        self._response = response = await self._http.send(request, stream=True)
        if response.status_code != 200:
            return _reply(response, await response.aread())
        if isinstance(step, Open):
            self._chunks = response.aiter_bytes()
        else:
            with step.target.open("wb") as target:
                async for chunk in response.aiter_bytes(CHUNK):
                    await asyncio.to_thread(target.write, chunk)
        return _reply(response, b"")

    async def _close(self) -> None:
        response, self._response, self._chunks = self._response, None, None
        if response is not None:
            await response.aclose()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk


async def _async_chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as source:
        while chunk := await asyncio.to_thread(source.read, CHUNK):
            yield chunk
