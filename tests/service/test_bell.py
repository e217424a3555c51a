"""Ringing and hints, on a Valkey that comes and goes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from celery.contrib.testing.worker import start_worker

from api_schemas.ids import JOB, encode, new_uuid
from service import hints
from service.bell import TASK, Bell
from service.broker import SULK, BrokerDownError, Line
from service.embedded.valkey import Valkey
from service.hints import HintHub
from service.settings import Settings
from tests.service.work import together


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of the test's own, to be stopped at will."""
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own(valkey: Valkey) -> Settings:
    """Settings that name it."""
    return Settings.load({}, redis_url=valkey.url)


def test_celery_hears_the_ring_as_its_own_message(own: Settings) -> None:
    app = Celery("test", broker=own.broker_url, set_as_current=False)
    app.conf.update(task_ignore_result=True, worker_enable_remote_control=False)
    heard: list[tuple[str, str]] = []
    ended = threading.Event()

    @app.task(name=TASK, bind=True)
    def run(self: object, job: str) -> None:
        heard.append((job, self.request.id))  # type: ignore[attr-defined]
        if len(heard) == 5:
            ended.set()

    ids = [new_uuid() for _ in range(5)]
    bell = Bell(own)
    assert bell.ring("cpu", ids[0])
    assert bell.ring_many("cpu", ids[1:])
    assert bell.waiting("cpu") == 5

    with start_worker(app, pool="solo", queues=["cpu"], perform_ping_check=False, loglevel="ERROR"):
        assert ended.wait(10)

    assert [job for job, _ in heard] == [encode(JOB, job_id) for job_id in ids]
    assert len({task for _, task in heard}) == 5
    assert bell.waiting("cpu") == 0


def test_a_broker_that_is_down_costs_little_and_then_nothing(own: Settings, valkey: Valkey) -> None:
    bell = Bell(own)
    assert bell.ring("cpu", new_uuid())
    valkey.stop()

    began = time.perf_counter()
    assert bell.ring("cpu", new_uuid()) is False
    assert time.perf_counter() - began < 0.25
    began = time.perf_counter()
    for _ in range(1000):
        assert bell.ring("cpu", new_uuid()) is False
    assert time.perf_counter() - began < 0.25
    assert bell.waiting("cpu") is None


def test_a_broker_that_hangs_costs_little(own: Settings, valkey: Valkey) -> None:
    bell = Bell(own)
    assert bell.ring("cpu", new_uuid())
    client = redis.Redis.from_url(own.hints_url)
    client.execute_command("CLIENT", "PAUSE", "3000", "ALL")

    began = time.perf_counter()
    assert bell.ring("cpu", new_uuid()) is False

    assert time.perf_counter() - began < 0.3


def test_the_first_ring_after_a_restart_is_heard(own: Settings, valkey: Valkey) -> None:
    bell = Bell(own)
    assert bell.ring("cpu", new_uuid())

    valkey.stop()
    valkey.start()

    assert bell.ring("cpu", new_uuid())
    assert bell.waiting("cpu") == 1


def test_a_ring_that_waits_for_no_word_is_heard_also_after_a_restart(own: Settings, valkey: Valkey) -> None:
    bell = Bell(own)
    for _ in range(3):
        bell.tell("cpu", [new_uuid(), new_uuid()])
    assert bell.waiting("cpu") == 6

    bell.tell("cpu", [new_uuid()])
    valkey.stop()
    valkey.start()
    bell.tell("cpu", [new_uuid()])

    assert bell.waiting("cpu") == 1


def test_to_wait_for_no_word_costs_little_whatever_the_broker_does(own: Settings, valkey: Valkey) -> None:
    bell = Bell(own)
    bell.tell("cpu", [new_uuid()])
    redis.Redis.from_url(own.hints_url).execute_command("CLIENT", "PAUSE", "3000", "ALL")
    began = time.perf_counter()
    for _ in range(1000):
        bell.tell("cpu", [new_uuid()])
    assert time.perf_counter() - began < 0.5
    valkey.stop()
    time.sleep(SULK + 0.05)
    began = time.perf_counter()
    for _ in range(1000):
        bell.tell("cpu", [new_uuid()])
    assert time.perf_counter() - began < 0.5


def test_what_was_told_is_not_taken_for_a_reply(own: Settings) -> None:
    line = Line(own)
    line.tell("LPUSH", "list", "1")
    line.tell("LPUSH")  # refused, which nobody hears
    line.tell("ECHO", "unheard")

    assert line.execute_command("ECHO", "heard") == b"heard"


