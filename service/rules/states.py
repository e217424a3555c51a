"""The states of a job and what may follow what. Migration 0001 repeats this table as a trigger."""

from __future__ import annotations

from typing import get_args

from api_schemas.jobs import FINAL_STATES, JobState

STATES: tuple[str, ...] = get_args(JobState)

_NEXT: dict[str, frozenset[str]] = {
    # failed, without having run: its attempts are used up, or nothing can run it
    "queued": frozenset({"running", "cancelled", "expired", "failed"}),
    # queued: handed back by a worker that drains
    "running": frozenset({"queued", "succeeded", "failed", "cancelled", "expired"}),
    **{state: frozenset() for state in FINAL_STATES},
}


def allowed(before: str, after: str) -> bool:
    """True if a job may go from ``before`` to ``after``. Staying is allowed (a claim takes an expired lease over)."""
    return before == after or after in _NEXT[before]
