"""What a job's way through a worker looks like in a trace: made of times that are known at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping

from api_schemas.ids import JOB, encode
from service.jobs import Claim
from service.telemetry import tracing
from service.telemetry.origin import Origin
from workers.outcome import Finished, Outcome


class JobSpan:
    """Made right after a claim; ``end`` when the job has ended here. Costs nothing while traces are off."""

    def __init__(self, claim: Claim, *, asked_ns: int) -> None:
        self._span = None
        self.origin = Origin(claim.request_id, claim.traceparent)
        if not tracing.on():
            return
        self._claimed = time.time_ns()
        self._answered = self._claimed
        about = {
            "kantor.job": encode(JOB, claim.job_id),
            "kantor.kind": claim.kind,
            "kantor.task": claim.task,
            "kantor.pool": claim.pool,
            "kantor.attempt": claim.attempt,
            "kantor.request_id": claim.request_id,
        }
        queued = int(claim.created_at.timestamp() * 1e9)
        if claim.attempt == 1:
            tracing.record("queue", claim.traceparent, queued, asked_ns, attributes=about)
        self._span = tracing.begin(
            f"job {claim.kind}", claim.traceparent, kind="consumer", start_ns=asked_ns, attributes=about
        )
        self.origin = Origin(claim.request_id, tracing.traceparent(self._span))
        tracing.record("claim", self.origin.traceparent, asked_ns, self._claimed)

    def answered(self) -> None:
        """The runner has come to an end; what follows is writing it down."""
        self._answered = time.time_ns() if self._span is not None else 0

    def end(self, engine: str, milliseconds: Mapping[str, float], outcome: Outcome) -> None:
        """With the runner's laps, which end when it answered."""
        if self._span is None:
            return
        parent = self.origin.traceparent
        laps = [(name, int(spent * 1e6)) for name, spent in milliseconds.items()]
        begin = max(self._claimed, self._answered - sum(spent for _, spent in laps))
        for name, spent in laps:
            about = {"kantor.engine": engine} if name == "solve" else {}
            tracing.record(name, parent, begin, begin + spent, attributes=about)
            begin += spent
        tracing.record("store", parent, self._answered, time.time_ns())
        how = outcome.state if isinstance(outcome, Finished) else type(outcome).__name__
        self._span.set_attributes({"kantor.outcome": how, "kantor.engine": engine})
        if isinstance(outcome, Finished) and outcome.error is not None:
            tracing.fail(self._span, outcome.error.code)
        self._span.end()
