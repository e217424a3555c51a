"""Contexts that watch an engine closely."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from solvers.core.engine import LocalContext, StopReason


@dataclass
class Stopping(LocalContext):
    """Tells the engine to stop some seconds after the first question, and counts the questions.

    Attributes:
        after: seconds.
        questions: how often the engine asked.
        told_at: ``time.monotonic()`` of the first answer that was a reason, or None.
    """

    after: float = 0.3
    questions: int = 0
    told_at: float | None = None
    _asked_at: float | None = field(default=None, repr=False)

    def should_stop(self) -> StopReason | None:
        self.questions += 1
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        if now - self._asked_at < self.after:
            return super().should_stop()
        if self.told_at is None:
            self.told_at = now
        return "cancelled"


@dataclass
class Offering(LocalContext):
    """Offers one point of another engine, once, after some seconds.

    Attributes:
        point: objective and x, or None when it was taken.
        wait: seconds from construction.
    """

    point: tuple[float, np.ndarray] | None = None
    wait: float = 0.0
    _since: float = field(default_factory=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.offers = True

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        if time.monotonic() - self._since < self.wait:
            return None
        point, self.point = self.point, None
        return point


class Failing(LocalContext):
    """A context that breaks when something is reported: the engine must raise that error, not swallow it or crash."""

    def report(self, **metrics: float | int | str | None) -> None:  # noqa: ARG002
        raise RuntimeError("the context is broken")
