"""A worker process: what its slots share, and what a slot does when the doorbell rings."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog

import api_schemas
from api_schemas.errors import KantorError
from api_schemas.ids import ARTIFACT, JOB, WORKER, decode, encode, new_uuid
from service import hints, hooks, jobs, registry
from service.artifacts import ArtifactStore
from service.bell import Bell
from service.broker import Line
from service.jobs import Claim
from service.settings import Settings
from service.store import migrate
from service.store.connect import Database, connect, pool
from service.telemetry import origin
from service.telemetry.alive import Pulse
from workers.ear import Ear
from workers.ending import Ending, count
from workers.journal import Journal
from workers.keeper import Keeper
from workers.outcome import Finished, HandedBack, failed
from workers.run import Bounds
from workers.runner import limits, sandbox
from workers.runners import Runners
from workers.settings import WorkerSettings
from workers.supervisor import Supervisor
from workers.trace import JobSpan
from workers.zygotes import Zygotes

log = structlog.get_logger(__name__)


class Worker:
    """Everything of one worker process. ``start`` it, let slots call ``answer``, ``drain`` it, ``close`` it."""

    def __init__(self, settings: Settings, own: WorkerSettings, *, pools: Sequence[str], concurrency: int) -> None:
        self.settings = settings
        self.own = own
        self.pools = tuple(pools)
        self.concurrency = concurrency
        self.id: UUID = new_uuid()
        memory = own.memory_for(concurrency)
        self.bounds = Bounds(
            own.reading_seconds,
            own.checking_seconds,
            own.grace_seconds,
            memory,
            max(memory, own.memory_most_mb),
            own.threads_most,
        )
        self._drain_at: float | None = None
        self._asked = threading.local()
        self._closing = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Wait for the database, find the engines, start what solves, announce.

        Raises:
            psycopg.OperationalError: the database was lost meanwhile.
            RuntimeError: no engine can be offered.
            ZygoteLostError: nothing that solves can be started.
        """
        _await_database(self.settings)
        self.database = pool(self.settings, name="kantor worker", min_size=1, max_size=self.concurrency + 3)
        only = {name.strip() for name in self.own.engines.split(",") if name.strip()}
        self.zygotes = Zygotes()
        self.catalogue = self.zygotes.start(only=only, pools=self.pools)
        if not self.catalogue.groups:
            raise RuntimeError(f"no engine is installed for the pools {', '.join(self.pools)}")
        self.runners = Runners(
            self.zygotes,
            keep=self.concurrency,
            confine=self.own.sandbox,
            readable=[path for path in self.own.readable.split(":") if path],
            writable=[path for path in self.own.writable.split(":") if path],
        )
        self.runners.warm_up(self.catalogue.group_of(self.catalogue.engines[0].family, "auto"), self.concurrency)
        self.artifacts = ArtifactStore(self.settings)
        self.line = Line(self.settings)
        self.ear = Ear(self.settings, self.pools)
        self.bell = Bell(self.settings)
        self.journal = Journal(self.database, self._tell)
        self.ending = Ending(self.database, self.bell, self.settings, self._tell, self.must_hand_back)
        self.keeper = Keeper(
            self.database,
            self.id,
            lease_seconds=self.settings.lease_seconds,
            heartbeat_seconds=self.settings.heartbeat_seconds,
            look_seconds=self.own.look_seconds,
            announce=self._announce,
            pulse=Pulse(self.settings.alive_file),
        )
        with self.database.connection() as connection:
            self._announce(connection)
        self.keeper.start()
        log.info("worker ready", worker=encode(WORKER, self.id), engines=self.catalogue.names, pools=self.pools)

    def answer(self, job_id: str) -> None:
        """The bell has rung: do jobs until there are none, or the worker ends.

        A ring says that there is work, not which: the best job is claimed. After it the slot itself listens for the
        next ring for a moment; and it looks without one every second, and before it leaves. So a ring that was lost
        delays its job only if nobody is working; one that comes too late finds nothing.
        """
        claim = self._claim(job_id)
        while claim is not None:
            self.do(claim)
            if not self._may_claim():
                return
            rung = self.ear.listen()
            claim = self._claim(job_id)
            if claim is not None and not rung:
                self.ear.unrung(claim.pool)

    def _may_claim(self) -> bool:
        return self._drain_at is None and self.keeper.holds()

    def _claim(self, job_id: str) -> Claim | None:
        if not self._may_claim():
            return None
        self._asked.ns = time.time_ns()
        try:
            with self.database.connection() as connection:
                return jobs.claim(
                    connection,
                    pools=self.pools,
                    engines=self.catalogue.names,
                    worker_id=self.id,
                    lease_seconds=self.settings.lease_seconds,
                    takeovers=self.keeper.steady_for() >= self.settings.outage_grace_seconds,
                )
        except psycopg.OperationalError as error:
            # the job's outbox row is still there: the relay rings again
            log.warning("no job could be claimed", rung_for=job_id, error=str(error).strip())
            return None

    def do(self, claim: Claim) -> None:
        """Run a claimed job to its end, and write that."""
        span = JobSpan(claim, asked_ns=getattr(self._asked, "ns", time.time_ns()))
        known = {"job": encode(JOB, claim.job_id), "request_id": claim.request_id}
        with origin.within(span.origin), structlog.contextvars.bound_contextvars(**known):
            self._do(claim, span)

    def _do(self, claim: Claim, span: JobSpan) -> None:
        began = time.monotonic()
        supervisor = Supervisor(self, claim)
        self.keeper.hold(supervisor)
        try:
            try:
                supervisor.claim = self._loaded(claim)
                outcome = supervisor.run()
            except KantorError as error:
                outcome = Finished("failed", error=error.problem())
            except psycopg.OperationalError:
                outcome = HandedBack("the database could not be reached")
            except Exception as error:
                log.exception("the supervisor failed", job=encode(JOB, claim.job_id))
                outcome = failed("internal", f"Kantor made a mistake: {type(error).__name__}: {error}")
            span.answered()
            self.ending.write(supervisor, outcome, claim)
        finally:
            self.keeper.release(supervisor)
            self.journal.leave(supervisor.page)
        count(claim, outcome, time.monotonic() - began)
        engine = str((getattr(outcome, "summary", None) or {}).get("engine", claim.engine))
        span.end(engine, supervisor.milliseconds, outcome)
        log.info(
            "job",
            kind=claim.kind,
            engine=engine,
            attempt=claim.attempt,
            outcome=outcome.state if isinstance(outcome, Finished) else type(outcome).__name__,
            **({"code": outcome.error.code} if isinstance(outcome, Finished) and outcome.error else {}),
            seconds=round(time.monotonic() - began, 4),
            ms=supervisor.milliseconds,
            project=str(claim.project_id),
        )

    def _loaded(self, claim: Claim) -> Claim:
        """The claim with the data that its kind has in the database."""
        hook = hooks.of(claim.kind)
        if hook is None:
            return claim
        with self.database.connection() as connection:
            return dataclasses.replace(claim, document=hook.load(connection, claim))

    def must_hand_back(self) -> bool:
        """True once running jobs shall go back to the queue."""
        return self._drain_at is not None and time.monotonic() >= self._drain_at

    def drain(self, seconds: float | None = None) -> None:
        """Claim nothing more; hand back what still runs after so many seconds. May be called from a signal handler."""
        wanted = time.monotonic() + (self.own.drain_seconds if seconds is None else seconds)
        self._drain_at = wanted if self._drain_at is None else min(wanted, self._drain_at)

    def close(self) -> None:
        """End everything that was started. Call it when no slot works any more."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self.drain(0.0)
        self.keeper.close()
        self.journal.close()
        with contextlib.suppress(psycopg.Error), self.database.connection(timeout=2.0) as connection:
            registry.retire(connection, self.id)
        self.database.close()
        self.runners.close()
        self.zygotes.close()
        self.line.close()
        self.ear.close()
        self.bell.close()

    # ------------------------------------------------------------------ for supervisors

    def fetch(self, claim: Claim, artifact: str) -> Path:
        """A copy of an artifact of the job's project on this machine.

        Raises:
            KantorError: ``artifact-missing``.
        """
        try:
            artifact_id = decode(ARTIFACT, artifact)
        except ValueError as error:
            raise KantorError("artifact-missing", str(error)) from None
        target = self.runners.inputs / f"{uuid4().hex}.artifact"  # whose name nobody guesses
        with self.database.connection() as connection:
            return self.artifacts.fetch(connection, claim.project_id, artifact_id, target)

    def store(self, claim: Claim, folder: Path, path: Path, filename: str) -> str:
        """Keep a file that a runner has written into its folder as an artifact of the job's answer; its id.

        Raises:
            KantorError: ``too-large``, ``quota-exceeded``, or ``internal`` for what is no file of that folder.
        """
        if path.parent != folder:
            raise KantorError("internal", f"{path} is not in the folder of the runner")
        try:
            # a link would let a runner hand out what it may not read
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise KantorError("internal", f"the answer's arrays cannot be read: {error}") from None
        with open(descriptor, "rb") as stream, self.database.connection() as connection:
            artifact = self.artifacts.put(
                connection,
                claim.project_id,
                stream,
                filename=filename,
                origin="answer",
                job_id=claim.job_id,
                attempt=claim.attempt,
            )
        return artifact.id

    def _tell(self, claim: Claim, seq: int) -> None:
        hints.publish(self.line, claim.job_id, seq)

    # ------------------------------------------------------------------ this worker

    def _announce(self, connection: Database) -> None:
        registry.announce(
            connection,
            self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=api_schemas.VERSION,
            pools=self.pools,
            concurrency=self.concurrency,
            engines=self.catalogue.engines,
            resources=self._resources(),
        )

    def _resources(self) -> dict[str, Any]:
        return {
            "cores": limits.machine_cores(),
            "memory_mb": limits.machine_memory() >> 20,
            "job_memory_mb": self.bounds.memory,
            "job_memory_most_mb": self.bounds.memory_most,
            "job_threads_most": self.bounds.threads_most,
            "gpus": limits.machine_gpus(),
            **self._isolation(),
        }

    def _isolation(self) -> dict[str, str]:
        """What runners are cut off from: "closed", or why it is open."""
        held = sandbox.probe()
        return held if self.own.sandbox else dict.fromkeys(held, "open: KANTOR_WORKER_SANDBOX is off")


def _await_database(settings: Settings) -> None:
    """Until the database answers and has the tables of this version: roles may be started in any order."""
    pulse, pause = Pulse(settings.alive_file), 0.2
    while True:
        pulse.beat()
        try:
            with connect(settings, name="kantor worker") as conn:
                lacks = migrate.missing(conn)
        except psycopg.OperationalError as error:
            lacks = f"The database cannot be reached: {str(error).strip()}"
        if lacks is None:
            return
        log.warning("the worker waits", why=lacks)
        time.sleep(pause)
        pause = min(2 * pause, 5.0)
