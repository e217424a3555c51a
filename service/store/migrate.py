"""Migrations: ``python -m service.store.migrate`` brings the database to the newest form.

Reading the newest revision and the database's one needs no Alembic, so that a start with nothing to do is quick.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg

from service.settings import Settings, SettingsError

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
TRIES = 60
PAUSE_SECONDS = 2.0
_REVISION = re.compile(r'^(down_)?revision\b[^=]*=\s*(?:"([^"]+)"|None)', re.MULTILINE)


def head() -> str:
    """The newest revision in the folder: the one that no other follows."""
    revisions: set[str] = set()
    followed: set[str] = set()
    for file in (FOLDER / "versions").glob("*.py"):
        for down, revision in _REVISION.findall(file.read_text(encoding="utf-8")):
            if revision:
                (followed if down else revisions).add(revision)
    newest = revisions - followed
    if len(newest) != 1:
        raise RuntimeError(f"the migrations have {len(newest)} heads: {sorted(newest)}")
    return newest.pop()


def missing(conn: psycopg.Connection[Any]) -> str | None:
    """What the database lacks for this version, in words for an operator; None: nothing. A newer form is fine: for one
    version old code runs on new tables.

    Raises:
        psycopg.Error: the database cannot be asked.
    """
    try:
        row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is not None and str(row[0]) >= _head():
        return None
    what = "has no tables of Kantor" if row is None else f"is at revision {row[0]}, and this version needs {_head()}"
    return f"The database {what}: run `python -m service.store.migrate` with this version, once."


@lru_cache(maxsize=1)
def _head() -> str:
    return head()


def current(database_url: str) -> str | None:
    """The database's revision; None if no migration was ever run."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        table = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if table is None or table[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def upgrade(database_url: str, revision: str = "head") -> bool:
    """Migrate up to ``revision``. True if there was something to do. Two at once wait for each other.

    Raises:
        RuntimeError: some transaction has held a lock for minutes that a migration needs.
    """
    if revision == "head" and current(database_url) == head():
        return False
    _patiently(database_url, "upgrade", revision)
    return True


def downgrade(database_url: str, revision: str) -> None:
    """Migrate down to ``revision`` ("base": to nothing). Deletes data. Raises as ``upgrade``."""
    _patiently(database_url, "downgrade", revision)


def _patiently(database_url: str, command: str, revision: str) -> None:
    """A migration that did not get its lock is tried again: what came before it is done."""
    import sqlalchemy.exc

    for tried in range(1, TRIES + 1):
        try:
            return _alembic(database_url, command, revision)
        except sqlalchemy.exc.OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            if tried == TRIES:
                raise RuntimeError(
                    "A migration did not get its lock: look for long transactions in pg_stat_activity."
                ) from error
            time.sleep(PAUSE_SECONDS)
    return None


def _alembic(database_url: str, command: str, revision: str) -> None:
    import alembic.command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    getattr(alembic.command, command)(config, revision)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m service.store.migrate", description=__doc__)
    parser.add_argument("--to", metavar="REVISION", help="back to an older form (deletes what came later)")
    chosen = parser.parse_args(arguments)
    try:
        url = Settings.load().database_url
        before = current(url)
        if chosen.to is None:
            upgrade(url)
        else:
            downgrade(url, chosen.to)
        after = current(url)
    except (SettingsError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except psycopg.OperationalError as error:
        sys.stderr.write(f"The database of KANTOR_DATABASE_URL cannot be reached: {str(error).strip()}\n")
        return 1
    words = "nothing to do" if after == before else f"migrated from {before}"
    sys.stdout.write(f"database at revision {after}, {words}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
