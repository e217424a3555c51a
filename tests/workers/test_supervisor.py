"""One job's way through a worker, whatever happens to the process that solves it."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from service import jobs
from tests.workers.conftest import BOX, Desk, Slots
from workers.worker import Worker

FIRST = 22.0  # objective of the point that a probe hands over first


def test_an_answer_is_stored_with_its_certificate_and_its_events_are_in_order(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="solve")
    slots.ring()
    row = desk.finished(job)
    assert row.state == "succeeded"
    assert row.summary is not None
    assert row.summary["status"] == "optimal"
    assert row.summary["verified"] is True
    answer = desk.answer(job)
    assert answer["primal"] == [0.0, 5.0, 0.0]
    assert answer["certificate"]["proved"] is True
    events = desk.events(job)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events] == ["queued", "started", "progress", "finished"]
    assert events[2].data["objective"] == -10.0


def test_a_wrong_answer_is_never_called_optimal(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="lie")
    slots.ring()
    desk.finished(job)
    answer = desk.answer(job)
    assert answer["status"] == "no-solution"
    assert answer["certificate"]["verified"] is False


def test_an_engine_that_hangs_in_c_is_killed_after_the_time_limit_and_its_best_point_certified(
    desk: Desk, slots: Slots
) -> None:
    job = desk.submit(act="hang", probe_seconds=60.0, probe_point=True, options={"time_limit": 0.3})
    began = time.monotonic()
    slots.ring()
    row = desk.finished(job)
    assert time.monotonic() - began < 4
    assert row.state == "succeeded"
    answer = desk.answer(job)
    assert (answer["status"], answer["limit"], answer["objective"]) == ("feasible", "time", FIRST)
    assert answer["certificate"]["verified"] is True
    assert "did not stop at the time limit" in answer["message"]


def test_an_engine_that_hangs_without_a_point_answers_that_there_is_no_solution_yet(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="hang", probe_seconds=60.0, options={"time_limit": 0.2})
    slots.ring()
    row = desk.finished(job)
    assert row.state == "succeeded"
    answer = desk.answer(job)
    assert (answer["status"], answer["limit"]) == ("no-solution", "time")


@pytest.mark.parametrize("act", ["wait", "hang"])
def test_a_cancelled_job_keeps_its_best_answer(desk: Desk, slots: Slots, act: str) -> None:
    """Whether the engine comes back by itself or has to be killed."""
    job = desk.submit(act=act, probe_seconds=60.0, probe_point=True)
    slots.ring()
    desk.until(job, lambda row: row.progress is not None)
    jobs.cancel(desk.conn, desk.project, job)
    row = desk.finished(job, 5.0)
    assert row.state == "cancelled"
    answer = desk.answer(job)
    assert (answer["status"], answer["limit"], answer["objective"]) == ("feasible", "cancelled", FIRST)
    assert answer["certificate"]["verified"] is True


@pytest.mark.parametrize("act", ["hog", "burst"])
def test_the_memory_limit_holds_and_keeps_the_best_point(desk: Desk, slots: Slots, act: str) -> None:
    """By the cap on address space, and by the watch on what is resident."""
    job = desk.submit(act=act, probe_point=True, options={"memory_limit": 128})
    slots.ring()
    row = desk.finished(job)
    assert row.state == "succeeded"
    answer = desk.answer(job)
    assert (answer["status"], answer["limit"], answer["objective"]) == ("feasible", "memory", FIRST)


@pytest.mark.parametrize("act", ["hog", "burst", "abort"])
def test_out_of_memory_without_a_point_is_a_failure_with_its_own_code(desk: Desk, slots: Slots, act: str) -> None:
    job = desk.submit(act=act, options={"memory_limit": 128})
    slots.ring()
    row = desk.finished(job)
    assert row.state == "failed"
    assert row.error is not None
    assert row.error["code"] == "out-of-memory"


def test_a_runner_that_dies_once_is_replaced(desk: Desk, slots: Slots, tmp_path: object) -> None:
    job = desk.submit(act="crash_once", probe_path=f"{tmp_path}/crashed")
    slots.ring()
    row = desk.finished(job)
    assert (row.state, row.attempt) == ("succeeded", 1)
    assert "died of SIGSEGV" in desk.log(job)


@pytest.mark.parametrize(("act", "words"), [("crash", "SIGSEGV"), ("leave", "exit code 3")])
def test_a_job_that_kills_its_runners_fails_with_the_reason(desk: Desk, slots: Slots, act: str, words: str) -> None:
    job = desk.submit(act=act, probe_point=True)
    slots.ring()
    row = desk.finished(job)
    assert row.state == "failed"
    assert row.error is not None
    assert row.error["code"] == "runner-died"
    assert words in row.error["detail"]
    assert desk.answer(job)["objective"] == FIRST


@pytest.mark.parametrize(("act", "words"), [("fail", "the engine says: no"), ("raise", "ZeroDivisionError")])
def test_an_engine_that_breaks_is_reported_in_its_own_words(desk: Desk, slots: Slots, act: str, words: str) -> None:
    job = desk.submit(act=act)
    slots.ring()
    row = desk.finished(job)
    assert row.state == "failed"
    assert row.error is not None
    assert row.error["code"] == "engine-failure"
    assert words in row.error["detail"]
    assert "Traceback" not in str(row.error)


def test_bad_input_that_only_the_worker_sees_names_the_field(desk: Desk, slots: Slots) -> None:
    csr = {"format": "csr", "shape": [1, 3], "data": [1.0, 2.0], "indices": [1, 1], "indptr": [0, 2]}
    twice = desk.submit({**BOX, "A": csr, "row_upper": [1.0]})
    unknown = desk.submit(options={"engine_options": {"acts": "solve"}})
    missing = desk.submit({"kind": "program", "file": {"artifact": "art_" + "0" * 26}})
    broken = desk.submit({"kind": "program", "file": {"content": "ROWS\n N obj\n ?? c1\n", "format": "mps"}})
    for _ in range(2):
        slots.ring()
    for job, code, pointer in (
        (twice, "invalid-problem", "/problem/A/indices/1"),
        (unknown, "invalid-option", "/options/engine_options/acts"),
        (missing, "artifact-missing", "/problem/file/artifact"),
        (broken, "malformed-file", "line 3"),
    ):
        row = desk.finished(job)
        assert row.state == "failed"
        assert row.error is not None
        assert row.error["code"] == code
        assert row.error["errors"][0]["pointer"] == pointer


def test_a_deadline_expires_the_job_with_its_best_answer(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="wait", probe_seconds=60.0, deadline=0.5)
    slots.ring()
    row = desk.finished(job)
    assert row.state == "expired"
    assert desk.answer(job)["objective"] == FIRST


def test_who_has_lost_the_lease_stops_and_writes_nothing(desk: Desk, slots: Slots, worker: Worker) -> None:
    job = desk.submit(act="wait", probe_seconds=60.0)
    slots.ring()
    desk.until(job, lambda row: row.progress is not None)
    # as a claim after an expired lease does
    desk.conn.execute("UPDATE job SET attempt = attempt + 1 WHERE id = %s", (job,))
    slots.join(5.0)
    row = desk.row(job)
    assert row.state == "running"
    assert row.last_seq == desk.events(job)[-1].seq
    assert {event.attempt for event in desk.events(job)} <= {0, 1}
    jobs.finish(desk.conn, job, row.attempt, state="cancelled")


def test_output_of_libraries_and_of_the_engine_is_kept_and_the_folder_is_emptied(
    desk: Desk, slots: Slots, worker: Worker
) -> None:
    job = desk.submit(act="print", probe_count=50)
    slots.ring()
    desk.finished(job)
    log = desk.log(job)
    assert "line 49 of the library\n" in log
    assert "the engine's own line" in log
    slots.join()
    assert not list(worker.runners.folder.glob("*/left behind"))


def test_a_log_without_end_is_cut_and_its_end_is_kept(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="print", probe_count=100_000)
    slots.ring()
    desk.finished(job)
    log = desk.log(job)
    assert len(log) < 1.2 * (1 << 20)
    assert "line 0 of the library" in log
    assert "line 99999 of the library" in log
    assert "letters left out" in log


def test_threads_that_were_asked_for_reach_the_libraries(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="solve", options={"threads": 3})
    slots.ring()
    desk.finished(job)
    assert desk.answer(job)["statistics"]["threads"] == "3"


def test_reports_cost_microseconds_and_the_last_one_is_told(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="report", probe_count=100_000)
    slots.ring()
    desk.finished(job)
    assert desk.answer(job)["statistics"]["microseconds"] < 10
    assert desk.row(job).progress["nodes"] == 99_999  # type: ignore[index]
    assert len(desk.events(job, "progress")) < 20


def test_a_runner_is_kept_for_the_next_job(desk: Desk, slots: Slots) -> None:
    pids = []
    for _ in range(2):
        job = desk.submit(act="solve")
        slots.ring()
        desk.finished(job)
        slots.join()
        pids.append(desk.answer(job)["statistics"]["pid"])
    assert pids[0] == pids[1]


def test_progress_of_a_waiting_engine_is_written_in_batches(desk: Desk, slots: Slots) -> None:
    job = desk.submit(act="wait", probe_seconds=1.5)
    slots.ring()
    desk.finished(job)
    told = desk.events(job, "progress")
    assert 4 <= len(told) <= 9
    assert all(a.data["bound"] < b.data["bound"] for a, b in pairwise(told))
    assert desk.row(job).progress == told[-1].data
