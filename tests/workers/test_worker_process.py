"""Real Celery workers, killed and stopped at bad moments; the dispatcher's duties run beside them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from service import projects, registry
from service.bell import Bell
from service.dispatcher import Dispatcher
from service.settings import Settings
from service.store.connect import connect
from tests.servers import Servers
from tests.workers.conftest import Desk
from tests.workers.processes import CeleryWorker, living, wait_until

QUICK = {
    "lease_seconds": 1.5,
    "heartbeat_seconds": 0.3,
    "ring_again_seconds": 0.3,
    "ring_again_at_most_seconds": 1.0,
    "reap_seconds": 0.2,
}


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    """Of this module, since it restarts them."""
    servers = Servers()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def settings(own_servers: Servers) -> Settings:
    return own_servers.settings(own_servers.fresh_database(), **QUICK)


@pytest.fixture(scope="module")
def dispatcher(settings: Settings) -> Iterator[None]:
    dispatcher = Dispatcher(settings)
    dispatcher.start()
    yield
    dispatcher.stop()


@pytest.fixture
def desk(settings: Settings, dispatcher: None) -> Iterator[Desk]:
    with connect(settings) as conn:
        yield Desk(conn, projects.ensure(conn, f"project {time.time_ns()}"), settings)


@pytest.fixture
def bell(settings: Settings) -> Iterator[Bell]:
    bell = Bell(settings)
    yield bell
    bell.close()


def _running(desk: Desk, bell: Bell, **fields: object) -> UUID:
    job = desk.submit(**fields)  # type: ignore[arg-type]
    bell.ring("cpu", job)
    desk.until(job, lambda row: row.state == "running" and row.progress is not None)
    return job


def test_killing_the_worker_leaves_no_process_behind_and_its_job_goes_on_elsewhere(
    desk: Desk, bell: Bell, settings: Settings, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "first.log") as first:
        job = _running(desk, bell, act="hang", probe_seconds=2.0, probe_point=True)
        below = first.descendants()
        assert len(first.runners()) >= 1
        assert len(first.zygotes()) >= 3
        first.signal(signal.SIGKILL)
        wait_until(lambda: not living(below), 3.0)
        with CeleryWorker(settings, tmp_path / "second.log"):
            row = desk.finished(job, 20.0)
    assert (row.state, row.attempt) == ("succeeded", 2)
    assert [event.attempt for event in desk.events(job, "started")] == [1, 2]
    assert len(desk.events(job, "finished")) == 1


def test_killed_runners_and_zygotes_cost_no_job_and_no_attempt(
    desk: Desk, bell: Bell, settings: Settings, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "log") as worker:
        for victims in (worker.runners, worker.zygotes, worker.zygotes):
            job = _running(desk, bell, act="slow", probe_seconds=0.7, probe_point=True)
            for pid in victims():
                if living([pid]):
                    os.kill(pid, signal.SIGKILL)
            row = desk.finished(job)
            assert (row.state, row.attempt) == ("succeeded", 1)
            assert "begins anew" in desk.log(job)


def test_sigterm_lets_short_jobs_end_and_hands_long_ones_back(
    desk: Desk, bell: Bell, settings: Settings, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "log", drain_seconds=1.5) as worker:
        short = _running(desk, bell, act="slow", probe_seconds=0.8, probe_point=True)
        long = _running(desk, bell, act="hang", probe_seconds=60.0, probe_point=True)
        below = worker.descendants()
        worker.signal(signal.SIGTERM)
        late = desk.submit(act="solve")
        bell.ring("cpu", late)
        assert worker.process.wait(15.0) == 0
        assert not living(below)
        with connect(settings) as conn:
            assert worker.process.pid not in [known.pid for known in registry.live_workers(conn, settings)]
    assert desk.row(short).state == "succeeded"
    row = desk.row(long)
    assert (row.state, row.attempt, row.uncounted) == ("queued", 1, 1)
    assert desk.events(long, "requeued")[0].data["reason"] == "the worker shuts down"
    assert desk.row(late).state == "queued"
    with CeleryWorker(settings, tmp_path / "next.log"):
        assert desk.finished(late).state == "succeeded"
        desk.until(long, lambda row: row.state == "running")


def test_valkey_may_be_lost_at_any_time(
    desk: Desk, bell: Bell, settings: Settings, own_servers: Servers, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "log"):
        running = _running(desk, bell, act="slow", probe_seconds=1.0, probe_point=True)
        assert own_servers.valkey.process is not None
        own_servers.valkey.process.kill()
        own_servers.valkey.stop()
        unheard = desk.submit(act="solve")
        bell.ring("cpu", unheard)
        assert desk.finished(running).state == "succeeded"
        own_servers.valkey.start()
        assert desk.finished(unheard).state == "succeeded"


def test_postgres_may_be_away_while_a_job_runs_and_when_it_ends(
    desk: Desk, bell: Bell, settings: Settings, own_servers: Servers, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "log"):
        job = _running(desk, bell, act="slow", probe_seconds=1.0, probe_point=True)
        own_servers.postgres.stop()
        time.sleep(1.3)
        own_servers.postgres.start()
        with connect(settings) as conn:
            row = Desk(conn, desk.project, settings).finished(job)
    assert (row.state, row.attempt) == ("succeeded", 1)


def test_a_job_without_a_ring_is_found_after_the_job_before_it(
    desk: Desk, bell: Bell, settings: Settings, tmp_path: Path
) -> None:
    slow = settings.model_copy(update={"ring_again_seconds": 60.0})
    desk = Desk(desk.conn, desk.project, slow)
    with CeleryWorker(settings, tmp_path / "log", slots=1):
        first = desk.submit(act="slow", probe_seconds=0.3)
        second = desk.submit(act="solve")
        bell.ring("cpu", first)
        assert desk.finished(second, 5.0).state == "succeeded"
