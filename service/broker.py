"""A held connection to Valkey that never makes its caller wait long: what it carries may be lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
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
        self._owed = 0
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
        return self._try(self._send, command)

    def tell(self, *command: str | bytes | int) -> None:
        """Send one command without waiting for its reply, which is not looked at.

        Raises:
            BrokerDownError: as ``execute_command``, as far as that is known when it is sent.
        """
        self._try(self._tell, command)

    def _try(self, send: Callable[[tuple[str | bytes | int, ...]], Any], command: tuple[str | bytes | int, ...]) -> Any:
        if self.down:
            raise BrokerDownError("the broker did not answer a moment ago")
        with self._lock:
            held = self._connection is not None
            try:
                return send(command)
            except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
                self._drop()
                # A held connection may be from before a restart of Valkey: one fresh try, unless time is used up.
                if held and not isinstance(error, redis.TimeoutError):
                    with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, OSError):
                        return send(command)
                    self._drop()
                self._down_until = time.monotonic() + SULK
                raise BrokerDownError(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next command opens a new one."""
        with self._lock:
            self._drop()

    def _send(self, command: tuple[str | bytes | int, ...]) -> Any:
        self._ready().send_command(*command)
        return self._connection.read_response()

    def _tell(self, command: tuple[str | bytes | int, ...]) -> None:
        self._ready().send_command(*command)
        self._owed += 1

    def _ready(self) -> Any:
        """The connection, with nothing left to be read from it."""
        if self._connection is None:
            self._connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._connection.connect()
        while self._owed:
            with contextlib.suppress(redis.ResponseError):
                self._connection.read_response()
            self._owed -= 1
        if self._connection.can_read(0):
            raise redis.ConnectionError("the broker has hung up")
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._owed = 0
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.disconnect()
