"""A real Celery worker goes on, whatever dies beside it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from service.bell import Bell
from service.settings import Settings
from service.store.connect import connect
from tests.servers import Servers
from tests.workers.conftest import Desk
from tests.workers.process.workers import CeleryWorker, living, running, wait_until

#: Seconds.
LEASE = 6.0


@pytest.fixture(scope="module")
def standing(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CeleryWorker]:
    """A worker for tests that leave it alive, whose leases outlive what a busy machine makes it wait."""
    with CeleryWorker(
        settings.model_copy(update={"lease_seconds": LEASE}), tmp_path_factory.mktemp("standing") / "log"
    ) as worker:
        yield worker


def test_a_job_without_a_ring_is_found_after_the_job_before_it(
    desk: Desk, bell: Bell, settings: Settings, standing: CeleryWorker
) -> None:
    slow = settings.model_copy(update={"ring_again_seconds": 60.0})
    desk = Desk(desk.conn, desk.project, slow)
    first = desk.submit(act="slow", probe_seconds=0.5)
    second = desk.submit(act="slow", probe_seconds=0.5)
    unheard = desk.submit(act="solve")
    for job in (first, second):
        bell.ring("cpu", job)
    assert desk.finished(unheard, 10.0).state == "succeeded"


def test_rings_do_not_pile_up_when_jobs_are_found_without_them(desk: Desk, bell: Bell, standing: CeleryWorker) -> None:
    found = [desk.submit(act="solve") for _ in range(60)]
    for job in found:
        bell.ring("cpu", job)
    for job in found:
        desk.finished(job)
    wait_until(lambda: bell.waiting("cpu") == 0, 3.0)


def test_killed_runners_and_zygotes_cost_no_job_and_no_attempt(desk: Desk, bell: Bell, standing: CeleryWorker) -> None:
    for victims in (standing.runners, standing.zygotes, standing.zygotes):
        job = running(desk, bell, act="slow", probe_seconds=2.0, probe_point=True)
        for pid in victims():
            if living([pid]):
                os.kill(pid, signal.SIGKILL)
        row = desk.finished(job)
        assert (row.state, row.attempt) == ("succeeded", 1), desk.log(job)
        assert "begins anew" in desk.log(job)


def test_valkey_may_be_lost_at_any_time(desk: Desk, bell: Bell, own_servers: Servers, standing: CeleryWorker) -> None:
    busy = running(desk, bell, act="slow", probe_seconds=2.0, probe_point=True)
    assert own_servers.valkey.process is not None
    own_servers.valkey.process.kill()
    own_servers.valkey.stop()
    unheard = desk.submit(act="solve")
    bell.ring("cpu", unheard)
    assert desk.finished(busy).state == "succeeded"
    own_servers.valkey.start()
    # the job before may have found it
    assert desk.finished(unheard).state == "succeeded"
    later = desk.submit(act="solve")
    assert desk.finished(later).state == "succeeded"


def test_postgres_may_be_away_while_a_job_runs_and_when_it_ends(
    desk: Desk, bell: Bell, settings: Settings, own_servers: Servers, standing: CeleryWorker
) -> None:
    job = running(desk, bell, act="slow", probe_seconds=2.0, probe_point=True)
    own_servers.postgres.stop()
    time.sleep(LEASE + 0.5)
    own_servers.postgres.start()
    with connect(settings) as conn:
        desk = Desk(conn, desk.project, settings)
        row = desk.finished(job)
        assert (row.state, row.attempt) == ("succeeded", 1), desk.log(job)
