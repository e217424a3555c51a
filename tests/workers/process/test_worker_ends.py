"""Real Celery workers that are killed, and that are stopped in order."""

from __future__ import annotations

import signal
import statistics
import time
from pathlib import Path

from service import jobs, registry
from service.bell import Bell
from service.settings import Settings
from service.store.connect import connect
from tests.workers.conftest import Desk
from tests.workers.process.workers import CeleryWorker, living, running, wait_until


def test_killing_the_worker_leaves_no_process_behind_and_its_job_goes_on_elsewhere(
    desk: Desk, bell: Bell, settings: Settings, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "first.log") as first:
        job = running(desk, bell, act="hang_once", probe_path=str(tmp_path / "begun"), probe_point=True)
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


def test_sigterm_lets_short_jobs_end_and_hands_long_ones_back(
    desk: Desk, bell: Bell, settings: Settings, tmp_path: Path
) -> None:
    with CeleryWorker(settings, tmp_path / "log", drain_seconds=1.5) as worker:
        short = running(desk, bell, act="slow", probe_seconds=0.8, probe_point=True)
        long = running(desk, bell, act="hang", probe_seconds=60.0, probe_point=True)
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
        jobs.cancel(desk.conn, desk.project, long)
        assert desk.finished(long).state == "cancelled"


def test_a_single_slot_hears_the_next_ring_at_once(desk: Desk, bell: Bell, settings: Settings, tmp_path: Path) -> None:
    # the relay must not help
    desk = Desk(desk.conn, desk.project, settings.model_copy(update={"ring_again_seconds": 60.0}))
    seconds = []
    with CeleryWorker(settings, tmp_path / "log", slots=1):
        for _ in range(15):
            began = time.monotonic()
            job = desk.submit(act="solve")
            bell.ring("cpu", job)
            desk.finished(job)
            seconds.append(time.monotonic() - began)
    assert statistics.median(seconds) < 0.25
