"""Roles that are started before the tables are there, or with those of an older version, say so and wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from api_schemas.keys import new_secret
from service import registry
from service.dispatcher import Dispatcher
from service.settings import Settings
from service.store import migrate
from service.store.connect import connect
from tests.servers import Servers
from tests.service.rest.living import LiveApi

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bare(servers: Servers) -> Settings:
    """A database without anything."""
    name = f"bare_{time.monotonic_ns()}"
    with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return servers.settings(servers.postgres.url(name), ring_again_seconds=0.5)


def test_what_is_missing_is_said_in_words(bare: Settings) -> None:
    with connect(bare) as conn:
        assert "has no tables" in str(migrate.missing(conn))
        migrate.upgrade(bare.database_url)
        assert migrate.missing(conn) is None
        conn.execute("UPDATE alembic_version SET version_num = '0007'")
        assert f"is at revision 0007, and this version needs {migrate.head()}" in str(migrate.missing(conn))
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        assert migrate.missing(conn) is None, "old code runs on the tables of the next version"


def test_the_api_is_not_ready_until_the_tables_are_there(bare: Settings) -> None:
    with LiveApi(bare) as api:
        ready = httpx.get(f"{api.url}/health/ready", timeout=10)
        assert (ready.status_code, ready.json()["code"]) == (503, "unavailable")
        assert "python -m service.store.migrate" in ready.json()["detail"]
        refused = httpx.get(f"{api.url}/v1/jobs", headers={"X-API-Key": new_secret()}, timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        migrate.upgrade(bare.database_url)
        assert httpx.get(f"{api.url}/health/ready", timeout=10).status_code == 200


def test_the_dispatcher_says_what_is_missing_and_goes_on(bare: Settings) -> None:
    dispatcher = Dispatcher(bare)
    with capture_logs() as said:
        dispatcher.start()
        time.sleep(1.0)
        assert all(duty.is_alive() for duty in dispatcher.duties)
        dispatcher.stop()
    assert {line["event"] for line in said if line["log_level"] == "error"} == {"database_not_migrated"}


def test_a_worker_waits_for_the_tables(bare: Settings, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **bare.environment(),
        "KANTOR_WORKER_ENGINES": "program:highs",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "celery", "-A", "workers.celery_app", "worker", "--pool", "threads"]
    log = tmp_path / "log"
    with log.open("wb") as file:
        worker = subprocess.Popen([*command, "--concurrency", "1"], env=environment, stdout=file, stderr=file)
    try:
        end = time.monotonic() + 60
        while b"the worker waits" not in log.read_bytes():
            assert time.monotonic() < end
            assert worker.poll() is None
            time.sleep(0.05)
        migrate.upgrade(bare.database_url)
        with connect(bare) as conn:
            while not registry.live_workers(conn, bare):
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
        assert b"Traceback" not in log.read_bytes()
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)
    finally:
        worker.kill()
        worker.wait()


def test_a_migration_without_a_database_says_so() -> None:
    environment = {
        **os.environ,
        "KANTOR_DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/none",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "service.store.migrate"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr
