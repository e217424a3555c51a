"""Claiming: who gets which job."""

from __future__ import annotations

import time

import pytest

from service import jobs
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import DOCUMENT, Desk, together


def test_priority_goes_first_then_age(desk: Desk) -> None:
    ids = [desk.submit(priority=priority).job_id for priority in (0, 5, -3, 5, 0)]

    claimed = [claim.job_id for claim in iter(desk.claim, None) if claim]

    assert claimed == [ids[1], ids[3], ids[0], ids[4], ids[2]]


def test_a_claim_brings_all_that_a_worker_needs(desk: Desk) -> None:
    submitted = desk.submit(name="n", deadline=100, max_attempts=2, priority=3)

    claim = desk.claim(lease=30)

    assert claim is not None
    assert claim.document == DOCUMENT
    assert (claim.attempt, claim.max_attempts, claim.last_attempt, claim.takeover) == (1, 2, False, False)
    assert (claim.kind, claim.task, claim.engine, claim.name, claim.pool) == (
        "program",
        "solve",
        "auto",
        "n",
        desk.pool,
    )
    assert claim.deadline_in == pytest.approx(100, abs=5)
    row = jobs.get(desk.conn, desk.project, submitted.job_id)
    assert (row.state, row.worker_id, row.lease_until) == ("running", desk.worker, claim.lease_until)
    assert claim.last_seq == row.last_seq == 2
    assert desk.types(claim.job_id) == ["queued", "started"]
    assert desk.outbox(claim.job_id) == 0


def test_nothing_to_claim_is_none(desk: Desk) -> None:
    assert desk.claim() is None


def test_jobs_of_other_pools_are_not_seen(desk: Desk) -> None:
    desk.submit()

    assert desk.claim(pools=["elsewhere"]) is None
    assert desk.claim(pools=["elsewhere", desk.pool]) is not None


def test_of_several_pools_the_best_job_is_taken(desk: Desk, settings: Settings) -> None:
    second = Desk(desk.conn, desk.project, settings)
    low, high = desk.submit(priority=1), second.submit(priority=2)

    pools = [desk.pool, second.pool]
    assert [c.job_id for c in (desk.claim(pools=pools), desk.claim(pools=pools)) if c] == [high.job_id, low.job_id]


def test_a_named_engine_needs_a_worker_that_offers_it(desk: Desk) -> None:
    job_id = desk.submit(engine="highs").job_id

    assert desk.claim() is None
    assert desk.claim(engines=("program:scip", "transport:highs")) is None
    claim = desk.claim(engines=("program:scip", "program:highs"))
    assert claim is not None
    assert claim.job_id == job_id


@pytest.mark.parametrize("engine", ["auto", "race"])
def test_auto_and_race_fit_every_worker_that_has_an_engine_of_the_family(desk: Desk, engine: str) -> None:
    desk.submit(engine=engine)

    assert desk.claim(engines=("transport:sinkhorn",)) is None
    assert desk.claim(engines=("transport:sinkhorn", "program:scip")) is not None


def test_a_job_whose_time_has_not_come_waits(desk: Desk) -> None:
    claim = desk.running()
    jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "drain", wait_seconds=60)

    assert desk.claim() is None
    desk.conn.execute("UPDATE job SET not_before = now() WHERE id = %s", (claim.job_id,))
    assert desk.claim() is not None


def test_a_job_past_its_deadline_is_not_begun(desk: Desk) -> None:
    job_id = desk.submit(deadline=100).job_id
    desk.conn.execute("UPDATE job SET deadline_at = now() WHERE id = %s", (job_id,))

    assert desk.claim() is None


def test_a_job_whose_lease_ran_out_is_taken_over(desk: Desk) -> None:
    first = desk.running()
    assert desk.claim() is None
    desk.lapse(first.job_id)

    second = desk.claim()

    assert second is not None
    assert (second.job_id, second.attempt, second.takeover) == (first.job_id, 2, True)
    assert desk.types(first.job_id) == ["queued", "started", "started"]


def test_a_job_that_was_cancelled_is_not_taken_over(desk: Desk) -> None:
    claim = desk.running()
    jobs.cancel(desk.conn, desk.project, claim.job_id)
    desk.lapse(claim.job_id)

    assert desk.claim() is None


def test_used_up_attempts_are_not_taken_over(desk: Desk) -> None:
    first = desk.running(max_attempts=2)
    desk.lapse(first.job_id)
    second = desk.claim()
    assert second is not None
    assert second.last_attempt
    desk.lapse(first.job_id)

    assert desk.claim() is None


def test_attempts_that_were_handed_back_do_not_count(desk: Desk) -> None:
    claim = desk.running(max_attempts=1)
    for attempt in range(1, 5):
        assert (claim.attempt, claim.last_attempt) == (attempt, True)
        assert jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "drain") is not None
        again = desk.claim()
        assert again is not None
        claim = again
    assert desk.finish(claim)


def test_a_lapsed_job_of_lower_priority_waits_behind_a_queued_one(desk: Desk) -> None:
    low = desk.running(priority=0)
    desk.lapse(low.job_id)
    high = desk.submit(priority=1)

    claims = [desk.claim(), desk.claim()]

    assert [claim.job_id for claim in claims if claim] == [high.job_id, low.job_id]


def test_simultaneous_claims_take_different_jobs_and_none_goes_empty(desk: Desk, settings: Settings) -> None:
    jobs.submit_many(desk.conn, [desk.submission() for _ in range(200)], settings=settings)

    def act(k: int) -> list[str]:
        with connect(settings) as conn:
            own = Desk(conn, desk.project, settings)
            own.pool = desk.pool
            return [claim.job_id.hex for claim in (own.claim() for _ in range(25)) if claim is not None]

    claimed = [job for result in together(8, act) for job in result]

    assert len(claimed) == len(set(claimed)) == 200


def test_a_claim_does_not_wait_for_another_that_is_not_committed(desk: Desk, settings: Settings) -> None:
    best, next_best = desk.submit(priority=1), desk.submit()
    with connect(settings) as conn, conn.transaction():
        other = Desk(conn, desk.project, settings)
        other.pool = desk.pool
        first = other.claim()
        desk.conn.execute("SET lock_timeout = '1s'")
        second = desk.claim()

    assert first is not None
    assert second is not None
    assert (first.job_id, second.job_id) == (best.job_id, next_best.job_id)


def test_after_a_loss_of_the_database_a_claim_takes_over_nothing(desk: Desk) -> None:
    held = desk.submit().job_id
    assert desk.claim(lease=0.01) is not None
    time.sleep(0.05)

    assert desk.claim(takeovers=False) is None
    again = desk.claim()
    assert again is not None
    assert (again.job_id, again.takeover) == (held, True)