def test_after_a_failure_the_line_is_tried_again(own: Settings, valkey: Valkey) -> None:
    line = Line(own)
    valkey.stop()
    with pytest.raises(BrokerDownError):
        line.execute_command("PING")
    assert line.down
    valkey.start()
    with pytest.raises(BrokerDownError):
        line.execute_command("PING")

    time.sleep(SULK + 0.05)

    assert line.execute_command("PING") == b"PONG"


def test_a_command_that_valkey_refuses_leaves_the_line_open(own: Settings) -> None:
    line = Line(own)

    with pytest.raises(redis.ResponseError):
        line.execute_command("LPUSH")

    assert line.execute_command("PING") == b"PONG"


def test_many_threads_share_a_line(own: Settings) -> None:
    line = Line(own)

    def act(k: int) -> list[bytes]:
        return [line.execute_command("ECHO", f"{k} {n}") for n in range(200)]

    assert together(6, act) == [[f"{k} {n}".encode() for n in range(200)] for k in range(6)]


async def _connected(hub: HintHub) -> None:
    async with asyncio.timeout(10):
        while not hub.connected:
            await asyncio.sleep(0.01)


def test_who_waits_is_woken_by_a_hint_and_by_nothing_older(own: Settings) -> None:
    async def scene() -> None:
        line = Line(own)
        job, other = new_uuid(), new_uuid()
        async with HintHub(own) as hub:
            await _connected(hub)
            waiting = [asyncio.create_task(hub.wait(job, 4, 5.0)) for _ in range(3)]
            await asyncio.sleep(0.02)
            for job_id, seq in ((other, 9), (job, 3), (job, 4)):
                assert hints.publish(line, job_id, seq)
            await asyncio.sleep(0.1)
            assert not any(task.done() for task in waiting)
            began = time.perf_counter()
            hints.publish(line, job, 5)
            assert await asyncio.gather(*waiting) == [5, 5, 5]
            assert time.perf_counter() - began < 0.5
            assert await hub.wait(job, 4, 0.0) == 5  # what was heard before counts
            assert await hub.wait(job, 5, 0.05) is None
            assert hub._waiting == {}

    asyncio.run(scene())


def test_a_wait_that_is_cancelled_leaves_nothing_behind(own: Settings) -> None:
    async def scene() -> None:
        async with HintHub(own) as hub:
            job = new_uuid()
            task = asyncio.create_task(hub.wait(job, 0, 60))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            hub.hear(job, 1)
            assert hub._waiting == {}

    asyncio.run(scene())


def test_the_hub_ends_at_once_however_far_it_had_come(own: Settings) -> None:
    async def scene() -> None:
        for k in range(40):
            async with asyncio.timeout(5), HintHub(own):
                await asyncio.sleep(k * 0.0001)

    asyncio.run(scene())


def test_hints_come_again_after_a_restart(own: Settings, valkey: Valkey) -> None:
    async def scene() -> None:
        job = new_uuid()
        async with HintHub(own) as hub:
            await _connected(hub)
            valkey.stop()
            began = time.perf_counter()
            assert await hub.wait(job, 0, 0.2) is None
            assert time.perf_counter() - began < 1.0
            assert not hub.connected
            valkey.start()
            await _connected(hub)
            waiting = asyncio.create_task(hub.wait(job, 0, 5.0))
            await asyncio.sleep(0.01)
            assert hints.publish(Line(own), job, 1)
            assert await waiting == 1

    asyncio.run(scene())


def test_garbage_on_the_channel_harms_nobody(own: Settings) -> None:
    async def scene() -> None:
        line = Line(own)
        async with HintHub(own) as hub:
            await _connected(hub)
            for garbage in ("", "x", "x y", f"{new_uuid().hex} x", b"\xff\xfe"):
                line.execute_command("PUBLISH", hints.CHANNEL, garbage)
            job = new_uuid()
            waiting = asyncio.create_task(hub.wait(job, 0, 5.0))
            await asyncio.sleep(0.05)
            hints.publish(line, job, 1)
            assert await waiting == 1

    asyncio.run(scene())


def test_the_hub_remembers_only_so_many_jobs(own: Settings) -> None:
    async def scene() -> None:
        async with HintHub(own) as hub:
            for _ in range(hints._REMEMBERED + 10):
                hub.hear(new_uuid(), 1)
            assert len(hub._newest) == hints._REMEMBERED

    asyncio.run(scene())
