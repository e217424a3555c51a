"""What is told of a running job: merged metrics, thinned in time, and a log of bounded length."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

#: Seconds between two progress events: short in the beginning, longer the longer a job runs.
SHORTEST, LONGEST, SHARE = 0.2, 5.0, 1 / 600

#: Letters of one log event, and of the end of a log that is too long.
LOG_EVENT = 64 << 10
TAIL = 32 << 10


class Progress:
    """Metrics of one attempt, of one engine or of several in a race.

    The newest value of each name counts, but of the racers' objectives and bounds the best. ``take`` gives what is due.
    """

    def __init__(self, sense: str = "min") -> None:
        self.sense = sense
        self._merged: dict[str, Any] = {}
        self._changed = False
        self._better = False
        self._last = -math.inf

    def note(self, metrics: dict[str, Any], engine: str, *, racing: bool = False) -> None:
        """Take in what an engine reports."""
        for name, value in metrics.items():
            if value is None:
                continue
            if name == "objective":
                self._objective(value, racing)
            elif name == "bound":
                self._bound(value, racing)
            elif name != "gap":
                self._merged[name] = value
        self._merged["engine"] = engine
        gap = gap_between(self._merged.get("objective"), self._merged.get("bound"))
        if gap is None and not racing:
            gap = metrics.get("gap", self._merged.get("gap"))
        if gap is not None:
            self._merged["gap"] = gap
        self._changed = True

    def take(self, t: float, *, last: bool = False) -> dict[str, Any] | None:
        """The data of a progress event at ``t`` seconds, if one is due; a better objective is due at once."""
        wait = min(max(t * SHARE, SHORTEST), LONGEST)
        if not self._changed or not (last or self._better or t - self._last >= wait):
            return None
        self._changed = self._better = False
        self._last = t
        return {"t": round(t, 3), **self._merged}

    def _objective(self, value: Any, racing: bool) -> None:
        known = self._merged.get("objective")
        if known is None or not racing or better(value, known, self.sense):
            self._better = self._better or (value != known and is_finite_number(value))
            self._merged["objective"] = value

    def _bound(self, value: Any, racing: bool) -> None:
        known = self._merged.get("bound")
        # a bound is the better the closer it comes from the other side
        closer = is_finite_number(value) and (not is_finite_number(known) or better(known, value, self.sense))
        if known is None or not racing or closer:
            self._merged["bound"] = value


class LogBook:
    """Gathers a log into events, and after ``limit`` letters keeps only its end."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._limit = limit
        self._waiting: list[str] = []
        self._size = 0
        self._since = -math.inf
        self._omitted = 0
        self._tail: deque[str] = deque()
        self._tail_size = 0

    def add(self, text: str) -> None:
        """Take in some text."""
        if self._left <= 0:
            self._keep(text)
            return
        now, rest = text[: self._left], text[self._left :]
        self._left -= len(now)
        self._waiting.append(now)
        self._size += len(now)
        if rest:
            self._waiting.append(
                f"\n[the log is over {self._limit} letters: only its end follows, when the job ends]\n"
            )
            self._keep(rest)

    def take(self, t: float, *, last: bool = False) -> list[str]:
        """The texts of events that are due at ``t`` seconds."""
        if not (last or self._size >= LOG_EVENT or (self._waiting and t - self._since >= SHORTEST)):
            return []
        text = "".join(self._waiting)
        self._waiting, self._size, self._since = [], 0, t
        pieces = [text[k : k + LOG_EVENT] for k in range(0, len(text), LOG_EVENT)]
        if last and self._tail:
            note = f"[{self._omitted} letters left out]\n" if self._omitted else ""
            pieces.append(note + "".join(self._tail))
            self._tail.clear()
        return pieces

    def _keep(self, text: str) -> None:
        if len(text) > TAIL:
            self._omitted += len(text) - TAIL
            text = text[-TAIL:]
        self._tail.append(text)
        self._tail_size += len(text)
        while (over := self._tail_size - TAIL) > 0:
            oldest = self._tail.popleft()
            if len(oldest) > over:
                self._tail.appendleft(oldest[over:])
            gone = min(over, len(oldest))
            self._tail_size -= gone
            self._omitted += gone


def is_finite_number(value: Any) -> bool:
    """True for finite numbers; infinities travel as strings."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def better(value: Any, than: Any, sense: str) -> bool:
    """True if an objective is better than another; anything is better than what is no number."""
    if not is_finite_number(value):
        return False
    if not is_finite_number(than):
        return True
    return bool(value < than if sense == "min" else value > than)


def gap_between(objective: Any, bound: Any) -> float | None:
    """Relative gap, as ``api_schemas.programs.ProgramAnswer.gap``."""
    if not is_finite_number(objective) or not is_finite_number(bound):
        return None
    return float(abs(objective - bound) / max(1.0, abs(objective)))
