"""Hints that a job has new events. Hints may be lost: who waits looks at the database every second all the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import Any, Protocol
from uuid import UUID

import redis
import redis.asyncio

from service.broker import Line
from service.settings import Settings

CHANNEL = "kantor:jobs"
_REMEMBERED = 20_000
_RECONNECT_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)


class Commands(Protocol):
    """A ``redis.Redis``."""

    def execute_command(self, *command: Any) -> Any:
        """Send a command, return its reply."""


def publish(line: Line | Commands, job_id: UUID, seq: int) -> bool:
    """Tell whoever waits that the job has events up to ``seq``. False if the broker is down: only time is lost."""
    send = line.tell if isinstance(line, Line) else line.execute_command
    try:
        send("PUBLISH", CHANNEL, f"{job_id.hex} {seq}")
    except (redis.RedisError, OSError):
        return False
    return True


class HintHub:
    """One subscription for all who wait in an asyncio process.

    ``async with HintHub(settings) as hub``. It outlives restarts of Valkey; meanwhile ``wait`` takes all its time.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.hints_url
        self._waiting: dict[UUID, set[asyncio.Future[int]]] = {}
        self._newest: OrderedDict[UUID, int] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._anyone: set[asyncio.Future[int]] = set()
        self.connected = False
        """True while hints arrive."""

    async def __aenter__(self) -> HintHub:
        self._task = asyncio.create_task(self._listen(), name="hints")
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        self._ended = True
        # More than once: while it connects, the redis package may swallow a cancellation.
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.1)

    async def wait(self, job_id: UUID, after_seq: int, timeout: float) -> int | None:
        """Wait for a hint of an event after ``after_seq``.

        Returns:
            the newest ``seq`` heard of; None if none came in time: look at the database.
        """
        newest = self._newest.get(job_id, 0)
        if newest > after_seq:
            return newest
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(future)
        try:
            async with asyncio.timeout(timeout):
                while (newest := await asyncio.shield(future)) <= after_seq:
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.setdefault(job_id, set()).add(future)
                return newest
        except TimeoutError:
            return None
        finally:
            futures = self._waiting.get(job_id)
            if futures is not None:
                futures.discard(future)
                if not futures:
                    del self._waiting[job_id]

    async def wait_any(self, timeout: float) -> bool:
        """Wait for a hint of whichever job. False: none came in time."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._anyone.add(future)
        try:
            async with asyncio.timeout(timeout):
                await future
            return True
        except TimeoutError:
            return False
        finally:
            self._anyone.discard(future)

    def hear(self, job_id: UUID, seq: int) -> None:
        """Pass a hint on to those who wait in this process (also for what this process itself did)."""
        if seq > self._newest.get(job_id, 0):
            self._newest[job_id] = seq
            self._newest.move_to_end(job_id)
            if len(self._newest) > _REMEMBERED:
                self._newest.popitem(last=False)
        for future in (*self._waiting.pop(job_id, ()), *self._anyone):
            if not future.done():
                future.set_result(seq)

    async def _listen(self) -> None:
        failures = 0
        while not self._ended:
            client = redis.asyncio.Redis.from_url(self._url, retry=None, health_check_interval=10)
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    self.connected, failures = True, 0
                    while True:
                        message = await channel.get_message(timeout=15.0)
                        if message is None:
                            await channel.ping()
                            continue
                        self._take(message["data"])
            except (redis.RedisError, OSError):
                self.connected = False
                await asyncio.sleep(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)])
                failures += 1
            finally:
                self.connected = False
                with contextlib.suppress(Exception):
                    await client.aclose()

    def _take(self, data: bytes) -> None:
        job, _, seq = data.decode(errors="replace").partition(" ")
        with contextlib.suppress(ValueError):
            self.hear(UUID(hex=job), int(seq))
