"""Cancelling and deleting."""

from __future__ import annotations

import threading

import pytest

from api_schemas.errors import KantorError
from api_schemas.ids import new_uuid
from service import jobs
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import Desk, together


def test_a_queued_job_is_cancelled_at_once(desk: Desk) -> None:
    job_id = desk.submit().job_id

    row = jobs.cancel(desk.conn, desk.project, job_id)

    assert row == jobs.get(desk.conn, desk.project, job_id)
    assert (row.state, row.last_seq) == ("cancelled", 2)
    assert row.finished_at is not None
    assert desk.types(job_id) == ["queued", "finished"]
    assert desk.outbox(job_id) == 0
    assert desk.claim() is None


def test_a_running_job_is_asked_to_stop(desk: Desk) -> None:
    claim = desk.running()

    row = jobs.cancel(desk.conn, desk.project, claim.job_id)

    assert (row.state, row.worker_id) == ("running", desk.worker)
    assert row.cancel_requested_at is not None
    assert desk.types(claim.job_id) == ["queued", "started", "cancel-requested"]
    assert desk.finish(claim, "cancelled") is not None


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "expired"])
def test_a_finished_job_stays_as_it_is(desk: Desk, state: str) -> None:
    claim = desk.running()
    desk.finish(claim, state)
    before = jobs.get(desk.conn, desk.project, claim.job_id)

    assert jobs.cancel(desk.conn, desk.project, claim.job_id) == before
    assert desk.seqs(claim.job_id) == [1, 2, 3]


@pytest.mark.parametrize("running", [False, True])
def test_cancelling_twice_is_cancelling_once(desk: Desk, running: bool) -> None:
    job_id = desk.running().job_id if running else desk.submit().job_id

    first, second = (jobs.cancel(desk.conn, desk.project, job_id) for _ in range(2))

    assert first == second


def test_a_cancel_and_a_claim_at_the_same_moment_never_miss_each_other(desk: Desk, settings: Settings) -> None:
    ids = [desk.submit().job_id for _ in range(60)]
    claims: list[jobs.Claim] = []
    lock = threading.Lock()

    def act(k: int) -> None:
        with connect(settings) as conn:
            if k % 2:
                for job_id in ids:
                    jobs.cancel(conn, desk.project, job_id)
                return
            own = Desk(conn, desk.project, settings)
            own.pool = desk.pool
            for claim in iter(own.claim, None):
                assert claim is not None
                with lock:
                    claims.append(claim)

    assert together(4, act) == [None] * 4

    held = {claim.job_id for claim in claims}
    for job_id in ids:
        row = jobs.get(desk.conn, desk.project, job_id)
        assert row.cancel_requested_at is not None
        assert row.state == ("running" if job_id in held else "cancelled")


def test_a_cancel_and_a_finish_at_the_same_moment_end_the_job_once(desk: Desk, settings: Settings) -> None:
    for _ in range(20):
        claim = desk.running()

        def act(k: int, claim: jobs.Claim = claim) -> None:
            with connect(settings) as conn:
                if k:
                    jobs.cancel(conn, desk.project, claim.job_id)
                else:
                    jobs.finish(conn, claim.job_id, claim.attempt, state="succeeded", answer=b"{}", summary={})

        assert together(2, act) == [None, None]
        assert desk.state(claim.job_id) == "succeeded"
        assert desk.types(claim.job_id)[-1] == "finished"


def test_deleting_takes_everything_with_it(desk: Desk) -> None:
    claim = desk.running(key="k")
    jobs.add_events(desk.conn, claim.job_id, claim.attempt, [{"type": "log", "data": {"text": "x"}}])
    desk.finish(claim)

    jobs.delete(desk.conn, desk.project, claim.job_id)

    with pytest.raises(KantorError):
        jobs.get(desk.conn, desk.project, claim.job_id)
    for table in ("job_input", "job_answer", "job_event", "outbox", "idempotency"):
        rows = desk.conn.execute(f"SELECT 1 FROM {table} WHERE job_id = %s", (claim.job_id,)).fetchall()
        assert rows == [], table


def test_an_answers_artifact_expires_with_its_job_and_an_upload_does_not(desk: Desk) -> None:
    claim = desk.running()
    ids = {}
    for origin in ("answer", "upload"):
        ids[origin] = new_uuid()
        desk.conn.execute(
            "INSERT INTO artifact (id, project_id, media_type, size, sha256, origin, job_id)"
            " VALUES (%s, %s, '', 0, %b, %s, %s)",
            (ids[origin], desk.project, bytes(32), origin, claim.job_id),
        )
    desk.finish(claim)

    jobs.delete(desk.conn, desk.project, claim.job_id)

    rows = desk.conn.execute(
        "SELECT origin, job_id, expires_at <= now() FROM artifact WHERE id = ANY(%s) ORDER BY 1", (list(ids.values()),)
    ).fetchall()
    assert rows == [("answer", None, True), ("upload", None, None)]


@pytest.mark.parametrize("running", [False, True])
def test_only_finished_jobs_can_be_deleted(desk: Desk, running: bool) -> None:
    job_id = desk.running().job_id if running else desk.submit().job_id

    with pytest.raises(KantorError) as caught:
        jobs.delete(desk.conn, desk.project, job_id)

    assert caught.value.code == "conflict"
    assert desk.state(job_id) in ("queued", "running")
