"""A database that accepts everything and answers nothing: no caller waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from service.settings import Settings
from service.store import connect as stores
from tests.chaos.links import Links


@pytest.fixture
def links(settings: Settings) -> Iterator[tuple[Links, Settings]]:
    """The database behind a link that can fall silent."""
    folder = settings.database_url.partition("host=")[2].partition("&")[0]
    links = Links({"database": f"{folder}/.s.PGSQL.5432"})
    name = settings.database_url.partition("@/")[2].partition("?")[0]
    url = f"postgresql://kantor@127.0.0.1:{links.ports['database']}/{name}?sslmode=disable"
    yield links, settings.model_copy(update={"database_url": url})
    links.close()


def test_a_statement_without_an_answer_breaks_its_connection_in_time(links: tuple[Links, Settings]) -> None:
    way, settings = links
    with stores.pool(settings) as pool:
        with pool.connection() as conn:
            conn.execute("SELECT 1")
        way.change(["database"], silent=True)
        begin = time.monotonic()
        with (
            pytest.raises(psycopg.OperationalError, match="no answer within 1 s"),
            pool.connection() as conn,
            stores.hurried(conn, 1.0),
        ):
            conn.execute("SELECT 1")
        assert 0.9 < time.monotonic() - begin < 3.0
        way.change(["database"])
        with pool.connection(timeout=10) as conn:
            assert conn.execute("SELECT 2").fetchone() == (2,)


def test_a_statement_that_is_only_slow_is_waited_for(links: tuple[Links, Settings]) -> None:
    _, settings = links
    with stores.connect(settings) as conn, stores.hurried(conn, 3.0):
        conn.execute("SELECT pg_sleep(1)")
    assert stores.PATIENCE >= 60


def test_a_transaction_whose_client_has_vanished_is_ended_by_the_server(links: tuple[Links, Settings]) -> None:
    """A host that lost its power keeps neither the job nor the study locked."""
    _, settings = links
    with stores.connect(settings) as conn, stores.connect(settings) as other:
        row = conn.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert row == ("30s",)
        conn.execute("SET idle_in_transaction_session_timeout = '1s'")
        conn.execute("BEGIN")
        conn.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        begin = time.monotonic()
        other.execute("SELECT count(*) FROM job")
        assert time.monotonic() - begin < 5
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
