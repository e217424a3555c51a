"""Progress of a running job, for programs (``Progress``) and for people (a live line in a terminal, plain lines
elsewhere)."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from api_schemas.events import Event

_KNOWN = ("t", "engine", "objective", "bound", "gap", "nodes", "iterations")


@dataclass(frozen=True, slots=True)
class Progress:
    """What an engine reported.

    Attributes:
        seconds: since the engine began.
        gap: |objective - bound| / max(1, |objective|).
        metrics: everything else that it said.
    """

    seconds: float
    engine: str = ""
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    nodes: int | None = None
    iterations: int | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Event) -> Progress:
        return cls.read(event.data)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Progress:
        """Of the metrics that a running job has."""
        objective, bound, gap = (_number(data.get(name)) for name in ("objective", "bound", "gap"))
        if gap is None and objective is not None and bound is not None:
            gap = abs(objective - bound) / max(1.0, abs(objective))
        nodes, iterations = _number(data.get("nodes")), _number(data.get("iterations"))
        return cls(
            seconds=_number(data.get("t")) or 0.0,
            engine=str(data.get("engine") or ""),
            objective=objective,
            bound=bound,
            gap=gap,
            nodes=None if nodes is None else int(nodes),
            iterations=None if iterations is None else int(iterations),
            metrics={name: value for name, value in data.items() if name not in _KNOWN},
        )

    def __str__(self) -> str:
        parts = [f"{self.seconds:8.1f} s"]
        if self.engine:
            parts.append(self.engine)
        parts += [f"objective {show(self.objective)}", f"bound {show(self.bound)}", f"gap {percent(self.gap)}"]
        if self.nodes is not None:
            parts.append(f"nodes {self.nodes}")
        elif self.iterations is not None:
            parts.append(f"iterations {self.iterations}")
        if "scenarios" in self.metrics:
            parts.append(f"scenario {self.metrics.get('scenario')} of {self.metrics['scenarios']}")
        return "  ".join(parts)


def show(value: float | None) -> str:
    """A number for people."""
    if value is None:
        return "-"
    return f"{value:.10g}"


def percent(gap: float | None) -> str:
    if gap is None or not math.isfinite(gap):
        return "-"
    return f"{100.0 * gap:.3g} %"


def _number(value: Any) -> float | None:
    """Finite numbers only: engines say infinity where they know nothing yet."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e30 else None


class Listener(Protocol):
    """Gets every event of a job."""

    def __call__(self, event: Event) -> object: ...


def listener(progress: bool | Callable[[Progress], object] | None) -> AbstractContextManager[Listener | None]:
    """What to do with events while the context is open: nothing, a call for each report, or a display on stderr."""
    if progress is None or progress is False:
        return nullcontext(None)
    if progress is True:
        return display()
    heard: Callable[[Progress], object] = progress
    return nullcontext(lambda event: heard(Progress.of(event)) if event.type == "progress" else None)


def display() -> AbstractContextManager[Listener]:
    """A live view if stderr is a terminal or a notebook, else plain lines on stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal or console.is_jupyter:
        from kantor.live import LiveView

        return LiveView(console)
    return nullcontext(PlainLines())


class PlainLines:
    """Prints one line for each change of what is known, at most one in ``every`` seconds of the engine's time."""

    def __init__(self, every: float = 1.0) -> None:
        self._every = every
        self._last: Progress | None = None

    def __call__(self, event: Event) -> None:
        line = headline(event)
        if line is not None:
            print(line, file=sys.stderr, flush=True)  # noqa: T201
            return
        if event.type != "progress":
            return
        now, last = Progress.of(event), self._last
        if last is not None and now.seconds - last.seconds < self._every and now.objective == last.objective:
            return
        self._last = now
        print(now, file=sys.stderr, flush=True)  # noqa: T201


def headline(event: Event) -> str | None:
    """Plain words for an event that is not a report of progress; None where nothing need be said."""
    data = event.data
    if event.type == "queued":
        return f"{event.job_id} waits for a worker"
    if event.type == "started":
        attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
        return f"{event.job_id} runs on {data.get('worker') or 'a worker'}{attempt}"
    if event.type == "requeued":
        return f"{event.job_id} is queued again: {data.get('reason') or 'its worker went away'}"
    if event.type == "cancel-requested":
        return f"{event.job_id} is asked to stop"
    return None
