"""Several engines on one job."""

from __future__ import annotations

import os
import signal
import time

import pytest

from service import jobs
from tests.workers.conftest import Desk, Slots

RACE = {"race": ["probe", "probe-b"]}


def _race(desk: Desk, acts: str, **more: object) -> object:
    return desk.submit(engine="race", act=acts, options={**RACE, **dict(more.pop("options", {}))}, **more)  # type: ignore[call-overload]


def _fates(answer: dict[str, object]) -> dict[str, str]:
    return {entry["engine"]: entry["fate"] for entry in answer["statistics"]["race"]}  # type: ignore[index]


def test_the_first_final_answer_wins_and_the_loser_is_stopped(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=wait,probe-b=solve", probe_seconds=60.0)
    began = time.monotonic()
    slots.ring()
    row = desk.finished(job)
    assert time.monotonic() - began < 3
    assert row.state == "succeeded"
    assert row.summary is not None
    assert row.summary["engine"] == "probe-b"
    answer = desk.answer(job)
    assert answer["status"] == "optimal"
    assert _fates(answer) == {"probe": "beaten", "probe-b": "won"}
    assert {event.data["engine"] for event in desk.events(job, "progress")} <= {"probe", "probe-b"}


def test_a_claim_that_its_certificate_refutes_does_not_win(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=lie,probe-b=slow", probe_seconds=0.5)
    slots.ring()
    desk.finished(job)
    answer = desk.answer(job)
    assert (answer["status"], answer["engine"]) == ("optimal", "probe-b")
    assert _fates(answer)["probe"] == "ended: no-solution, not confirmed"


def test_a_racer_that_dies_leaves_the_race_to_the_others(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=crash,probe-b=slow", probe_seconds=0.5)
    slots.ring()
    row = desk.finished(job)
    assert row.state == "succeeded"
    assert "SIGSEGV" in _fates(desk.answer(job))["probe"]


def test_points_that_one_engine_finds_reach_the_others(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=wait,probe-b=find", probe_seconds=30.0, options={"time_limit": 0.8})
    slots.ring()
    desk.finished(job)
    assert "took -10" in desk.log(job)
    answer = desk.answer(job)
    assert (answer["engine"], answer["objective"]) == ("probe", -10.0)
    assert answer["statistics"]["found"] == "foreign"


@pytest.mark.parametrize("acts", ["probe=wait,probe-b=wait", "probe=hang,probe-b=wait", "probe=hang,probe-b=hang"])
def test_at_the_time_limit_the_best_certified_point_wins_with_the_best_bound(
    desk: Desk, slots: Slots, acts: str
) -> None:
    job = _race(desk, acts, probe_seconds=60.0, probe_point=True, options={"time_limit": 0.5})
    slots.ring()
    row = desk.finished(job)
    assert row.state == "succeeded"
    answer = desk.answer(job)
    assert (answer["status"], answer["limit"], answer["objective"]) == ("feasible", "time", 22.0)
    assert answer["certificate"]["verified"] is True
    if "wait" in acts:
        assert answer["bound"] == pytest.approx(-1e6, rel=1e-3)


def test_a_cancelled_race_keeps_the_best_answer(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=wait,probe-b=wait", probe_seconds=60.0)
    slots.ring()
    desk.until(job, lambda row: row.progress is not None)
    jobs.cancel(desk.conn, desk.project, job)
    row = desk.finished(job, 5.0)
    assert row.state == "cancelled"
    assert desk.answer(job)["objective"] == 22.0


def test_a_race_that_nobody_can_run_fails_with_everyones_reason(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=fail,probe-b=raise")
    slots.ring()
    row = desk.finished(job)
    assert row.state == "failed"
    assert row.error is not None
    assert "the engine says: no" in row.error["detail"]
    assert "ZeroDivisionError" in row.error["detail"]


def test_a_racer_killed_while_it_writes_the_answer_is_replaced_by_the_next_best(desk: Desk, slots: Slots) -> None:
    job = _race(desk, "probe=solve,probe-b=slow", probe_seconds=0.3)
    slots.ring()
    desk.finished(job)
    pid = desk.answer(job)["statistics"]["pid"]
    job = _race(desk, "probe=wait,probe-b=wait", probe_seconds=0.6)
    slots.ring()
    desk.until(job, lambda row: row.progress is not None)
    os.kill(pid, signal.SIGKILL)
    row = desk.finished(job)
    assert row.state == "succeeded"
    assert desk.answer(job)["objective"] == 22.0
