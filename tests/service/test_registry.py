"""What live workers offer."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from api_schemas.engines import Engine
from api_schemas.ids import WORKER, encode, new_uuid
from service import registry
from service.rest.catalogue import Catalogue
from service.settings import Settings
from service.store.connect import Database
from tests.service.work import Desk


def engine(name: str, version: str = "1") -> Engine:
    """An engine as a worker announces it."""
    return Engine(id=name, family="program", version=version, title=name, summary="", solves=["lp"])


def announce(conn: Database, *engines: Engine, worker: UUID | None = None) -> UUID:
    """A worker with these engines."""
    worker = worker or new_uuid()
    registry.announce(
        conn,
        worker,
        host="h",
        pid=1,
        version="0.1",
        pools=["cpu"],
        concurrency=2,
        engines=engines,
        resources={"cores": 2, "gpu": "none"},
    )
    return worker


@pytest.fixture(autouse=True)
def alone(conn: Database) -> None:
    """No workers of other tests."""
    registry.retire_all(conn)


def test_engines_of_live_workers_are_counted_once_each(conn: Database, settings: Settings) -> None:
    announce(conn, engine("highs", "old"), engine("scip"))
    announce(conn, engine("highs", "new"))

    found = registry.engines(conn, settings)

    assert [(item.id, item.version, item.workers) for item in found] == [("highs", "new", 2), ("scip", "1", 1)]


def test_a_live_worker_is_shown_as_it_announced_itself(conn: Database, settings: Settings) -> None:
    worker = announce(conn, engine("highs"))
    assert registry.heartbeat(conn, worker, running=1)

    shown = registry.live_workers(conn, settings)[0]

    assert (shown.id, shown.engines, shown.running) == (encode(WORKER, worker), ["program:highs"], 1)
    assert shown.resources == {"cores": 2, "gpu": "none"}


def test_a_silent_worker_is_gone(conn: Database, settings: Settings) -> None:
    worker = announce(conn, engine("highs"))
    conn.execute("UPDATE worker SET heartbeat_at = now() - interval '31 s'")

    assert registry.live_workers(conn, settings) == []
    assert registry.engines(conn, settings) == []
    assert registry.heartbeat(conn, worker, running=0)
    assert len(registry.live_workers(conn, settings)) == 1


def test_a_worker_whose_row_was_deleted_is_told_to_announce_itself(conn: Database) -> None:
    worker = announce(conn, engine("highs"))
    registry.retire(conn, worker)

    assert registry.heartbeat(conn, worker, running=0) is False


def test_announcing_again_replaces_what_is_offered(conn: Database, settings: Settings) -> None:
    worker = announce(conn, engine("highs"))
    announce(conn, engine("scip"), worker=worker)

    assert [item.id for item in registry.engines(conn, settings)] == ["scip"]


def test_queue_depths_count_what_waits_and_runs(desk: Desk) -> None:
    for _ in range(3):
        desk.submit()
    claim = desk.claim()
    assert claim is not None
    done = desk.claim()
    assert done is not None
    desk.finish(done)

    (depth,) = registry.queue_depths(desk.conn, desk.project)

    assert (depth.pool, depth.queued, depth.running) == (desk.pool, 1, 1)
    assert depth.oldest_queued_seconds is not None
    assert 0 <= depth.oldest_queued_seconds < 60
    assert desk.pool in {depth.pool for depth in registry.queue_depths(desk.conn)}


def test_a_process_reads_engines_anew_only_when_other_workers_live(conn: Database, settings: Settings) -> None:
    catalogue = Catalogue(settings)
    assert catalogue.read(conn).engines == []
    worker = announce(conn, engine("highs"))
    first = catalogue.read(conn)
    assert [item.id for item in first.engines] == ["highs"]
    registry.heartbeat(conn, worker, running=1)
    assert catalogue.read(conn) is first

    announce(conn, engine("highs"), engine("scip"))
    assert [(item.id, item.workers) for item in catalogue.read(conn).engines] == [("highs", 2), ("scip", 1)]
    registry.retire_all(conn)
    assert [item.id for item in catalogue.read(conn).engines] == ["highs", "scip"], "remembered for an hour"


def test_an_engine_whose_workers_are_gone_is_remembered_beside_those_that_live(
    conn: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Catalogue(settings)
    gone = announce(conn, engine("highs"), engine("scip"))
    catalogue.read(conn)
    registry.retire(conn, gone)
    announce(conn, engine("scip"))
    assert [(item.id, item.workers) for item in catalogue.read(conn).engines] == [("highs", 0), ("scip", 1)]

    monkeypatch.setattr("service.rest.catalogue._REMEMBERED_SECONDS", 0.0)
    time.sleep(0.01)
    assert [item.id for item in catalogue.read(conn).engines] == ["scip"]
