"""What one job may use at most is the operator's to say, whatever the job says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.workers.conftest import Desk, Slots
from workers.settings import WorkerSettings
from workers.worker import Worker


@pytest.fixture(scope="module")
def worker(settings: Settings, probes: None) -> Iterator[Worker]:
    own = WorkerSettings(
        engines="program:probe,program:probe-b", memory_mb=400, memory_most_mb=600, threads_most=2, look_seconds=0.05
    )
    worker = Worker(settings, own, pools=["cpu"], concurrency=1)
    worker.start()
    yield worker
    worker.close()


@pytest.mark.parametrize("act", ["hog", "burst"])
def test_a_job_gets_no_more_memory_than_the_worker_gives(desk: Desk, slots: Slots, act: str) -> None:
    job = desk.submit(act=act, probe_megabytes=1500, options={"memory_limit": 10_000_000})
    slots.ring()

    row = desk.finished(job)

    assert row.state == "failed"
    assert row.error is not None
    assert row.error["code"] == "out-of-memory"
    assert "[memory_limit: 600 MB, not 10000000: this worker gives no job more]" in desk.log(job)


def test_a_limit_within_the_bound_is_the_jobs_own(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="hog", probe_megabytes=450, options={"memory_limit": 600})
    slots.ring()

    assert desk.finished(job).state == "succeeded"
    assert desk.log(job) == ""


def test_a_job_gets_no_more_threads_than_the_worker_gives(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="solve", options={"threads": 64})
    slots.ring()

    desk.finished(job)

    assert desk.answer(job)["statistics"]["threads"] == "2"
    assert "[threads: 2, not 64" in desk.log(job)


def test_racers_share_what_a_job_may_have(desk: Desk, slots: Slots) -> None:
    options = {"race": ["probe", "probe-b"], "memory_limit": 10_000_000, "threads": 2}
    job = desk.submit(
        engine="race", act="probe=wait,probe-b=hog", probe_seconds=2.0, probe_megabytes=450, options=options
    )
    slots.ring()

    desk.finished(job)

    fates = {racer["engine"]: racer["fate"] for racer in desk.answer(job)["statistics"]["race"]}
    assert "memory" in fates["probe-b"]
    log = desk.log(job)
    assert "memory_limit: 300 MB" in log
    assert "threads: 1, not 2" in log
