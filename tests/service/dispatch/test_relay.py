"""The relay: who is rung for, when, and how often."""

from __future__ import annotations

from uuid import UUID

import pytest
import redis

from service import jobs, outbox
from service.bell import Bell
from service.dispatch.relay import relay
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import Desk, together


@pytest.fixture
def bell(settings: Settings) -> Bell:
    return Bell(settings)


@pytest.fixture(autouse=True)
def nothing_else_due(desk: Desk) -> None:
    """Jobs of earlier tests wait for nobody."""
    desk.conn.execute("DELETE FROM outbox")


def due(desk: Desk, *job_ids: UUID) -> None:
    """Let the time for these come."""
    desk.conn.execute("UPDATE outbox SET available_at = now() WHERE job_id = ANY(%s)", (list(job_ids),))


def lose_messages(desk: Desk, settings: Settings) -> None:
    """What a restart of Valkey does."""
    redis.Redis.from_url(settings.hints_url).delete(desk.pool)


def test_a_fresh_job_is_left_to_the_ring_of_the_api(desk: Desk, bell: Bell, settings: Settings) -> None:
    desk.submit()

    assert relay(desk.conn, bell, settings) == 0


def test_a_job_that_nobody_claimed_is_rung_for(desk: Desk, bell: Bell, settings: Settings) -> None:
    due(desk, desk.submit().job_id)

    assert relay(desk.conn, bell, settings) == 1
    assert bell.waiting(desk.pool) == 1
    assert relay(desk.conn, bell, settings) == 0


def test_a_claimed_job_is_not_rung_for(desk: Desk, bell: Bell, settings: Settings) -> None:
    claim = desk.running()
    due(desk, claim.job_id)

    assert relay(desk.conn, bell, settings) == 0


def test_the_interval_doubles_up_to_its_bound(desk: Desk, bell: Bell, settings: Settings) -> None:
    job_id = desk.submit().job_id
    waits = []
    for _ in range(8):
        due(desk, job_id)
        lose_messages(desk, settings)
        relay(desk.conn, bell, settings)
        row = desk.conn.execute(
            "SELECT extract(epoch FROM available_at - now())::float FROM outbox WHERE job_id = %s", (job_id,)
        ).fetchone()
        assert row is not None
        waits.append(row[0])

    assert waits == pytest.approx([4, 8, 16, 32, 60, 60, 60, 60], abs=1)


def test_rings_that_are_not_heard_yet_are_not_repeated(desk: Desk, bell: Bell, settings: Settings) -> None:
    ids = [desk.submit().job_id for _ in range(10)]
    for _ in range(5):
        due(desk, *ids)
        relay(desk.conn, bell, settings)

    assert bell.waiting(desk.pool) == 10


def test_after_a_loss_of_all_messages_every_job_is_rung_for(desk: Desk, bell: Bell, settings: Settings) -> None:
    ids = [desk.submit().job_id for _ in range(10)]
    due(desk, *ids)
    relay(desk.conn, bell, settings)
    lose_messages(desk, settings)
    due(desk, *ids)

    assert relay(desk.conn, bell, settings) == 10


def test_while_the_broker_is_down_tries_do_not_count(desk: Desk, settings: Settings) -> None:
    job_id = desk.submit().job_id
    deaf = Bell(settings.model_copy(update={"redis_url": "unix:///nowhere.sock"}))
    for _ in range(3):
        due(desk, job_id)
        assert relay(desk.conn, deaf, settings) == 0

    row = desk.conn.execute(
        "SELECT tries, available_at < now() + interval '1.5 s' FROM outbox WHERE job_id = %s", (job_id,)
    ).fetchone()
    assert row == (0, True)


def test_several_relays_share_the_work(desk: Desk, settings: Settings) -> None:
    ids = [desk.submit().job_id for _ in range(100)]
    due(desk, *ids)

    def act(k: int) -> list[UUID]:
        with connect(settings) as conn:
            taken = []
            while rows := outbox.due(conn, 7, interval=60, longest=60):
                taken += [row.job_id for row in rows]
            return taken

    taken = [job_id for result in together(4, act) for job_id in result]

    assert sorted(taken) == sorted(ids)


def test_a_queued_job_without_an_outbox_row_gets_one(desk: Desk) -> None:
    lost, kept, running = desk.submit().job_id, desk.submit().job_id, desk.running(priority=9).job_id
    desk.conn.execute("DELETE FROM outbox WHERE job_id = %s", (lost,))

    found = outbox.remember_forgotten(desk.conn)

    assert found >= 1
    assert [desk.outbox(job_id) for job_id in (lost, kept, running)] == [1, 1, 0]
    assert outbox.remember_forgotten(desk.conn) == 0


def test_a_job_that_waits_for_its_time_is_rung_for_then(desk: Desk) -> None:
    claim = desk.running()
    jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "drain", wait_seconds=50)

    row = desk.conn.execute(
        "SELECT outbox.available_at = job.not_before FROM outbox JOIN job ON job.id = job_id WHERE job_id = %s",
        (claim.job_id,),
    ).fetchone()

    assert row == (True,)
