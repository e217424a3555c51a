"""The reply to a commit is lost: what was written stays as it is, and is not written twice."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from service import artifacts
from service.artifacts import ArtifactStore
from service.dispatch import reaper
from service.settings import Settings
from service.store import connect as stores
from service.store.connect import Database
from tests.service.forgetful import Forgetful
from tests.service.work import Desk
from workers.journal import Journal


@pytest.fixture
def way(settings: Settings) -> Iterator[Forgetful]:
    with Forgetful(settings) as forgetful:
        yield forgetful


def test_an_artifact_that_may_be_stored_keeps_its_bytes(way: Forgetful, conn: Database, project: UUID) -> None:
    store = ArtifactStore(way.settings)
    with stores.connect(way.settings) as other:
        other.execute("SELECT 1")
        way.forget(b"COMMIT")
        with pytest.raises(psycopg.OperationalError):
            store.put(other, project, io.BytesIO(b"all of it"))

    (row,) = conn.execute("SELECT id FROM artifact WHERE project_id = %s", (project,)).fetchall()
    with store.open(conn, project, row[0]) as file:
        assert file.read() == b"all of it"


def test_events_are_written_once(way: Forgetful, desk: Desk) -> None:
    desk.submit()
    claim = desk.claim()
    assert claim is not None
    told: list[int] = []
    with stores.pool(way.settings) as database:
        journal = Journal(database, lambda _, seq: told.append(seq))
        page = journal.open(claim)
        end = time.monotonic() + 20
        page.add("log", {"text": "line 0"})
        while not told:  # from now on the statement is prepared: the next reply is the one to its execution
            assert time.monotonic() < end
            time.sleep(0.02)
        with page.writing:  # so that both go in one statement
            page.add("log", {"text": "line 1"})
            page.add("log", {"text": "line 2"})
            way.forget()
        while not way.lost:
            assert time.monotonic() < end
            time.sleep(0.02)
        page.add("log", {"text": "line 3"})
        while page.waiting or len(told) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
        journal.close()
    rows = desk.conn.execute(
        "SELECT data->>'text' FROM job_event WHERE job_id = %s AND type = 'log' ORDER BY seq", (claim.job_id,)
    ).fetchall()
    assert way.lost == 1
    assert [row[0] for row in rows] == ["line 0", "line 1", "line 2", "line 3"]


def test_a_server_that_only_reads_is_a_loss_of_the_database(settings: Settings, project: UUID) -> None:
    """After a failover: jobs wait for the one that writes, and do not fail."""
    with stores.connect(settings) as conn:
        conn.execute("SET default_transaction_read_only = on")
        with pytest.raises(psycopg.OperationalError, match="read-only"):
            conn.execute("UPDATE project SET name = name WHERE id = %s", (project,))
        assert conn.closed


def test_arrays_of_an_answer_that_nobody_finished_go(desk: Desk, settings: Settings) -> None:
    desk.submit(max_attempts=1)
    claim = desk.claim()
    assert claim is not None
    made: Any = ArtifactStore(settings).put(
        desk.conn, desk.project, io.BytesIO(b"x"), origin="answer", job_id=claim.job_id, attempt=claim.attempt
    )
    desk.conn.execute("UPDATE job SET lease_until = now() - interval '1 s' WHERE id = %s", (claim.job_id,))
    assert reaper.reap(desk.conn)
    row = desk.conn.execute("SELECT expires_at <= now() FROM artifact WHERE job_id = %s", (claim.job_id,)).fetchone()
    assert row == (True,), made
    artifacts.keep_only(desk.conn, claim.job_id, [])
