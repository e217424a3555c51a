"""Connections to PostgreSQL.

Connections are in autocommit mode: each function of the job rules is one statement, hence one transaction and one round
trip. Several calls become one transaction by ``with connection.transaction():``.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from psycopg import Connection, _queries
from psycopg.abc import PQGen
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool
from psycopg_pool.base import AttemptWithBackoff

from service.settings import Settings

Row = tuple[Any, ...]
Database = Connection[Row]
"""A connection as every rule expects it."""

# A dead peer is noticed within about a minute even while a connection only listens.
_PARAMETERS: dict[str, Any] = {
    "connect_timeout": 5,
    # of several hosts, or of a name that moves, the one that takes writes: after a failover the other only reads
    "target_session_attrs": "read-write",
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    # And within as long while it waits for an answer: a server that lost its power says nothing.
    "tcp_user_timeout": 30_000,
    # Every prepared statement has one good plan, whatever its parameters: planning a claim anew takes longer than the
    # claim. Compiling takes longer than any statement here.
    # The rest is for the server: who vanishes amid a transaction (a host without power, a lost route) holds its locks
    # no longer than that; left to its defaults PostgreSQL would wait two hours, and so would the job and its study.
    "options": "-c timezone=UTC -c plan_cache_mode=force_generic_plan -c jit=off"
    " -c idle_in_transaction_session_timeout=30s -c tcp_user_timeout=30s"
    " -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3",
}

# Of pools after a loss of PostgreSQL. By themselves they would try again after 1, 2, 4, 8 and 16 seconds: leases are
# taken away sooner than that from workers that are not back.
AttemptWithBackoff.INITIAL_DELAY = 0.3
AttemptWithBackoff.DELAY_BACKOFF = 1.5

# The text of a claim is longer than what psycopg keeps in its parsed form; to parse it anew for each claim takes
# 0.16 ms of the 3 ms of CPU that a slot of a worker spends on a small job.
_queries.MAX_CACHED_STATEMENT_LENGTH = 16_384


#: Seconds for an answer of PostgreSQL: no statement of ours takes as long. A host that hangs, or a proxy that has lost
#: its other side, acknowledges everything and says nothing for ever.
PATIENCE = 60.0


class Patient(Connection[Row]):
    """A connection that breaks, with ``psycopg.OperationalError``, if a statement is not answered in time."""

    patience: float = PATIENCE

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.errors.IdleInTransactionSessionTimeout as error:  # this process was frozen: try again
            raise psycopg.OperationalError(str(error)) from error
        except psycopg.errors.ReadOnlySqlTransaction as error:  # the server became a standby: another takes its place
            self.close()
            raise psycopg.OperationalError(str(error)) from error
        except psycopg.errors._WaitTimeout:
            if timeout is not None:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from None


@contextmanager
def hurried(connection: Database, seconds: float) -> Iterator[None]:
    """In this block statements are answered within so many seconds, or the connection breaks."""
    assert isinstance(connection, Patient)
    usual, connection.patience = connection.patience, seconds
    try:
        yield
    finally:
        connection.patience = usual


def _configure(connection: Database) -> None:
    connection.autocommit = True
    connection.prepare_threshold = 2
    set_json_loads(orjson.loads, connection)


def alive(connection: Database) -> bool:
    """False if the server has hung up on an idle connection: nothing else makes its socket readable. Asks nobody."""
    return not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]


def _check(connection: Database) -> None:
    if not alive(connection):
        connection.close()  # otherwise the pool would keep it
        raise psycopg.OperationalError("the server closed the connection")


def connect(settings: Settings, *, name: str = "kantor") -> Database:
    """One connection, in autocommit mode.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached.
    """
    connection: Database = Patient.connect(settings.database_url, autocommit=True, application_name=name, **_PARAMETERS)
    _configure(connection)
    return connection


def pool(
    settings: Settings, *, name: str = "kantor", min_size: int = 1, max_size: int | None = None, timeout: float = 5.0
) -> ConnectionPool[Database]:
    """An open pool of such connections, filled in the background. Those that broke while idle are replaced unseen.

    Args:
        timeout: seconds that a caller waits for a free connection before ``psycopg_pool.PoolTimeout``.
    """
    return ConnectionPool(
        settings.database_url,
        connection_class=Patient,
        kwargs={"autocommit": True, "application_name": name, **_PARAMETERS},
        configure=_configure,
        check=_check,
        min_size=min_size,
        max_size=max_size or max(min_size, settings.database_pool_size),
        timeout=timeout,
        name=name,
        open=True,
        reconnect_timeout=4.0,  # then who asks next begins anew
    )
