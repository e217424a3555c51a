"""Jobs for tests: a small real program, and the calls that every test of the rules needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from api_schemas.errors import Problem
from api_schemas.ids import new_uuid
from api_schemas.jobs import JobRequest
from service import jobs
from service.jobs import Claim, Submission, Submitted
from service.settings import Settings
from service.store.connect import Database

DOCUMENT = b'{"problem":{"kind":"program","objective":[1.0,2.0],"lower":[3.0,4.0]},"options":{}}'
LOST = Problem.of("worker-lost", "for a test")
SUMMARY = {"status": "optimal", "objective": 11.0, "verified": True}


def request(**changes: Any) -> JobRequest:
    """A request for the program of ``DOCUMENT``."""
    return JobRequest.model_validate({"problem": {"objective": [1, 2], "lower": [3, 4]}, **changes})


class Desk:
    """The job rules on one connection, project and worker, with arguments filled in that a test doesn't care about."""

    def __init__(self, conn: Database, project: UUID, settings: Settings) -> None:
        self.conn = conn
        self.project = project
        self.settings = settings
        self.worker = new_uuid()
        self.pool = f"pool-{new_uuid().hex}"

    def submission(self, *, key: str | None = None, fingerprint: bytes = b"same", **changes: Any) -> Submission:
        """A job to submit, into a queue of this desk's own."""
        return Submission(self.project, request(**changes), DOCUMENT, self.pool, key, fingerprint)

    def submit(self, *, key: str | None = None, fingerprint: bytes = b"same", **changes: Any) -> Submitted:
        """Submit one."""
        return jobs.submit(
            self.conn,
            self.project,
            request(**changes),
            DOCUMENT,
            pool=self.pool,
            idempotency_key=key,
            fingerprint=fingerprint,
            settings=self.settings,
        )

    def claim(
        self,
        *,
        pools: list[str] | None = None,
        engines: tuple[str, ...] = ("program:some",),
        lease: float = 30.0,
        takeovers: bool = True,
    ) -> Claim | None:
        """Claim as this desk's worker."""
        return jobs.claim(
            self.conn,
            pools=pools or [self.pool],
            engines=engines,
            worker_id=self.worker,
            lease_seconds=lease,
            takeovers=takeovers,
        )

    def running(self, *, lease: float = 30.0, **changes: Any) -> Claim:
        """A job that this desk's worker holds."""
        job_id = self.submit(**changes).job_id
        claim = self.claim(lease=lease)
        assert claim is not None
        assert claim.job_id == job_id
        return claim

    def finish(self, claim: Claim, state: str = "succeeded", **changes: Any) -> int | None:
        """End a job with an answer that fits the state."""
        values: dict[str, Any] = {"answer": b'{"kind":"program"}', "summary": SUMMARY, "error": None}
        if state == "failed":
            values = {"answer": None, "summary": None, "error": LOST}
        return jobs.finish(self.conn, claim.job_id, claim.attempt, state=state, **{**values, **changes})

    def state(self, job_id: UUID) -> str:
        """The state as it stands in the table."""
        return jobs.get(self.conn, self.project, job_id).state

    def types(self, job_id: UUID) -> list[str]:
        """Types of all events, in order."""
        return [event.type for event in jobs.events(self.conn, self.project, job_id, 0, 10_000)]

    def seqs(self, job_id: UUID) -> list[int]:
        """Numbers of all events, in order."""
        return [event.seq for event in jobs.events(self.conn, self.project, job_id, 0, 10_000)]

    def lapse(self, job_id: UUID) -> None:
        """Let the lease run out."""
        self.conn.execute("UPDATE job SET lease_until = now() - interval '1 second' WHERE id = %s", (job_id,))

    def outbox(self, job_id: UUID) -> int:
        """How many rows of the outbox the job has."""
        row = self.conn.execute("SELECT count(*) FROM outbox WHERE job_id = %s", (job_id,)).fetchone()
        assert row is not None
        return int(row[0])


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run ``act(0)`` to ``act(count - 1)`` in threads that start at the same moment; their results or exceptions."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(k: int) -> None:
        barrier.wait()
        try:
            results[k] = act(k)
        except Exception as error:
            results[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
