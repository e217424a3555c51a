"""Writes the events of all jobs of a worker, so that no job waits for the database while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from service import jobs
from service.jobs import Claim
from service.store.connect import Database, Row

log = structlog.get_logger(__name__)

#: Seconds between two writes of one job, and before the first one: a job that is over by then writes once, at its end.
WRITE_EVERY = 0.2
FIRST_WRITE = 0.05

#: Events that wait while the database is away; beyond, every second progress event is left out.
MOST_WAITING = 2000

#: Seconds to wait after a failure.
RETRY = 1.0


class Page:
    """The events of one job that are not yet written. Thread-safe."""

    def __init__(self, claim: Claim, notify: Callable[[], None]) -> None:
        self.claim = claim
        self.lost = False
        """True once a write was refused because the job is another's."""
        self.writing = threading.Lock()
        """Held by whoever writes, so that events stay in order."""
        self.due = time.monotonic() + FIRST_WRITE
        self._notify = notify
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._progress: dict[str, Any] | None = None
        self._doubtful: list[dict[str, Any]] = []
        self._last: datetime | None = None

    def add(self, type_: str, data: dict[str, Any]) -> None:
        """Take an event."""
        with self._lock:
            first = not self._events
            self._events.append({"type": type_, "data": data, "at": self._now()})
            if type_ == "progress":
                self._progress = data
            if len(self._events) > MOST_WAITING:
                self._thin()
        if first:
            self._notify()

    def _now(self) -> datetime:
        """Of no two events the same: by it an event is known again."""
        now = datetime.now(UTC)
        if self._last is not None and now <= self._last:
            now = self._last + timedelta(microseconds=1)
        self._last = now
        return now

    @property
    def waiting(self) -> bool:
        return bool(self._events)

    def take(self, connection: Database) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """What is to be written; whoever takes must hold ``writing``. Of what was put back, what is there already is
        left out.

        Raises:
            psycopg.OperationalError: that cannot be known now; nothing was taken.
        """
        if self._doubtful:
            times = [event["at"] for event in self._doubtful]
            known = jobs.written(connection, self.claim.job_id, self.claim.attempt, times)
            with self._lock:
                self._events = [event for event in self._events if event["at"] not in known]
            self._doubtful = []
        with self._lock:
            events, self._events = self._events, []
            progress, self._progress = self._progress, None
        return events, progress

    def put_back(self, events: list[dict[str, Any]], progress: dict[str, Any] | None) -> None:
        """What could not be written, or was written and the reply was lost."""
        with self._lock:
            self._events = events + self._events
            self._doubtful = list(events)
            self._progress = self._progress or progress

    def _thin(self) -> None:
        odd = False
        kept = []
        for event in self._events:
            if event["type"] == "progress":
                odd = not odd
                if odd:
                    continue
            kept.append(event)
        self._events = kept


class Journal:
    """One thread that writes for all jobs, each at most every ``WRITE_EVERY`` seconds."""

    def __init__(self, database: ConnectionPool[Database], told: Callable[[Claim, int], None]) -> None:
        """``told`` hears the last ``seq`` after each write."""
        self._database = database
        self._told = told
        self._condition = threading.Condition()
        self._pages: list[Page] = []
        self._closed = False
        self._idle = True
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def open(self, claim: Claim) -> Page:
        page = Page(claim, self._wake)
        with self._condition:
            self._pages.append(page)
        return page

    def leave(self, page: Page) -> None:
        """No more of this job is written."""
        with self._condition:
            self._pages.remove(page)

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join(10.0)

    def _wake(self) -> None:
        # Amid jobs of milliseconds it looks often enough by itself; to wake it for each would cost them dearly.
        if self._idle:
            with self._condition:
                self._condition.notify()

    def _work(self) -> None:
        while True:
            with self._condition:
                now = time.monotonic()
                self._idle = True  # before looking: what comes after the look wakes it
                waiting = [page for page in self._pages if page.waiting and not page.lost]
                due = [page for page in waiting if page.due <= now]
                if self._closed:
                    return
                self._idle = not waiting
                if not due:
                    soonest = min((page.due - now for page in waiting), default=None)
                    self._condition.wait(None if soonest is None else min(soonest, FIRST_WRITE))
                    continue
            try:
                with self._database.connection() as connection:
                    for page in due:
                        self._write(connection, page)
            except psycopg.OperationalError as error:
                log.warning("events wait for the database", error=str(error).strip())
                for page in due:
                    page.due = time.monotonic() + RETRY
            except Exception:  # a mistake with one job must not cost all others their events
                log.exception("events cannot be written")
                for page in due:
                    page.due = time.monotonic() + RETRY

    def _write(self, connection: psycopg.Connection[Row], page: Page) -> None:
        with page.writing:
            events, progress = page.take(connection)
            page.due = time.monotonic() + WRITE_EVERY
            if not events:
                return
            claim = page.claim
            try:
                seq = jobs.add_events(connection, claim.job_id, claim.attempt, events, progress)
            except psycopg.OperationalError:
                page.put_back(events, progress)
                raise
            except psycopg.Error as error:
                log.error("events could not be stored", job=str(claim.job_id), count=len(events), error=str(error))
                return
        if seq is None:
            page.lost = True
        else:
            self._told(claim, seq)
