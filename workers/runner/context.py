"""An engine's way to the outside while it runs in a runner."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np

from solvers.core.engine import StopReason
from workers.runner.frames import Channel
from workers.runner.mailbox import Mailbox

#: Seconds between two reports, and letters of log that are sent at once.
REPORT_EVERY = 0.1
LOG_BURST = 16 << 10


class RunnerContext:
    """Implements ``solvers.core.engine.Context`` over a channel (progress, log) and two mailboxes (points, stop).

    Reports and log lines are sent at most every ``REPORT_EVERY`` seconds; what is held back goes out with the next call
    of any method, ``should_stop`` included, or at ``close``. Metrics that were held back are merged, the newest of each
    name wins.
    """

    def __init__(
        self, channel: Channel, inbox: Mailbox, outbox: Mailbox, *, deadline: float | None, offers: bool = False
    ) -> None:
        """``inbox`` is written by the worker, ``outbox`` read by it; ``deadline`` is a value of ``time.monotonic``."""
        self.deadline = deadline
        self.offers = offers
        self._channel = channel
        self._inbox = inbox
        self._outbox = outbox
        self._lock = threading.Lock()
        self._metrics: dict[str, Any] = {}
        self._lines: list[str] = []
        self._letters = 0
        self._points = 0
        self._announce: float | None = None
        self._due = 0.0

    def report(self, **metrics: float | int | str | None) -> None:
        with self._lock:
            self._metrics.update(metrics)
            if time.monotonic() >= self._due:
                self._flush()

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        objective = float(objective)
        with self._lock:
            self._outbox.put(objective, x)
            self._points += 1
            self._announce = objective
            if time.monotonic() >= self._due:
                self._flush()

    def keep(self, values: np.ndarray) -> None:
        """What is done so far, for whoever certifies it if this process is ended. Not together with ``incumbent``."""
        with self._lock:
            self._outbox.put(math.nan, values)

    def log(self, text: str) -> None:
        if not text:
            return
        with self._lock:
            self._lines.append(text if text.endswith("\n") else text + "\n")
            self._letters += len(text)
            if self._letters > LOG_BURST or time.monotonic() >= self._due:
                self._flush()

    def should_stop(self) -> StopReason | None:
        now = time.monotonic()
        if now >= self._due and (self._metrics or self._lines or self._announce is not None):
            with self._lock:
                self._flush()
        reason = self._inbox.stop
        if reason is None and self.deadline is not None and now >= self.deadline:
            return "time"
        return reason

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        return self._inbox.take() if self.offers else None

    def close(self) -> None:
        """Send what was held back."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        # one frame for everything, so that the worker sees log, point and metrics of one moment together
        fields: dict[str, Any] = {}
        if self._lines:
            fields["log"], self._lines, self._letters = "".join(self._lines), [], 0
        if self._announce is not None:
            fields["incumbent"], fields["points"], self._announce = plain(self._announce), self._points, None
        if self._metrics:
            fields["metrics"] = {name: plain(value) for name, value in self._metrics.items()}
            self._metrics = {}
        if fields:
            self._channel.send("progress", **fields)
            self._due = time.monotonic() + REPORT_EVERY


def plain(value: Any) -> Any:
    """A value as JSON has it: numpy scalars become Python's, infinities and NaN the contract's strings."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isfinite(number):
            return number
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return str(value)
