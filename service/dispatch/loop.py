"""A duty that is done again and again, over losses of the database, until it is told to end."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable

import psycopg
import structlog

from service.settings import Settings
from service.store.connect import Database, connect

log = structlog.get_logger("kantor.dispatcher")

_LONGEST_PAUSE = 5.0
_LONGEST_CALL = 600.0


class Duty(threading.Thread):
    """A thread with its own connection that calls ``work`` every ``interval`` seconds, or at once if it returns True.
    Work that lasts longer than ten minutes calls ``beat`` as it goes.

    Args:
        work: gets the connection and the seconds since it was opened.
        stop: ends it, at the latest after the call under way.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        interval: float,
        work: Callable[[Database, float], bool],
        stop: threading.Event,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._settings = settings
        self._interval = interval
        self._work = work
        self._stop_event = stop
        self.rounds = 0
        """Calls that succeeded."""
        self._due = time.monotonic()

    def turns(self) -> bool:
        """Whether it goes on: losses of the database and mistakes do, a call that never ends does not."""
        return self.is_alive() and time.monotonic() < self._due + _LONGEST_CALL

    def beat(self) -> None:
        """For a call that lasts: it goes on."""
        self._due = time.monotonic()

    def run(self) -> None:
        """Until ``stop`` is set."""
        failures = 0
        while not self._stop_event.is_set():
            try:
                with contextlib.closing(connect(self._settings, name=f"kantor-{self.name}")) as conn:
                    if failures:
                        log.info("database_back", duty=self.name)
                    failures = 0
                    self._rounds(conn)
            except psycopg.OperationalError as error:
                failures += 1
                pause = min(_LONGEST_PAUSE, 0.1 * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)  # noqa: S311
                log.warning("database_lost", duty=self.name, error=str(error).strip(), next_try_seconds=round(pause, 2))
                self._pause(pause)
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
                failures += 1
                words = str(error).partition("\n")[0]
                log.error("database_not_migrated", duty=self.name, error=words, hint="python -m service.store.migrate")
                self._pause(_LONGEST_PAUSE)
            except Exception:
                # A mistake of ours must not end the duty, nor be repeated in haste.
                failures += 1
                log.exception("duty_failed", duty=self.name)
                self._pause(_LONGEST_PAUSE)

    def _rounds(self, conn: Database) -> None:
        opened = time.monotonic()
        while not self._stop_event.is_set():
            more = self._work(conn, time.monotonic() - opened)
            self.rounds += 1
            self._pause(0.0 if more else self._interval)

    def _pause(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds
        if seconds > 0:
            self._stop_event.wait(seconds)
