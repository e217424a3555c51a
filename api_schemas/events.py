"""What happened to a job: numbered, durable events."""

from __future__ import annotations

from typing import Any, Literal

from api_schemas.base import Reply, Time

EventType = Literal["queued", "started", "progress", "log", "cancel-requested", "requeued", "finished"]
"""
queued, requeued: waiting for a worker (again). started: an attempt began (data: attempt, worker, engine).
progress: metrics of the engine (data: t seconds since start, engine, objective, bound, gap, nodes, iterations...).
log: lines of the engine's log (data: text).
finished: the job reached a final state (data: state, status, objective, error code)."""


class Event(Reply):
    """One event of a job."""

    seq: int
    """Counts from 1 without holes within a job: the ``id`` of the event stream."""
    job_id: str
    attempt: int
    at: Time
    type: EventType
    data: dict[str, Any] = {}


class EventPage(Reply):
    """Events in order."""

    events: list[Event]
    next_after: int
    """Pass as ``after`` for what follows."""
    finished: bool
    """True if the job is over and these are its last events."""
