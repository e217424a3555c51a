"""A slot that has just worked hears the next ring itself, and finds jobs whose rings were lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from service.bell import Bell
from service.settings import Settings
from tests.workers.conftest import Desk, Slots
from workers import ear
from workers.worker import Worker


@pytest.fixture
def bell(settings: Settings) -> Iterator[Bell]:
    bell = Bell(settings)
    bell._line.execute_command("DEL", "cpu")  # rings that another test has left
    yield bell
    bell._line.execute_command("DEL", "cpu")
    bell.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> None:
    """A slot listens for long, and never looks without a ring."""
    monkeypatch.setattr(ear, "LINGER", 5.0)
    monkeypatch.setattr(worker.ear, "_look_at", time.monotonic() + 1000)


@pytest.mark.usefixtures("patient")
def test_the_next_ring_is_heard_without_celery(desk: Desk, slots: Slots, bell: Bell) -> None:
    first = desk.submit(act="solve")
    slots.ring()
    desk.finished(first)
    silent = desk.submit(act="solve")
    time.sleep(0.2)
    assert desk.row(silent).state == "queued", "nobody has rung"
    bell.ring("cpu", silent)
    assert desk.finished(silent, 4.5).state == "succeeded"
    assert bell.waiting("cpu") == 0
    slots.join(15.0)


@pytest.mark.usefixtures("patient")
def test_jobs_whose_rings_were_lost_are_found_while_somebody_works(
    desk: Desk, slots: Slots, bell: Bell, worker: Worker
) -> None:
    jobs = [desk.submit(act="solve") for _ in range(4)]
    worker.ear._look_at = 0.0
    slots.ring()
    for job in jobs:
        assert desk.finished(job, 5.0).state == "succeeded"
    slots.join(15.0)


@pytest.mark.usefixtures("patient")
def test_a_job_found_without_a_ring_takes_its_ring_along(desk: Desk, slots: Slots, bell: Bell, worker: Worker) -> None:
    jobs = [desk.submit(act="solve") for _ in range(3)]
    bell.ring_many("cpu", jobs[1:])
    worker.ear._look_at = 0.0
    slots.ring()
    for job in jobs:
        desk.finished(job, 5.0)
    slots.join(15.0)
    assert bell.waiting("cpu") == 0
