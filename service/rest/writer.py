"""Storing submissions: those that arrive together share one commit, and one command to the broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from uuid import UUID

import psycopg
import structlog

from api_schemas.errors import KantorError
from service import jobs
from service.bell import Bell
from service.jobs import Submission, Submitted
from service.settings import Settings
from service.store.connect import Database, alive, connect

_MOST_ITEMS = 200
_MOST_BYTES = 8 << 20

log = structlog.get_logger("kantor.api")


@dataclass(frozen=True, slots=True)
class _Entry:
    submission: Submission
    future: asyncio.Future[Submitted]


class Writer:
    """One thread with a connection of its own that stores whatever waits, and rings for it.

    While a commit is under way, new submissions gather for the next one: so the group grows with the load by itself.
    Use ``start`` and ``stop`` within the event loop that calls ``submit``.
    """

    def __init__(self, settings: Settings, bell: Bell) -> None:
        self._settings = settings
        self._bell = bell
        self._entries: SimpleQueue[_Entry | Submitted | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: Database | None = None
        self._thread = threading.Thread(target=self._write, name="submit-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Store and ring what waits, then end the thread."""
        self._entries.put(None)
        await asyncio.to_thread(self._thread.join, 10.0)

    async def submit(self, submission: Submission) -> Submitted:
        """Store a job, ring for it.

        Raises:
            KantorError: as ``service.jobs.submit``; ``unavailable`` if the database is lost.
        """
        future: asyncio.Future[Submitted] = asyncio.get_running_loop().create_future()
        self._entries.put(_Entry(submission, future))
        return await future

    def ring(self, submitted: Submitted) -> None:
        """Ring for a job that was stored elsewhere."""
        self._entries.put(submitted)

    def _write(self) -> None:
        while True:
            group, rings, ended = self._gather()
            if rings:
                self._ring(rings)
            if group:
                self._store(group)
            if ended:
                if self._connection is not None:
                    self._connection.close()
                return

    def _gather(self) -> tuple[list[_Entry], list[Submitted], bool]:
        """All that waits to be stored and to be rung for, up to a bound; at least one."""
        group: list[_Entry] = []
        rings: list[Submitted] = []
        size = 0
        entry = self._entries.get()
        while entry is not None:
            if isinstance(entry, Submitted):
                rings.append(entry)
            else:
                group.append(entry)
                size += len(entry.submission.document)
            if self._entries.empty() or len(group) >= _MOST_ITEMS or size >= _MOST_BYTES:
                return group, rings, False
            entry = self._entries.get()
        return group, rings, True

    def _store(self, group: list[_Entry]) -> None:
        outcomes: Sequence[Submitted | Exception]
        try:
            outcomes = jobs.submit_many(self._live(), [entry.submission for entry in group], settings=self._settings)
        except psycopg.OperationalError as error:
            # Whether the commit went through is not known: storing again could make two jobs of one.
            if self._connection is not None:
                self._connection.close()
            log.warning("submissions_not_stored", count=len(group), error=str(error).strip())
            outcomes = [KantorError("unavailable", "The database cannot be reached now; try again shortly.")] * len(
                group
            )
        except Exception as error:
            outcomes = [error] * len(group)
        stored = [o for o in outcomes if isinstance(o, Submitted) and not o.replayed]
        if stored:  # at once: the way to a worker is longer than that of the reply
            self._ring(stored)
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_deliver, group, outcomes)

    def _live(self) -> Database:
        """The connection; a new one if the server has hung up."""
        if self._connection is None or not alive(self._connection):
            if self._connection is not None:
                self._connection.close()
            self._connection = connect(self._settings, name="kantor-api-writer")
        return self._connection

    def _ring(self, stored: Sequence[Submitted]) -> None:
        by_pool: dict[str, list[UUID]] = {}
        for submitted in stored:
            by_pool.setdefault(submitted.job.pool, []).append(submitted.job_id)
        for pool, job_ids in by_pool.items():
            try:
                self._bell.tell(pool, job_ids)
            except Exception:
                log.exception("bell_broken")  # the dispatcher rings for these


def _deliver(group: list[_Entry], outcomes: Sequence[Submitted | Exception]) -> None:
    for entry, outcome in zip(group, outcomes, strict=True):
        if entry.future.done():
            continue
        if isinstance(outcome, Submitted):
            entry.future.set_result(outcome)
        else:
            entry.future.set_exception(outcome)
