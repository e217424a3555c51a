"""The dispatcher as a process, while PostgreSQL and Valkey come and go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service import jobs, projects
from service.bell import Bell
from service.dispatcher import Dispatcher
from service.embedded.postgres import Postgres
from service.embedded.valkey import Valkey
from service.settings import Settings
from service.store import migrate
from service.store.connect import connect
from tests.servers import PEPPER
from tests.service.work import Desk


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class World:
    """Servers and a dispatcher of the test's own."""

    def __init__(self, home: Path) -> None:
        self.postgres = Postgres(home, durable=False)
        self.valkey = Valkey(home)
        self.valkey.start()
        self.postgres.start()
        self.settings = Settings.load(
            {},
            database_url=self.postgres.url(),
            redis_url=self.valkey.url,
            home=home,
            api_key_pepper=PEPPER,
            ring_again_seconds=0.2,
            reap_seconds=0.1,
            retention_seconds=0.2,
            heartbeat_seconds=0.1,
        )
        migrate.upgrade(self.settings.database_url)
        self.log = home / "dispatcher.log"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "service.dispatcher"],
                env={**os.environ, **self.settings.environment()},
                stderr=log,
                stdout=log,
            )

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.lines())

    def desk(self) -> Desk:
        conn = connect(self.settings)
        return Desk(conn, projects.ensure(conn, "p"), self.settings)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.postgres.stop()
        self.valkey.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("dispatcher"))
    try:
        until(lambda: world.said("started"))
        yield world
    finally:
        world.stop()


def test_it_rings_again_reaps_and_deletes(world: World) -> None:
    desk, bell = world.desk(), Bell(world.settings)
    claim = desk.running(max_attempts=1, retention=0.001)
    desk.lapse(claim.job_id)
    waiting = desk.submit()
    desk.conn.execute("DELETE FROM outbox WHERE job_id = %s", (waiting.job_id,))

    until(lambda: bell.waiting(desk.pool) == 1)
    until(lambda: desk.conn.execute("SELECT 1 FROM job WHERE id = %s", (claim.job_id,)).fetchone() is None)

    wanted = {"forgotten_jobs", "rung", "reaped", "deleted"}
    until(lambda: wanted <= {str(line["event"]) for line in world.lines()})


def test_it_outlives_a_restart_of_valkey(world: World) -> None:
    desk, bell = world.desk(), Bell(world.settings)
    desk.submit()
    until(lambda: bool(bell.waiting(desk.pool)))
    world.valkey.stop()
    time.sleep(0.5)
    world.valkey.start()

    until(lambda: bool(bell.waiting(desk.pool)))

    assert world.process.poll() is None


def test_it_outlives_a_restart_of_postgresql(world: World) -> None:
    bell = Bell(world.settings)
    world.postgres.stop()
    until(lambda: world.said("database_lost"))
    world.postgres.start()
    until(lambda: world.said("database_back"))

    desk = world.desk()
    desk.submit()

    until(lambda: bool(bell.waiting(desk.pool)))
    assert world.process.poll() is None


def test_after_a_loss_of_the_database_workers_get_time_to_renew_their_leases(desk: Desk, settings: Settings) -> None:
    claim = desk.running()
    desk.lapse(claim.job_id)
    dispatcher = Dispatcher(settings)

    dispatcher._reap(desk.conn, connected=2 * settings.heartbeat_seconds - 0.1)
    assert desk.state(claim.job_id) == "running"
    assert jobs.extend(desk.conn, [(claim.job_id, claim.attempt)], -60) == {claim.job_id: "held"}

    dispatcher._reap(desk.conn, connected=2 * settings.heartbeat_seconds)
    assert desk.state(claim.job_id) == "queued"


def test_a_signal_ends_it_cleanly(world: World) -> None:
    world.process.send_signal(signal.SIGTERM)

    assert world.process.wait(10) == 0
    assert world.said("stopped")
    assert all({"event", "level", "timestamp"} <= set(line) for line in world.lines())
    world.process = world.start()
    until(lambda: [line["event"] for line in world.lines()].count("started") == 2)


def test_a_wrong_setting_is_said_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service.dispatcher"],
        env={**os.environ, "KANTOR_REAP_SECONDS": "often"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("KANTOR_REAP_SECONDS: ")
    assert "Traceback" not in done.stderr
