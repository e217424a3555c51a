"""Submitting: what is written, once and for all."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from api_schemas.errors import KantorError
from service import jobs
from service.jobs import Submission, Submitted
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import DOCUMENT, Desk, request, together


def test_a_submission_is_stored_with_input_event_and_outbox_row(desk: Desk) -> None:
    submitted = desk.submit(name="n", labels={"team": "a"}, priority=7, engine="highs", deadline=60, retention=5)

    row = jobs.get(desk.conn, desk.project, submitted.job_id)
    assert (row.state, row.name, row.labels, row.priority, row.engine) == ("queued", "n", {"team": "a"}, 7, "highs")
    assert row.deadline_at == row.created_at + timedelta(seconds=60)
    assert row.retention == timedelta(seconds=5)
    assert jobs.input_document(desk.conn, desk.project, submitted.job_id) == DOCUMENT
    assert desk.types(submitted.job_id) == ["queued"]
    assert desk.outbox(submitted.job_id) == 1


def test_the_row_that_submit_returns_is_the_row_in_the_table(desk: Desk) -> None:
    one = desk.submit(labels={"é": "ü"}, deadline=9.5, max_attempts=2)
    many = jobs.submit_many(desk.conn, [desk.submission(name=str(k)) for k in range(3)], settings=desk.settings)

    for submitted in (one, *many):
        assert isinstance(submitted, Submitted)
        assert jobs.get(desk.conn, desk.project, submitted.job_id) == submitted.job


def test_ids_carry_the_time_of_creation(desk: Desk) -> None:
    row = desk.submit().job

    assert row.id.int >> 80 == round(row.created_at.timestamp() * 1000)


def test_the_same_key_and_request_gives_the_first_job_again(desk: Desk) -> None:
    first = desk.submit(key="k")
    claim = desk.claim()
    assert claim is not None
    desk.finish(claim)

    again = desk.submit(key="k")

    assert (first.replayed, again.replayed) == (False, True)
    assert again.job_id == first.job_id
    assert again.job.state == "succeeded"


def test_the_same_key_with_another_request_is_refused(desk: Desk) -> None:
    desk.submit(key="k", fingerprint=b"one")

    with pytest.raises(KantorError) as caught:
        desk.submit(key="k", fingerprint=b"two")

    assert caught.value.code == "idempotency-mismatch"


def test_keys_of_two_projects_are_two_keys(desk: Desk, settings: Settings) -> None:
    from service import projects

    other = Desk(desk.conn, projects.ensure(desk.conn, f"other of {desk.project}"), settings)

    assert desk.submit(key="k").job_id != other.submit(key="k", fingerprint=b"different").job_id


def test_an_expired_key_is_free_again(desk: Desk) -> None:
    first = desk.submit(key="k", fingerprint=b"one")
    desk.conn.execute("UPDATE idempotency SET expires_at = now() WHERE job_id = %s", (first.job_id,))

    second = desk.submit(key="k", fingerprint=b"two")

    assert not second.replayed
    assert second.job_id != first.job_id


def test_a_key_whose_job_was_deleted_is_free_again(desk: Desk) -> None:
    first = desk.submit(key="k")
    jobs.cancel(desk.conn, desk.project, first.job_id)
    jobs.delete(desk.conn, desk.project, first.job_id)

    assert desk.submit(key="k").replayed is False


def test_simultaneous_submissions_with_one_key_make_one_job(desk: Desk, settings: Settings) -> None:
    def act(k: int) -> list[Submitted | KantorError]:
        with connect(settings) as conn:
            return [
                jobs.submit(
                    conn,
                    desk.project,
                    request(),
                    DOCUMENT,
                    pool=desk.pool,
                    idempotency_key=f"race {n}",
                    fingerprint=b"f",
                    settings=settings,
                )
                for n in range(20)
            ]

    outcomes = together(8, act)

    for n in range(20):
        submitted = [outcome[n] for outcome in outcomes]
        assert len({item.job_id for item in submitted}) == 1
        assert [item.replayed for item in submitted].count(False) == 1


def test_many_are_stored_with_one_commit_and_answered_in_their_order(desk: Desk) -> None:
    outcomes = jobs.submit_many(desk.conn, [desk.submission(name=f"n{k}") for k in range(50)], settings=desk.settings)

    ids = [outcome.job_id for outcome in outcomes if isinstance(outcome, Submitted)]
    writers = desk.conn.execute("SELECT count(DISTINCT xmin::text) FROM job WHERE id = ANY(%s)", (ids,)).fetchone()
    assert writers == (1,)
    assert [outcome.job.name for outcome in outcomes if isinstance(outcome, Submitted)] == [f"n{k}" for k in range(50)]


def test_a_bad_item_does_not_touch_the_others(desk: Desk) -> None:
    desk.submit(key="used", fingerprint=b"one")
    items = [
        desk.submission(name="good"),
        desk.submission(key="used", fingerprint=b"two"),
        desk.submission(key="", name="empty key"),
        desk.submission(key="new", name="also good"),
        Submission(desk.project, request(), DOCUMENT, "pool that PostgreSQL refuses \0"),
    ]

    outcomes = jobs.submit_many(desk.conn, items, settings=desk.settings)

    codes = [outcome.code if isinstance(outcome, KantorError) else "stored" for outcome in outcomes]
    assert codes == [
        "stored",
        "idempotency-mismatch",
        "invalid-request",
        "stored",
        "invalid-request",
    ]


def test_one_key_twice_in_a_batch_makes_one_job(desk: Desk) -> None:
    outcomes = jobs.submit_many(desk.conn, [desk.submission(key="k") for _ in range(3)], settings=desk.settings)

    assert [outcome.replayed for outcome in outcomes if isinstance(outcome, Submitted)] == [False, True, True]
    assert len({outcome.job_id for outcome in outcomes if isinstance(outcome, Submitted)}) == 1


def test_batches_with_the_same_keys_in_opposite_order_do_not_block_each_other(desk: Desk, settings: Settings) -> None:
    def act(k: int) -> list[Submitted | KantorError]:
        keys = [f"cross {n}" for n in range(300)]
        with connect(settings) as conn:
            items = [desk.submission(key=key) for key in (keys if k % 2 else reversed(keys))]
            return jobs.submit_many(conn, items, settings=settings)

    outcomes = together(6, act)

    assert all(isinstance(item, Submitted) for outcome in outcomes for item in outcome)
    assert len({item.job_id for outcome in outcomes for item in outcome}) == 300


def test_an_unknown_project_stores_nothing(desk: Desk, settings: Settings) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        jobs.submit(desk.conn, UUID(int=1), request(), DOCUMENT, pool="cpu", settings=settings)
