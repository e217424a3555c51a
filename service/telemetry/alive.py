"""A file whose time says that a process still turns: for probes of those without a port (`kantor-role alive`)."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path


class Pulse:
    """Touches the file at most every ``EVERY`` seconds. Without a path it does nothing.

    A file that cannot be written stops no work: then the probe fails, which is what it is for.
    """

    EVERY = 5.0

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._next = 0.0

    def beat(self) -> None:
        """Call it wherever a loop turns, also while the database is away: a restart would not bring it back."""
        now = time.monotonic()
        if self._path is None or now < self._next:
            return
        self._next = now + self.EVERY
        with contextlib.suppress(OSError):
            self._path.touch()
