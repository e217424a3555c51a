"""Hears the next ring past Celery, for a slot that has just worked.

Celery brings a ring from the broker to a slot in about a millisecond of processor time; a slot that asks the broker
itself needs a twentieth. So who has just done a job listens for a moment before it goes back to Celery, and under
steady load rings never pass through it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import redis

from service.broker import BrokerDownError, Line
from service.settings import Settings

#: Seconds for which a slot listens.
LINGER = 0.1

#: Seconds after which a worker that works looks for a job that nobody has rung for: that ring may have been lost.
UNRUNG = 1.0


class Ear:
    """Of all slots of a worker. ``listen`` may be called from any thread, and blocks for ``LINGER`` seconds."""

    def __init__(self, settings: Settings, pools: Sequence[str]) -> None:
        self._settings = settings
        self._pools = list(pools)
        self._own = threading.local()
        self._lines: list[Line] = []
        self._look_at = time.monotonic() + UNRUNG

    def listen(self) -> bool:
        """Whether there was a ring (it is gone now). Else look for a job without one, before you go back to Celery; if
        you find it, tell ``unrung``.
        """
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + UNRUNG
            return False
        try:
            return self._line().execute_command("BRPOP", *self._pools, str(LINGER)) is not None
        except (BrokerDownError, redis.ResponseError):  # the latter: a server that knows whole seconds only
            return False

    def unrung(self, pool: str) -> None:
        """A job was found without a ring: takes its ring away, so that there are never more rings than jobs. Where
        there is none, rings were lost, and the next look comes at once.
        """
        try:
            if self._line().execute_command("RPOP", pool) is None:
                self._look_at = 0.0
        except (BrokerDownError, redis.ResponseError):
            self._look_at = 0.0

    def close(self) -> None:
        """Close the connections."""
        for line in self._lines:
            line.close()

    def _line(self) -> Line:
        # one for each slot: who listens keeps its connection busy
        line: Line | None = getattr(self._own, "line", None)
        if line is None:
            line = self._own.line = Line(self._settings, patience=LINGER + 1.0)
            self._lines.append(line)
        return line
