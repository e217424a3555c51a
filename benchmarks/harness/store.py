"""A durable PostgreSQL with Kantor's tables and nothing else, for what is measured without a service around it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from service.embedded.postgres import Postgres
from service.settings import Settings
from service.store import migrate


class Store:
    """The server. Each measurement takes a database of its own."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._count = 0

    def fresh(self) -> Settings:
        """Settings with a new, migrated, empty database."""
        self._count += 1
        name = sql.Identifier(f"benchmark_{self._count}")
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE kantor").format(name))
        url = self._server.url(f"benchmark_{self._count}")
        return Settings.load({}, database_url=url, api_key_pepper="pepper of a benchmark")


@contextmanager
def store() -> Iterator[Store]:
    """Start it on a temporary folder, with fsync on as in production; stop it and remove the folder at the end."""
    with tempfile.TemporaryDirectory(prefix="kantor-benchmark-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            migrate.upgrade(server.url())
            yield Store(server)
        finally:
            server.stop()
