"""Conversations of several requests: waiting, following events, solving."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from pydantic import ValidationError

from api_schemas.events import Event
from api_schemas.jobs import FINAL_STATES, Job
from kantor.errors import KantorError, Timeout
from kantor.wire import routes
from kantor.wire.retry import send
from kantor.wire.routes import Policy
from kantor.wire.sse import Parser
from kantor.wire.steps import BrokenConnection, Call, Emit, Flow, Open, Read, Sleep
from kantor.wire.submission import Submission

HOLD = 20.0
"""Longest time in seconds that one request asks the server to hold its reply."""
GRACE = 0.5
"""A solve that shows progress waits this long for the answer itself before it begins to follow events."""
LONGEST_SILENCE = 60.0
"""The server sends a comment every few seconds, so an event stream that is silent for so long is broken."""


def wait(policy: Policy, job_id: str, seconds: float | None = None, *, answer: bool = True) -> Flow[Job]:
    """The job once it is over.

    Raises:
        Timeout: it is not over after ``seconds``.
    """
    end = None if seconds is None else time.monotonic() + seconds
    pause = 0.05
    while True:
        left = HOLD if end is None else min(HOLD, end - time.monotonic())
        asked = time.monotonic()
        found = yield from routes.job(policy, job_id, wait=max(0.0, left), answer=answer, patience=policy.patience)
        if found.state in FINAL_STATES:
            return found
        if end is not None and time.monotonic() >= end:
            raise Timeout(f"{job_id} is still {found.state} after {seconds:g} s; it goes on")
        if time.monotonic() - asked < min(1.0, left):
            # a server that is shutting down, or a proxy, does not hold
            yield Sleep(min(pause, left))
            pause = min(1.0, pause * 2)


def events(policy: Policy, job_id: str, after: int = 0, *, end: float | None = None) -> Flow[None]:
    """Emits the events of a job with numbers above ``after``, each once, until it is over; takes up again where a
    connection broke.

    Args:
        end: ``time.monotonic()`` at which to give up.
    """
    address = routes.path("job", job_id, "events")
    pause = 0.1
    while True:
        left = LONGEST_SILENCE if end is None else min(LONGEST_SILENCE, end - time.monotonic())
        if left <= 0:
            return
        headers = {"Accept": "text/event-stream"}
        if after:
            headers["Last-Event-ID"] = str(after)
        call = Call("GET", address, headers=headers, silence=left)
        try:
            reply = yield from send(Open(call), max_retries=policy.max_retries, patience=min(policy.patience, left))
            if reply.status == 204:  # the job is over, and nothing follows
                return
            parser = Parser()
            while (chunk := (yield Read())) is not None:
                for message in parser.feed(chunk):
                    event = _event(message.data)
                    if event is None or event.seq <= after:
                        continue
                    after, pause = event.seq, 0.1
                    yield Emit(event)
                    if event.type == "finished":
                        return
                if end is not None and time.monotonic() >= end:
                    return
        except BrokenConnection:
            pass  # taken up again after the last number
        yield Sleep(pause)
        pause = min(5.0, pause * 2)


def _event(data: str) -> Event | None:
    try:
        return Event.model_validate_json(data)
    except ValidationError:
        return None  # of a type that only newer clients know


def follow(policy: Policy, job_id: str, seconds: float | None, listen: Callable[[Event], object]) -> Flow[Job]:
    """As ``wait``, and calls ``listen`` with every event from the beginning on."""
    end = None if seconds is None else time.monotonic() + seconds
    inner = events(policy, job_id, end=end)
    outcome, error = None, None
    while True:
        try:
            step = inner.throw(error) if error is not None else inner.send(outcome)
        except StopIteration:
            break
        outcome = error = None
        if isinstance(step, Emit):
            listen(step.value)
            continue
        try:
            outcome = yield step
        except BrokenConnection as broken:
            error = broken
    left = None if end is None else max(0.0, end - time.monotonic())
    return (yield from wait(policy, job_id, left))


def solve(
    policy: Policy,
    submission: Submission,
    seconds: float | None,
    listen: Callable[[Event], object] | None,
    started: Callable[[Job], object],
) -> Flow[Job]:
    """Submit and wait. An interrupt while waiting cancels the job on the way out.

    Args:
        seconds: how long to wait, or None.
        listen: gets the events.
        started: gets the job once it is accepted.

    Raises:
        Timeout: the time to wait is over; the job goes on.
    """
    begin = time.monotonic()
    hold = HOLD if listen is None else GRACE
    body = yield from submission.body(policy)
    key = submission.idempotency_key
    found: Job | None = None
    try:
        prefer = hold if seconds is None else min(hold, seconds)
        found = yield from routes.submit(policy, body, key, prefer_wait=prefer)
        started(found)
        if found.state in FINAL_STATES and _whole(found):
            return found
        left = None if seconds is None else max(0.0, seconds - (time.monotonic() - begin))
        if listen is not None:
            return (yield from follow(policy, found.id, left, listen))
        return (yield from wait(policy, found.id, left))
    except (KeyboardInterrupt, asyncio.CancelledError):
        once = Policy(max_retries=0, patience=0.0)
        with contextlib.suppress(KantorError):  # the interrupt is what the caller must hear of
            if found is None:
                # the reply was being held: the same key asks which job it is
                found = yield from routes.submit(once, body, key)
            yield from routes.cancel(once, found.id)
        raise


def _whole(found: Job) -> bool:
    return found.state != "succeeded" or found.answer is not None or found.inspection is not None
