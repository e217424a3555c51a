"""Alembic's entry: connects with psycopg alone; one process at a time, each migration in a transaction of its own.

A migration that waits for a lock makes everybody behind it wait too, so it gives up after ``LOCK_SECONDS`` and is tried
again later (``service.store.migrate``). Indexes of large tables are made ``CONCURRENTLY``, in an ``autocommit_block``.
"""

import time

import psycopg
import sqlalchemy
from alembic import context

LOCK = 0x6B616E746F72
"""Advisory lock (the letters of "kantor"): replicas that start together don't migrate together."""
LOCK_SECONDS = 3


def _database_url() -> str:
    url = context.config.attributes.get("database_url")
    if url is None:
        from service.settings import Settings

        url = Settings.load().database_url
    return str(url)


def _wait_for_others(connection: sqlalchemy.Connection) -> None:
    # Asked again and again, each time in a transaction of its own: who waits within one would be waited for by an index
    # that the other makes concurrently.
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({LOCK})").scalar_one():
        connection.commit()
        time.sleep(0.2)
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.commit()


def run() -> None:
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    url = _database_url()
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, connect_timeout=5), poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        _wait_for_others(connection)
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()
