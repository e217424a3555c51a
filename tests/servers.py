"""Real servers for tests: one PostgreSQL and one Valkey for the whole run, a fresh database for each test module."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from service.embedded.postgres import Postgres
from service.embedded.valkey import Valkey
from service.settings import Settings
from service.store import migrate

PEPPER = "pepper of the tests, not a secret"


class Servers:
    """Both servers in a temporary folder; ``stop`` removes it."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="kantor-tests-"))
        self.postgres = Postgres(self.home, durable=False)
        self.valkey = Valkey(self.home)
        self._databases = 0

    def start(self) -> None:
        """Start both and make the template: a database with all migrations."""
        self.valkey.start()
        self.postgres.start()
        migrate.upgrade(self.postgres.url("kantor"))

    def stop(self) -> None:
        self.postgres.stop()
        self.valkey.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def fresh_database(self) -> str:
        """URL of a new database with all migrations and no rows."""
        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE kantor").format(sql.Identifier(name)))
        return self.postgres.url(name)

    def settings(self, database_url: str, **changes: object) -> Settings:
        """Settings for a database of ``fresh_database``; the environment's variables don't count."""
        values: dict[str, object] = {
            "database_url": database_url,
            "redis_url": self.valkey.url,
            "home": self.home,
            "api_key_pepper": PEPPER,
            **changes,
        }
        return Settings.load({}, **values)
