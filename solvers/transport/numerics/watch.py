"""Stop requests, deadline and progress of one solve, polled between tiles of work."""

from __future__ import annotations

import time

from solvers.core.engine import Context
from solvers.transport.answer import Limit

POLL_EVERY = 0.02
REPORT_EVERY = 0.2
#: Seconds by which an answer may be late.
LATE = 2.0


class Stopped(Exception):
    """Raised inside a pass when the solve should end; the engine answers with what it has."""


class Watch:
    """Attributes:
    limit: why the solve must end, or None.
    started: ``time.monotonic()`` at construction.
    trace: ``[seconds, marginal error]`` pairs, at most a few hundred.
    """

    def __init__(self, context: Context, *, time_limit: float | None = None, keep_log: bool = True) -> None:
        self._context = context
        self._keep_log = keep_log
        self.started = time.monotonic()
        self.limit: Limit | None = None
        self.trace: list[list[float]] = []
        self._asked = 0.0
        self._reported = self.started
        limits = [context.deadline] if context.deadline is not None else []
        if time_limit is not None:
            limits.append(self.started + time_limit)
        self.deadline = min(limits) if limits else float("inf")
        #: Seconds kept back for evaluating the answer.
        self.reserve = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def stopped(self) -> bool:
        """True once the solve must end. Cheap enough for every tile."""
        if self.limit is None:
            now = time.monotonic()
            if now > self.deadline - self.reserve:
                self.limit = "time"
            elif now - self._asked >= POLL_EVERY:
                self._asked = now
                self.limit = self._context.should_stop()
        return self.limit is not None

    def answers_in_time(self) -> bool:
        """False where evaluating an answer, which takes ``reserve``, would end long after the limit."""
        if self.limit is None:
            return True
        left = self.deadline - time.monotonic() if self.limit == "time" else 0.0
        return self.reserve <= max(0.0, left) + LATE

    def check(self) -> None:
        """Raises Stopped once the solve must end."""
        if self.stopped():
            raise Stopped

    def note(self, **metrics: float | int | str | None) -> None:
        """Progress, passed on at most five times a second."""
        error = metrics.get("marginal_error")
        if isinstance(error, float) and len(self.trace) < 500:
            self.trace.append([round(self.seconds, 6), error])
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._context.report(**metrics)

    def end(self, **metrics: float | int | str | None) -> None:
        """The last report, which is never left out."""
        self._context.report(**metrics)

    def log(self, text: str) -> None:
        if self._keep_log:
            self._context.log(text)
