"""The reaper and the retention: what ends what nobody ends."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest

from api_schemas.errors import KantorError
from api_schemas.ids import ARTIFACT, decode, new_uuid
from service import jobs
from service.artifacts import ArtifactStore
from service.dispatch import reaper, retention
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import Desk


@pytest.fixture(autouse=True)
def clean(desk: Desk) -> None:
    """Nothing of earlier tests is running, waiting or old."""
    desk.conn.execute("DELETE FROM job")


def test_a_lost_job_goes_back_to_the_queue(desk: Desk) -> None:
    claim = desk.running()
    desk.lapse(claim.job_id)

    reaped = reaper.reap(desk.conn)

    assert reaped == [reaper.Reaped(claim.job_id, 3, "queued")]
    row = jobs.get(desk.conn, desk.project, claim.job_id)
    assert (row.state, row.attempt, row.uncounted) == ("queued", 1, 0)
    assert desk.types(claim.job_id) == ["queued", "started", "requeued"]
    assert desk.outbox(claim.job_id) == 1
    again = desk.claim()
    assert again is not None
    assert again.attempt == 2


def test_a_lost_job_without_attempts_left_fails_and_says_why(desk: Desk) -> None:
    claim = desk.running(max_attempts=1)
    desk.lapse(claim.job_id)

    reaper.reap(desk.conn)

    row = jobs.get(desk.conn, desk.project, claim.job_id)
    assert row.state == "failed"
    assert row.error is not None
    assert (row.error["code"], row.error["status"]) == ("worker-lost", 500)
    assert row.expires_at is not None
    last = jobs.events(desk.conn, desk.project, claim.job_id, 2, 1)[0]
    assert (last.type, last.data["state"], last.data["code"]) == ("finished", "failed", "worker-lost")
    assert desk.outbox(claim.job_id) == 0


def test_a_lost_job_that_was_cancelled_is_cancelled(desk: Desk) -> None:
    claim = desk.running()
    jobs.cancel(desk.conn, desk.project, claim.job_id)
    desk.lapse(claim.job_id)

    reaper.reap(desk.conn)

    row = jobs.get(desk.conn, desk.project, claim.job_id)
    assert (row.state, row.error) == ("cancelled", None)
    assert jobs.events(desk.conn, desk.project, claim.job_id, 3, 1)[0].data == {"state": "cancelled"}


def test_a_running_job_past_its_deadline_is_left_to_its_worker_until_that_is_lost(desk: Desk) -> None:
    claim = desk.running(deadline=100)
    desk.conn.execute("UPDATE job SET deadline_at = now() - interval '1 s' WHERE id = %s", (claim.job_id,))

    assert reaper.reap(desk.conn) == []
    assert jobs.extend(desk.conn, [(claim.job_id, claim.attempt)], 30) == {claim.job_id: "deadline"}
    desk.lapse(claim.job_id)
    reaper.reap(desk.conn)

    assert desk.state(claim.job_id) == "expired"
    assert desk.types(claim.job_id) == ["queued", "started", "finished"]


def test_a_queued_job_past_its_deadline_expires(desk: Desk) -> None:
    late, early, free = desk.submit(deadline=100).job_id, desk.submit(deadline=100).job_id, desk.submit().job_id
    desk.conn.execute("UPDATE job SET deadline_at = now() - interval '1 s' WHERE id = %s", (late,))

    assert reaper.reap(desk.conn) == [reaper.Reaped(late, 2, "expired")]

    row = jobs.get(desk.conn, desk.project, late)
    assert row.error is not None
    assert row.error["code"] == "expired"
    assert desk.outbox(late) == 0
    assert [desk.state(job_id) for job_id in (early, free)] == ["queued", "queued"]


def test_leases_can_be_spared(desk: Desk) -> None:
    claim = desk.running()
    desk.lapse(claim.job_id)

    assert reaper.reap(desk.conn, leases=False) == []
    assert desk.state(claim.job_id) == "running"


def test_one_reaper_at_a_time(desk: Desk, settings: Settings) -> None:
    claim = desk.running()
    desk.lapse(claim.job_id)
    with connect(settings) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", (reaper.LOCK,))
        assert reaper.reap(desk.conn) is None

    assert reaper.reap(desk.conn) != []


def test_a_round_is_bounded_and_the_next_goes_on(desk: Desk) -> None:
    jobs.submit_many(
        desk.conn, [desk.submission(max_attempts=1) for _ in range(reaper.BATCH + 20)], settings=desk.settings
    )
    while desk.claim():
        continue
    desk.conn.execute("UPDATE job SET lease_until = now() - interval '1 s' WHERE state = 'running'")

    counts = [len(reaper.reap(desk.conn) or ()) for _ in range(3)]

    assert counts == [reaper.BATCH, 20, 0]


def test_who_knows_that_no_worker_lives_can_release_all(desk: Desk) -> None:
    held, last = desk.running(), desk.running(max_attempts=1)

    reaper.release_all(desk.conn)

    assert [desk.state(claim.job_id) for claim in (held, last)] == ["queued", "failed"]


def test_workers_that_were_silent_for_long_are_forgotten(desk: Desk) -> None:
    desk.conn.execute(
        "INSERT INTO worker (id, host, pid, version, pools, concurrency, engines, heartbeat_at)"
        " SELECT id, 'h', 1, '1', '{cpu}', 1, '[]', now() - silence FROM"
        " (VALUES (%s::uuid, interval '11 min'), (%s::uuid, interval '9 min')) AS w (id, silence)",
        (new_uuid(), new_uuid()),
    )

    assert reaper.bury_workers(desk.conn) == 1


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(settings.model_copy(update={"artifacts_url": tmp_path.as_uri()}))


def _age(desk: Desk) -> None:
    desk.conn.execute("UPDATE job SET expires_at = now() - interval '1 s' WHERE finished_at IS NOT NULL")


def test_a_finished_job_past_its_retention_is_deleted_with_the_bytes_of_its_answer(
    desk: Desk, store: ArtifactStore, tmp_path: Path
) -> None:
    claim, kept = desk.running(), desk.running()
    artifact = store.put(desk.conn, desk.project, io.BytesIO(b"x" * 10), origin="answer", job_id=claim.job_id)
    desk.finish(claim)
    _age(desk)
    desk.finish(kept)

    deleted = retention.sweep(desk.conn, store)

    assert (deleted.jobs, deleted.artifacts, deleted.more) == (1, 1, False)
    with pytest.raises(KantorError):
        jobs.get(desk.conn, desk.project, claim.job_id)
    with pytest.raises(KantorError):
        store.get(desk.conn, desk.project, decode(ARTIFACT, artifact.id))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert desk.state(kept.job_id) == "succeeded"


def test_the_retention_of_the_request_counts(desk: Desk) -> None:
    claim = desk.running(retention=90)
    desk.finish(claim)

    row = jobs.get(desk.conn, desk.project, claim.job_id)

    assert row.finished_at is not None
    assert row.expires_at == row.finished_at + timedelta(seconds=90)


def test_unfinished_jobs_are_never_deleted(desk: Desk, store: ArtifactStore) -> None:
    ids = [desk.submit(retention=0.001).job_id, desk.running(retention=0.001, priority=1).job_id]
    desk.conn.execute("SELECT pg_sleep(0.01)")

    assert retention.sweep(desk.conn, store).jobs == 0
    assert [desk.state(job_id) for job_id in ids] == ["queued", "running"]


def test_retention_works_in_batches(desk: Desk, store: ArtifactStore) -> None:
    jobs.submit_many(desk.conn, [desk.submission() for _ in range(retention.BATCH + 5)], settings=desk.settings)
    rows, _ = jobs.list_page(desk.conn, desk.project, jobs.JobFilters(), 1000, settings=desk.settings)
    for row in rows:
        jobs.cancel(desk.conn, desk.project, row.id)
    _age(desk)

    first, second = retention.sweep(desk.conn, store), retention.sweep(desk.conn, store)

    assert (first.jobs, first.more) == (retention.BATCH, True)
    assert (second.jobs, second.more) == (5, False)


def test_old_idempotency_keys_are_forgotten_and_their_jobs_kept(desk: Desk, store: ArtifactStore) -> None:
    old, new = desk.submit(key="old").job_id, desk.submit(key="new").job_id
    desk.conn.execute("UPDATE idempotency SET expires_at = now() WHERE job_id = %s", (old,))

    assert retention.sweep(desk.conn, store).keys == 1
    assert [desk.state(job_id) for job_id in (old, new)] == ["queued", "queued"]
    assert desk.submit(key="new").replayed
