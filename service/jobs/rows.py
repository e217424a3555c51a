"""What the job rules return: rows as they stand in the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from api_schemas.jobs import FINAL_STATES


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job without its documents. The fields are those of the table, in the order of ``COLUMNS``."""

    id: UUID
    project_id: UUID
    kind: str
    task: str
    name: str
    engine: str
    state: str
    pool: str
    priority: int
    labels: dict[str, str]
    attempt: int
    """Counts every claim: the fence of all writes."""
    uncounted: int
    """Attempts that were handed back and don't count against ``max_attempts``."""
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    not_before: datetime | None
    deadline_at: datetime | None
    lease_until: datetime | None
    worker_id: UUID | None
    cancel_requested_at: datetime | None
    expires_at: datetime | None
    retention: timedelta
    progress: dict[str, Any] | None
    summary: dict[str, Any] | None
    error: dict[str, Any] | None
    last_seq: int

    @property
    def final(self) -> bool:
        """True if nothing will happen to it any more."""
        return self.state in FINAL_STATES


COLUMNS = ", ".join(f"job.{name}" for name in JobRow.__slots__)
"""Select list of a ``JobRow``."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of a job."""

    job_id: UUID
    seq: int
    attempt: int
    at: datetime
    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Submitted:
    """The outcome of a submission."""

    job_id: UUID
    replayed: bool
    """True if the idempotency key was known: this is the job of the first request."""
    job: JobRow


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that a worker holds, with all it needs to run it. ``(job_id, attempt)`` is the fence of its writes."""

    job_id: UUID
    attempt: int
    project_id: UUID
    kind: str
    task: str
    engine: str
    name: str
    pool: str
    priority: int
    max_attempts: int
    uncounted: int
    created_at: datetime
    deadline_at: datetime | None
    deadline_in: float | None
    """Seconds until the deadline by the database's clock."""
    lease_until: datetime
    last_seq: int
    takeover: bool
    """True if another worker had it and its lease ran out."""
    document: bytes
    request_id: str = ""
    """Of the request that submitted it."""
    traceparent: str | None = None
    """The span that its own belong to."""

    @property
    def last_attempt(self) -> bool:
        """True if the job fails should this worker be lost."""
        return self.attempt - self.uncounted >= self.max_attempts


Hold = Literal["held", "cancel", "deadline", "lost"]
"""What a worker learns when it extends a lease. held: go on. cancel, deadline: still held; stop, keep the best answer
and finish as cancelled or expired. lost: another attempt has it, or it is over; drop it."""
