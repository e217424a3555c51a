"""What a worker writes, and that nothing is written by who lost the job."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

import pytest

from api_schemas.ids import new_uuid
from service import jobs
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import DOCUMENT, Desk, together

PROGRESS = {"type": "progress", "data": {"t": 1.0, "objective": 5.0}}


def test_a_finished_job_has_state_answer_summary_and_last_event(desk: Desk) -> None:
    claim = desk.running()

    seq = desk.finish(claim, answer=b'{"objective":11}')

    row, answer = jobs.get_with_answer(desk.conn, desk.project, claim.job_id)
    assert (row.state, row.lease_until, row.worker_id, row.error) == ("succeeded", None, None, None)
    assert row.summary is not None
    assert row.summary["objective"] == 11.0
    assert row.finished_at is not None
    assert row.expires_at == row.finished_at + row.retention
    assert answer == b'{"objective":11}' == jobs.answer(desk.conn, desk.project, claim.job_id)
    last = jobs.events(desk.conn, desk.project, claim.job_id, 0, 100)[-1]
    assert (last.seq, last.type) == (seq, "finished") == (row.last_seq, "finished")
    assert last.data == {"state": "succeeded", "status": "optimal", "objective": 11.0}


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_a_stopped_job_keeps_its_best_answer(desk: Desk, state: str) -> None:
    claim = desk.running()
    jobs.cancel(desk.conn, desk.project, claim.job_id)

    assert desk.finish(claim, state, answer=b"best so far")

    assert desk.state(claim.job_id) == state
    assert jobs.answer(desk.conn, desk.project, claim.job_id) == b"best so far"


def test_a_failed_job_has_its_error_and_no_answer(desk: Desk) -> None:
    claim = desk.running()

    desk.finish(claim, "failed")

    row, answer = jobs.get_with_answer(desk.conn, desk.project, claim.job_id)
    assert answer is None
    assert row.error is not None
    assert row.error["code"] == "worker-lost"
    assert jobs.events(desk.conn, desk.project, claim.job_id, 2, 1)[0].data["code"] == "worker-lost"


@pytest.mark.parametrize(
    ("state", "changes"), [("queued", {}), ("failed", {"error": None}), ("succeeded", {"error": {"code": "internal"}})]
)
def test_a_finish_that_contradicts_itself_is_refused(desk: Desk, state: str, changes: dict[str, object]) -> None:
    claim = desk.running()

    with pytest.raises(ValueError, match=r"state|error"):
        desk.finish(claim, state, **changes)

    assert desk.state(claim.job_id) == "running"


def _lost_by_takeover(desk: Desk) -> Claim:
    claim = desk.running()
    desk.lapse(claim.job_id)
    assert desk.claim() is not None
    return claim


def _lost_by_finish(desk: Desk) -> Claim:
    claim = desk.running()
    desk.finish(claim)
    return claim


def _lost_by_requeue(desk: Desk) -> Claim:
    claim = desk.running()
    jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "drain")
    return claim


@pytest.mark.parametrize("lose", [_lost_by_takeover, _lost_by_finish, _lost_by_requeue])
def test_who_lost_the_job_changes_nothing(desk: Desk, lose: object) -> None:
    assert callable(lose)
    claim: Claim = lose(desk)
    before = (jobs.get_with_answer(desk.conn, desk.project, claim.job_id), desk.seqs(claim.job_id))

    assert jobs.add_events(desk.conn, claim.job_id, claim.attempt, [PROGRESS], {"t": 9}) is None
    assert desk.finish(claim, answer=b"stale") is None
    assert jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "stale") is None
    assert jobs.extend(desk.conn, [(claim.job_id, claim.attempt)], 60) == {claim.job_id: "lost"}

    assert (jobs.get_with_answer(desk.conn, desk.project, claim.job_id), desk.seqs(claim.job_id)) == before


def test_events_are_numbered_without_holes(desk: Desk) -> None:
    claim = desk.running()
    moment = datetime(2026, 1, 2, tzinfo=UTC)

    seq = jobs.add_events(
        desk.conn,
        claim.job_id,
        claim.attempt,
        [{**PROGRESS, "at": moment}, {"type": "log", "data": {"text": "nul \0 and half a pair \\ud800 €"}}, PROGRESS],
        {"t": 2.5, "bound": math.inf},
    )

    assert seq == 5
    events = jobs.events(desk.conn, desk.project, claim.job_id, 2, 100)
    assert [(event.seq, event.type, event.attempt) for event in events] == [
        (3, "progress", 1),
        (4, "log", 1),
        (5, "progress", 1),
    ]
    assert events[0].at == moment
    assert events[1].data == {"text": "nul � and half a pair \\ud800 €"}
    assert jobs.get(desk.conn, desk.project, claim.job_id).progress == {"t": 2.5, "bound": None}


def test_no_events_is_a_look_at_the_fence(desk: Desk) -> None:
    claim = desk.running()

    assert jobs.add_events(desk.conn, claim.job_id, claim.attempt, []) == 2


def test_events_from_many_threads_keep_their_numbers_apart(desk: Desk, settings: Settings) -> None:
    claim = desk.running()

    def act(k: int) -> None:
        with connect(settings) as conn:
            for _ in range(20):
                assert jobs.add_events(conn, claim.job_id, claim.attempt, [PROGRESS] * (k + 1)) is not None

    together(6, act)

    assert desk.seqs(claim.job_id) == list(range(1, 2 + 20 * (1 + 2 + 3 + 4 + 5 + 6) + 1))


def test_events_after_a_number_come_in_pages(desk: Desk) -> None:
    claim = desk.running()
    jobs.add_events(desk.conn, claim.job_id, claim.attempt, [PROGRESS] * 5)

    pages = [jobs.events(desk.conn, desk.project, claim.job_id, after, 3) for after in (0, 3, 6, 7, 99)]

    assert [[event.seq for event in page] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], [], []]


def test_extend_tells_each_job_its_fate(desk: Desk) -> None:
    held, cancelled, late, lost = (desk.running() for _ in range(4))
    jobs.cancel(desk.conn, desk.project, cancelled.job_id)
    desk.conn.execute("UPDATE job SET deadline_at = now() WHERE id = %s", (late.job_id,))
    desk.finish(lost)
    unknown = new_uuid()

    fates = jobs.extend(
        desk.conn, [(c.job_id, c.attempt) for c in (held, cancelled, late, lost)] + [(unknown, 1)], lease_seconds=500
    )

    assert fates == {
        held.job_id: "held",
        cancelled.job_id: "cancel",
        late.job_id: "deadline",
        lost.job_id: "lost",
        unknown: "lost",
    }
    row = jobs.get(desk.conn, desk.project, held.job_id)
    assert row.lease_until is not None
    assert (row.lease_until - held.lease_until).total_seconds() == pytest.approx(470, abs=5)


def test_a_lease_is_written_only_when_a_sixth_of_it_is_used_up(desk: Desk) -> None:
    claim = desk.running(lease=60)
    row = "SELECT lease_until, xmin::text FROM job WHERE id = %s"
    fresh = desk.conn.execute(row, (claim.job_id,)).fetchone()
    assert jobs.extend(desk.conn, [(claim.job_id, claim.attempt)], 60) == {claim.job_id: "held"}
    assert desk.conn.execute(row, (claim.job_id,)).fetchone() == fresh

    desk.conn.execute("UPDATE job SET lease_until = now() + interval '49 s' WHERE id = %s", (claim.job_id,))
    assert jobs.extend(desk.conn, [(claim.job_id, claim.attempt)], 60) == {claim.job_id: "held"}
    left = desk.conn.execute("SELECT extract(epoch FROM lease_until - now()) FROM job WHERE id = %s", (claim.job_id,))
    assert float(left.fetchone()[0]) == pytest.approx(60, abs=2)


def test_a_row_that_somebody_holds_locked_costs_the_other_jobs_no_lease(desk: Desk) -> None:
    stuck, other = desk.running(lease=1), desk.running(lease=1)
    with connect(desk.settings) as somebody, somebody.transaction():
        somebody.execute("SELECT FROM job WHERE id = %s FOR UPDATE", (stuck.job_id,))
        begin = time.monotonic()
        fates = jobs.extend(desk.conn, [(stuck.job_id, 1), (other.job_id, 1)], 60)
        assert time.monotonic() - begin < 1

    assert fates == {stuck.job_id: "held", other.job_id: "held"}
    left = "SELECT extract(epoch FROM lease_until - now())::float FROM job WHERE id = %s"
    assert desk.conn.execute(left, (other.job_id,)).fetchone()[0] > 50
    assert desk.conn.execute(left, (stuck.job_id,)).fetchone()[0] < 2


def test_extending_nothing_asks_nothing(desk: Desk) -> None:
    assert jobs.extend(desk.conn, [], 30) == {}


def test_a_job_that_is_handed_back_waits_for_a_worker_again(desk: Desk) -> None:
    claim = desk.running()

    assert jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "the worker ends") == 3

    row = jobs.get(desk.conn, desk.project, claim.job_id)
    assert (row.state, row.attempt, row.uncounted, row.worker_id) == ("queued", 1, 1, None)
    assert desk.outbox(claim.job_id) == 1
    assert desk.types(claim.job_id) == ["queued", "started", "requeued"]
    again = desk.claim()
    assert again is not None
    assert again.attempt == 2


def test_a_cancelled_job_that_is_handed_back_is_over(desk: Desk) -> None:
    claim = desk.running()
    jobs.cancel(desk.conn, desk.project, claim.job_id)

    assert jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "the worker ends")

    assert desk.state(claim.job_id) == "cancelled"
    assert desk.outbox(claim.job_id) == 0
    assert desk.types(claim.job_id)[-1] == "finished"


def test_several_calls_in_one_transaction_happen_together_or_not_at_all(desk: Desk) -> None:
    claim = desk.running()

    def finish_and_fail() -> None:
        with desk.conn.transaction():
            assert desk.finish(claim)
            raise RuntimeError("a hook fails")

    with pytest.raises(RuntimeError, match="hook"):
        finish_and_fail()

    assert desk.state(claim.job_id) == "running"
    assert jobs.answer(desk.conn, desk.project, claim.job_id) is None


def test_a_large_document_comes_back_byte_for_byte(desk: Desk) -> None:
    document = DOCUMENT + b" " * (5 << 20) + b"\x00\xff"
    job_id = jobs.submit(
        desk.conn, desk.project, desk.submission().request, document, pool=desk.pool, settings=desk.settings
    ).job_id
    claim = desk.claim()
    assert claim is not None
    desk.finish(claim, answer=document[::-1])

    assert claim.document == document == jobs.input_document(desk.conn, desk.project, job_id)
    assert jobs.answer(desk.conn, desk.project, job_id) == document[::-1]
