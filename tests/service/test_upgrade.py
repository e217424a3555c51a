"""Migrations on a table with a million rows while the service goes on: how long they take, how long anybody waits."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from alembic.script import ScriptDirectory

from service.store import migrate
from tests.servers import Servers

ROWS = 1_000_000
#: Nobody may wait longer for a statement than a client's request takes to be repeated.
LONGEST_WAIT = 5.0

# Past the trigger, which would take longer than everything else; what it demands holds all the same.
_FILL = f"""
SET session_replication_role = replica;
INSERT INTO project (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'large');
INSERT INTO job (id, project_id, kind, task, name, engine, state, pool, created_at, started_at, finished_at, expires_at,
                 retention, last_seq, attempt)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '00000000-0000-7000-8000-000000000001',
    'program', 'solve', CASE WHEN n % 3 = 0 THEN 'name ' || n ELSE '' END, 'auto',
    CASE WHEN old THEN 'succeeded' ELSE 'queued' END, 'cpu', now(), CASE WHEN old THEN now() END,
    CASE WHEN old THEN now() END, CASE WHEN old THEN now() + interval '30 days' END, interval '30 days', 2, old::int
FROM generate_series(1, {ROWS}) AS n, LATERAL (SELECT n % 100 > 0 AS old) AS state;
ANALYZE job;
"""


class Users(threading.Thread):
    """Read and write rows of the table again and again; the longest that one of them waited."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.over = threading.Event()
        self.longest = 0.0
        self.calls = 0

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as conn:
            while not self.over.wait(0.005):
                begin = time.monotonic()
                self.calls += 1
                job = f"01900000-0000-7000-8000-{self.calls % ROWS + 1:012x}"
                conn.execute("SELECT state, name FROM job WHERE id = %s", (job,))
                conn.execute("UPDATE job SET last_seq = last_seq WHERE id = %s", (job,))
                self.longest = max(self.longest, time.monotonic() - begin)


def _revisions() -> list[str]:
    script = ScriptDirectory(str(migrate.FOLDER))
    return [found.revision for found in script.walk_revisions()][::-1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nobody_waits_long_while_a_million_jobs_are_migrated_up_and_down(servers: Servers) -> None:
    name = f"large_{time.monotonic_ns()}"
    with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    url = servers.postgres.url(name)
    first, *later = _revisions()
    migrate.upgrade(url, first)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_FILL)

    waits: dict[str, float] = {}
    steps = [(revision, migrate.upgrade) for revision in later]
    steps += [(revision, migrate.downgrade) for revision in [first, *later][-2::-1]]
    for revision, move in [*steps, ("head", migrate.upgrade)]:
        users = Users(url)
        users.start()
        begin = time.monotonic()
        move(url, revision)
        took = time.monotonic() - begin
        users.over.set()
        users.join()
        way = f"{'down' if move is migrate.downgrade else 'up'} to {revision}"
        waits[way] = users.longest
        print(f"{way}: {took:.2f} s; users waited {users.longest:.2f} s at most, {users.calls} calls")

    assert max(waits.values()) < LONGEST_WAIT, waits
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*), count(*) FILTER (WHERE state = 'queued') FROM job").fetchone() == (
            ROWS,
            ROWS // 100,
        )


def test_a_migration_gives_way_to_a_long_transaction_and_goes_on_after_it(servers: Servers) -> None:
    name = f"busy_{time.monotonic_ns()}"
    with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    url = servers.postgres.url(name)
    first, *_ = _revisions()
    migrate.upgrade(url, first)
    with psycopg.connect(url) as long, psycopg.connect(url, autocommit=True) as user:
        long.execute("SELECT count(*) FROM job")  # holds its lock until the end of the transaction
        migrating = threading.Thread(target=migrate.upgrade, args=(url,))
        migrating.start()
        longest, end = 0.0, time.monotonic() + 6
        while time.monotonic() < end:
            begin = time.monotonic()
            user.execute("SELECT count(*) FROM job")
            longest = max(longest, time.monotonic() - begin)
            time.sleep(0.05)
        assert migrating.is_alive()
        long.rollback()
        migrating.join(60)

    assert longest < LONGEST_WAIT
    assert migrate.current(url) == migrate.head()
