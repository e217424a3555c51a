"""The end of a job: its answer, its last events and what a study or a schedule makes of it, in one transaction."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from api_schemas.ids import ARTIFACT, JOB, decode, encode
from service import artifacts, hooks, jobs
from service.bell import Bell
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database
from service.telemetry import metrics
from workers.outcome import Finished, HandedBack, Lost, Outcome, failed
from workers.supervisor import Supervisor

log = structlog.get_logger(__name__)

#: Seconds between two tries while the database is away.
RETRY = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Ending:
    """Writes ends of jobs.

    Args:
        tell: called with the claim and its last event's number once the end is written.
        must_hand_back: whether the worker ends, and cannot wait for the database any more.
    """

    def __init__(
        self,
        database: ConnectionPool[Database],
        bell: Bell,
        settings: Settings,
        tell: Callable[[Claim, int], None],
        must_hand_back: Callable[[], bool],
    ) -> None:
        self._database = database
        self._bell = bell
        self._settings = settings
        self._tell = tell
        self._must_hand_back = must_hand_back

    def write(self, supervisor: Supervisor, outcome: Outcome, claim: Claim) -> None:
        """Write it, as often as the database needs; who has lost the job writes nothing.

        While the database is away nobody else can take the job, so there is nothing better to do than to try again.
        """
        tries = 0
        while not isinstance(outcome, Lost):
            try:
                with self._database.connection() as connection:
                    seq = self._end(connection, supervisor, outcome, claim)
            except psycopg.OperationalError as error:
                if tries > 3 and self._must_hand_back():
                    log.error("the end of a job could not be written", job=encode(JOB, claim.job_id))
                    return
                log.warning("the end of a job waits for the database", error=str(error).strip())
                time.sleep(RETRY[min(tries, len(RETRY) - 1)])
                tries += 1
                continue
            except Exception as error:
                log.exception("the end of a job cannot be stored", job=encode(JOB, claim.job_id), error=str(error))
                outcome = failed("internal", "The answer could not be stored.")
                if tries > len(RETRY):
                    return
                tries += 1
                continue
            if seq is not None:
                self._tell(claim, seq)
            return

    def _end(
        self, connection: Database, supervisor: Supervisor, outcome: Finished | HandedBack, claim: Claim
    ) -> int | None:
        page = supervisor.page
        hook = hooks.of(claim.kind) if isinstance(outcome, Finished) else None
        # of runs that did not end, in this attempt or an earlier one
        leaves_arrays = supervisor.stores or claim.attempt > 1
        alone = isinstance(outcome, Finished) and hook is None and not leaves_arrays
        follows: UUID | None = None
        with page.writing:
            events, progress = page.take(connection)
            try:
                with contextlib.nullcontext() if alone else connection.transaction():
                    if isinstance(outcome, Finished):
                        seq = self._finish(connection, outcome, claim, events, progress)
                    else:
                        seq = self._hand_back(connection, outcome, claim, events, progress)
                    if seq is not None and leaves_arrays:
                        document = outcome.document if isinstance(outcome, Finished) else None
                        kept = [name for name in supervisor.stored if name.encode() in (document or b"")]
                        artifacts.keep_only(connection, claim.job_id, [decode(ARTIFACT, name) for name in kept])
                    if seq is not None and hook is not None and isinstance(outcome, Finished):
                        finished = hooks.Finish(outcome.state, outcome.document, outcome.error)
                        follows = hook.on_finish(connection, claim, finished, self._settings)
            except psycopg.OperationalError:
                page.put_back(events, progress)
                raise
        if follows is not None:
            self._bell.ring(claim.pool, follows)
        return seq

    def _hand_back(
        self,
        connection: Database,
        outcome: HandedBack,
        claim: Claim,
        events: list[dict[str, Any]],
        progress: dict[str, Any] | None,
    ) -> int | None:
        if events:
            jobs.add_events(connection, claim.job_id, claim.attempt, events, progress)
        return jobs.hand_back(connection, claim.job_id, claim.attempt, outcome.reason, wait_seconds=outcome.wait)

    def _finish(
        self,
        connection: Database,
        outcome: Finished,
        claim: Claim,
        events: list[dict[str, Any]],
        progress: dict[str, Any] | None,
    ) -> int | None:
        return jobs.finish(
            connection,
            claim.job_id,
            claim.attempt,
            state=outcome.state,
            answer=outcome.document,
            summary=outcome.summary,
            error=outcome.error,
            events=events,
            progress=progress,
        )


def count(claim: Claim, outcome: Outcome, seconds: float) -> None:
    """Into the metrics of this worker."""
    if isinstance(outcome, Lost):
        metrics.LEASES_LOST.inc()
    elif isinstance(outcome, HandedBack):
        metrics.HANDED_BACK.inc()
    else:
        summary = outcome.summary or {}
        engine = str(summary.get("engine") or claim.engine)
        metrics.SOLVE_SECONDS.labels(claim.kind, engine, outcome.state).observe(seconds)
        if summary.get("verified") is False and outcome.document is not None and claim.task == "solve":
            metrics.CERTIFICATE_FAILURES.labels(claim.kind, engine).inc()
