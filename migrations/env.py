"""Alembic's entry: connects with psycopg alone and runs every migration in one transaction, one process at a time."""

import psycopg
import sqlalchemy
from alembic import context

LOCK = 0x6B616E746F72
"""Advisory lock (the letters of "kantor"): replicas that start together don't migrate together."""


def _database_url() -> str:
    url = context.config.attributes.get("database_url")
    if url is None:
        from service.settings import Settings

        url = Settings.load().database_url
    return str(url)


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
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        context.configure(connection=connection, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()


run()
