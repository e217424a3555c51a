"""A held connection to Valkey that never makes its caller wait long: what it carries may be lost."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import redis

from service.settings import Settings

PATIENCE = 0.1
"""Seconds for connecting, and again for a reply."""
SULK = 1.0
"""Seconds in which nothing is tried after a failure, so that not every caller pays for a broker that is down."""


class BrokerDownError(ConnectionError):
    """Valkey cannot be reached now."""


class Line:
    """One connection, for many threads. It uses the redis package's ``Connection`` without the client around it, which
    would cost more processor time than everything else that a ring does.
    """

    def __init__(self, settings: Settings, *, patience: float = PATIENCE) -> None:
        """``patience``: seconds for a reply, longer for who sends commands that wait."""
        self._pool = redis.ConnectionPool.from_url(
            settings.hints_url,
            socket_timeout=patience,
            **({} if settings.hints_url.startswith("unix:") else {"socket_connect_timeout": PATIENCE}),
            retry=None,
        )
        self._lock = threading.Lock()
        self._connection: Any = None
        self._down_until = 0.0

    @property
    def down(self) -> bool:
        """True for a second after a failure."""
        return time.monotonic() < self._down_until

    def execute_command(self, *command: str | bytes | int) -> Any:
        """Send one command and return its reply.

        Raises:
            BrokerDownError: within 0.2 seconds (or the patience); at once in the second after a failure.
            redis.ResponseError: Valkey refuses the command.
        """
        if self.down:
            raise BrokerDownError("the broker did not answer a moment ago")
        with self._lock:
            held = self._connection is not None
            try:
                return self._send(command)
            except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
                self._drop()
                # A held connection may be from before a restart of Valkey: one fresh try, unless time is used up.
                if held and not isinstance(error, redis.TimeoutError):
                    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, OSError):
                        return self._send(command)
                    self._drop()
                self._down_until = time.monotonic() + SULK
                raise BrokerDownError(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next command opens a new one."""
        with self._lock:
            self._drop()

    def _send(self, command: tuple[str | bytes | int, ...]) -> Any:
        if self._connection is None:
            self._connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._connection.connect()
        self._connection.send_command(*command)
        return self._connection.read_response()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.disconnect()
