"""Migrations and connections."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from service.embedded.postgres import Postgres
from service.settings import Settings
from service.store import migrate
from service.store.connect import Database, connect, pool
from tests.servers import Servers


@pytest.fixture
def empty(servers: Servers) -> str:
    """URL of a database without anything."""
    name = f"empty_{time.monotonic_ns()}"
    with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return servers.postgres.url(name)


def _objects(url: str) -> set[tuple[str, str]]:
    """Everything in the schema but what Alembic keeps for itself."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relkind::text, relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " UNION SELECT 'f', proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " UNION SELECT 't', tgname::text FROM pg_trigger WHERE NOT tgisinternal"
        ).fetchall()
    return {(kind, name) for kind, name in rows if not name.startswith("alembic_version")}


def test_migrations_go_up_and_down_and_up_again(empty: str) -> None:
    assert migrate.current(empty) is None
    assert migrate.upgrade(empty) is True
    made = _objects(empty)
    assert ("r", "job") in made
    assert ("f", "job_rules") in made
    assert migrate.current(empty) == migrate.head()

    migrate.downgrade(empty, "base")
    assert _objects(empty) == set()

    assert migrate.upgrade(empty) is True
    assert _objects(empty) == made


def test_a_database_that_is_up_to_date_is_left_alone(empty: str) -> None:
    migrate.upgrade(empty)

    assert migrate.upgrade(empty) is False


def test_processes_that_start_together_migrate_once(empty: str) -> None:
    command = [sys.executable, "-m", "service.store.migrate"]
    environment = {**os.environ, "KANTOR_DATABASE_URL": empty}
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]

    said = [process.communicate(timeout=60)[0].decode() for process in started]

    assert [process.returncode for process in started] == [0, 0]
    assert all(f"revision {migrate.head()}" in words for words in said)
    assert migrate.current(empty) == migrate.head()


def test_every_row_of_a_tenant_names_its_project_or_a_job(conn: Database) -> None:
    rows = conn.execute(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attnotnull"
        " AND attname IN ('project_id', 'job_id'))"
    ).fetchall()

    tenants = {"organisation", "project", "member", "audit"}
    assert {row[0] for row in rows} == {"alembic_version", "worker"} | tenants


def test_every_reference_to_a_job_goes_with_it_and_has_an_index(conn: Database) -> None:
    rows = conn.execute(
        "SELECT conrelid::regclass::text, confdeltype::text, EXISTS (SELECT FROM pg_index WHERE indrelid = conrelid"
        " AND indkey[0] = conkey[1]) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'job'::regclass"
    ).fetchall()

    assert {row[0]: row[1:] for row in rows} == {
        "job_input": ("c", True),
        "job_answer": ("c", True),
        "job_event": ("c", True),
        "outbox": ("c", True),
        "idempotency": ("c", True),
        "artifact": ("n", True),
        "artifact_use": ("c", True),
    }


def test_connections_are_in_autocommit_mode_and_in_utc(settings: Settings) -> None:
    with connect(settings, name="who asks") as conn:
        assert conn.autocommit
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)
        assert conn.execute("SHOW application_name").fetchone() == ("who asks",)


def test_a_pool_replaces_connections_that_a_restart_broke(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False)
    server.start()
    connections: ConnectionPool[Database] = pool(Settings.load({}, database_url=server.url()), min_size=2)
    try:
        with connections.connection() as conn:
            assert conn.autocommit
        server.stop()
        server.start()
        for _ in range(10):
            with connections.connection() as conn:
                conn.execute("SELECT 1")
    finally:
        connections.close()
        server.stop()


def test_plans_of_lists_and_claims_use_indexes(settings: Settings, servers: Servers) -> None:
    """At a size where reading the whole table would be cheap, its absence shows that it will not come."""
    import service.jobs
    from service import jobs, projects

    own = servers.settings(servers.fresh_database())
    claim, listing = sys.modules["service.jobs.claim"], sys.modules["service.jobs.listing"]
    assert service.jobs is jobs
    with connect(own) as conn:
        project = projects.ensure(conn, "p")
        with conn.transaction():
            conn.execute("SET LOCAL session_replication_role = replica")
            conn.execute(
                "INSERT INTO job (id, project_id, kind, task, engine, state, pool, attempt, created_at, started_at,"
                " finished_at, expires_at, retention, labels, name)"
                " SELECT gen_random_uuid(), %s, 'program', 'solve', 'e' || g %% 50, 'succeeded', 'cpu', 1, now(),"
                " now(), now(), now(), '1 day', jsonb_build_object('run', g::text), 'n' || g %% 500"
                " FROM generate_series(1, 20000) AS g",
                (project,),
            )
        conn.execute("ANALYZE job")
        cases = [
            jobs.JobFilters(),
            jobs.JobFilters(states=("failed",)),
            jobs.JobFilters(states=("succeeded",)),
            jobs.JobFilters(states=("queued", "running")),
            jobs.JobFilters(kind="study"),
            jobs.JobFilters(name="n7"),
            jobs.JobFilters(engine="e7"),
            jobs.JobFilters(labels={"run": "77"}),
        ]
        for filters in cases:
            conditions, parameters = listing._where(filters)
            where = " AND ".join(["job.project_id = %(project)s", *conditions])
            plan = _plan(
                conn,
                f"SELECT * FROM job WHERE {where} ORDER BY id DESC LIMIT 51",
                {**parameters, "project": project},
            )
            assert "Seq Scan" not in plan, f"{filters}\n{plan}"
        parameters = {"pools": ["cpu"], "engines": [], "worker": project, "worker_name": "w", "lease": 1.0}
        parameters["takeovers"] = True
        assert "Seq Scan on job" not in _plan(conn, claim._CLAIM, parameters)


def _plan(conn: Database, statement: str, parameters: dict[str, object]) -> str:
    return "\n".join(row[0] for row in conn.execute(f"EXPLAIN {statement}", parameters).fetchall())
