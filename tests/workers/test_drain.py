"""A worker that shuts down keeps to its time also while answers are checked, rescued and written."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from service import jobs
from service.jobs import Hold
from tests.workers.conftest import Desk, Slots
from workers.run import Run
from workers.supervisor import LAST_CALL, Supervisor
from workers.worker import Worker


@pytest.fixture
def drained(worker: Worker) -> Iterator[Worker]:
    """The worker, which goes on after the test."""
    yield worker
    worker._drain_at = None


def _handed_back(desk: Desk, slots: Slots, worker: Worker, job: Any) -> None:
    began = time.monotonic()
    worker.drain(0.0)
    row = desk.until(job, lambda row: row.state != "running", 20.0)
    assert time.monotonic() - began < LAST_CALL + 3.0
    assert (row.state, row.uncounted) == ("queued", 1)
    assert desk.events(job, "requeued")[0].data["reason"] == "the worker shuts down"
    slots.join()


def test_a_job_whose_answer_is_checked_is_handed_back(desk: Desk, slots: Slots, drained: Worker) -> None:
    job = desk.submit(act="hang_in_check")
    slots.ring()
    desk.until(job, lambda row: row.state == "running")
    time.sleep(0.7)

    _handed_back(desk, slots, drained, job)
    jobs.cancel(desk.conn, desk.project, job)


def test_a_job_whose_best_point_is_rescued_is_handed_back(
    desk: Desk, slots: Slots, drained: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescues: list[Run] = []
    begin = Supervisor.begin

    def and_stop(self: Supervisor, group: str, order: dict[str, Any], **more: Any) -> Run:
        run = begin(self, group, order, **more)
        if order["task"] == "rescue":
            os.kill(run.runner.pid, signal.SIGSTOP)
            rescues.append(run)
        return run

    monkeypatch.setattr(Supervisor, "begin", and_stop)
    job = desk.submit(act="hang", probe_point=True, options={"time_limit": 0.2})
    slots.ring()
    desk.until(job, lambda _: bool(rescues))

    _handed_back(desk, slots, drained, job)
    jobs.cancel(desk.conn, desk.project, job)


def test_a_race_whose_winner_writes_its_answer_is_handed_back(
    desk: Desk, slots: Slots, drained: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    winners: list[Run] = []
    reply = Run.reply

    def after_a_stop(self: Run, type_: str, **fields: Any) -> None:
        if type_ == "encode":
            os.kill(self.runner.pid, signal.SIGSTOP)
            winners.append(self)
        reply(self, type_, **fields)

    monkeypatch.setattr(Run, "reply", after_a_stop)
    options = {"race": ["probe", "probe-b"]}
    job = desk.submit(engine="race", act="probe=solve,probe-b=wait", options=options)
    slots.ring()
    desk.until(job, lambda _: bool(winners))

    _handed_back(desk, slots, drained, job)
    jobs.cancel(desk.conn, desk.project, job)


def test_a_cancelled_job_keeps_its_answer_although_the_worker_shuts_down(
    desk: Desk, slots: Slots, drained: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = Supervisor.hear

    def and_drain(self: Supervisor, hold: Hold) -> None:
        hear(self, hold)
        if hold == "cancel":
            drained.drain(0.0)

    monkeypatch.setattr(Supervisor, "hear", and_drain)
    monkeypatch.setattr("workers.supervisor.LAST_CALL", 20.0)
    job = desk.submit(act="wait")
    slots.ring()
    desk.until(job, lambda row: bool(row.progress))
    jobs.cancel(desk.conn, desk.project, job)

    row = desk.finished(job)
    assert row.state == "cancelled"
    assert row.summary is not None
