"""One thread of the worker that says it lives, extends the leases of its jobs, and learns which are wanted no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from service import jobs, registry
from service.jobs import Claim, Hold
from service.store.connect import Database, hurried
from service.telemetry.alive import Pulse

log = structlog.get_logger(__name__)


class Held(Protocol):
    """A job that this worker holds."""

    @property
    def claim(self) -> Claim: ...

    def hear(self, hold: Hold) -> None:
        """Called in the keeper's thread with what became of the job."""
        ...


class Keeper:
    """See the module. Safe from any thread."""

    def __init__(
        self,
        database: ConnectionPool[Database],
        worker_id: UUID,
        *,
        lease_seconds: float,
        heartbeat_seconds: float,
        look_seconds: float,
        announce: Callable[[Database], None],
        pulse: Pulse,
    ) -> None:
        """``announce`` writes the worker's row; it is called again if that is gone. ``pulse`` beats meanwhile."""
        self._pulse = pulse
        self._database = database
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._look_seconds = min(look_seconds, heartbeat_seconds)
        self._announce = announce
        self._jobs: dict[UUID, Held] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._failing = False
        self._steady_since = time.monotonic()
        self._looked_at = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self, job: Held) -> None:
        with self._lock:
            self._jobs[job.claim.job_id] = job

    def release(self, job: Held) -> None:
        with self._lock:
            self._jobs.pop(job.claim.job_id, None)

    def steady_for(self) -> float:
        """Seconds since the database could not be reached, or since the worker began; 0 while it cannot."""
        return 0.0 if self._failing else time.monotonic() - self._steady_since

    def holds(self) -> bool:
        """False while leases are not being extended: what is claimed then would be lost."""
        return time.monotonic() - self._looked_at < self._heartbeat_seconds + self._lease_seconds / 2

    def close(self) -> None:
        self._closed.set()
        self._thread.join(10.0)

    def _work(self) -> None:
        beat_at = 0.0
        while not self._closed.is_set():
            self._pulse.beat()
            now = time.monotonic()
            with self._lock:
                held = dict(self._jobs)
            beats = now >= beat_at
            if held or beats:
                try:
                    self._look(held, beats)
                    self._looked_at = time.monotonic()
                    if beats:
                        beat_at = now + self._heartbeat_seconds
                    if self._failing:
                        log.info("the database is back")
                        self._steady_since = time.monotonic()
                    self._failing = False
                except psycopg.Error as error:
                    if not self._failing:
                        log.warning("the database cannot be reached; jobs go on", error=str(error).strip())
                    self._failing = True
                except Exception:  # without this thread the worker would lose every job
                    log.exception("the keeper failed")
            self._closed.wait(self._look_seconds)

    def _look(self, held: dict[UUID, Held], beats: bool) -> None:
        with self._database.connection() as connection, hurried(connection, self._lease_seconds / 3):
            claims = [(job_id, job.claim.attempt) for job_id, job in held.items()]
            holds = jobs.extend(connection, claims, self._lease_seconds)
            if beats and not registry.heartbeat(connection, self._worker_id, len(held)):
                self._announce(connection)
        for job_id, hold in holds.items():
            held[job_id].hear(hold)
