"""Waiting for a job to finish, without holding a thread or a connection."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from service import jobs
from service.jobs import JobRow
from service.rest.state import State

LOOK_SECONDS = 1.0
"""How often the database is asked while hints may be lost."""
LOOK_SECONDS_CONNECTED = 3.0


async def until_finished(
    state: State,
    project_id: UUID,
    job_id: UUID,
    seconds: float,
    *,
    after_seq: int,
    require_key: Callable[[], Awaitable[None]],
) -> tuple[JobRow, bytes | None] | None:
    """The job and its answer once it is finished; None if it isn't after ``seconds``, or the process ends.

    Args:
        after_seq: the newest event that the caller has seen.
        require_key: raises if the caller's key has ended; asked at every look but those of the first second.

    Raises:
        KantorError: ``not-found`` if the job is deleted meanwhile; what ``require_key`` raises.
    """
    begin = time.monotonic()
    end = begin + seconds
    while (left := end - time.monotonic()) > 0:
        await next_event(state, job_id, after_seq, left)
        if state.stopping.is_set():
            return None
        if time.monotonic() - begin > LOOK_SECONDS:  # what takes milliseconds was asked with a key just looked at
            await require_key()
        row, answer = await state.database(jobs.get_with_answer, project_id, job_id)
        if row.final:
            return row, answer
        after_seq = row.last_seq
    return None


async def next_event(state: State, job_id: UUID, after_seq: int, seconds: float) -> bool:
    """Wait for a hint, at most until it is time to look at the database anyway. True if a hint came."""
    look = LOOK_SECONDS_CONNECTED if state.hub.connected else LOOK_SECONDS
    return await state.hub.wait(job_id, after_seq, min(seconds, look)) is not None
