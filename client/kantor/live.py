"""The live view of a job in a terminal: state, clock, incumbent, bound, gap, nodes, and the way of the gap as a line
of bars."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from rich.live import Live
from rich.text import Text

from kantor.progress import Progress, headline, percent, show

if TYPE_CHECKING:
    from rich.console import Console

    from api_schemas.events import Event

_BARS = "▁▂▃▄▅▆▇█"
WIDTH = 24
LONELY = 8.0
"""Seconds in the queue after which the view says what may be the reason."""


class LiveView:
    """A context manager that gets events; the view vanishes when it closes."""

    def __init__(self, console: Console) -> None:
        self._begin = time.monotonic()
        self._state = "waits for a worker"
        self._running = False
        self._job = ""
        self._last: Progress | None = None
        self._heard = 0.0
        self._gaps: list[float] = []
        self._live = Live(get_renderable=self._render, console=console, transient=True, refresh_per_second=5)

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def __call__(self, event: Event) -> None:
        self._job = event.job_id
        words = headline(event)
        if words is not None:
            self._state = words.removeprefix(f"{event.job_id} ").removeprefix("is ")
            self._running = event.type in ("started", "cancel-requested")
        if event.type == "started":
            self._begin = time.monotonic()
        if event.type == "progress":
            self._last, self._heard = Progress.of(event), time.monotonic()
            if self._last.gap is not None:
                self._gaps.append(self._last.gap)

    def _render(self) -> Text:
        now = time.monotonic()
        text = Text()
        if self._last is None:
            text.append(f"{now - self._begin:7.1f} s  ", "cyan")
            text.append(self._state)
            if not self._running and now - self._begin > LONELY:
                text.append("  (no worker is free; `kantor status` shows them)", "dim")
            return text
        last = self._last
        # the clock goes on between reports
        text.append(f"{last.seconds + now - self._heard:7.1f} s  ", "cyan")
        if last.engine:
            text.append(f"{last.engine}  ", "bold")
        for label, value in (
            ("objective", show(last.objective)),
            ("bound", show(last.bound)),
            ("gap", percent(last.gap)),
        ):
            text.append(f"{label} ", "dim")
            text.append(f"{value}  ", "bold" if label == "gap" else "")
        count, label = (last.nodes, "nodes") if last.nodes is not None else (last.iterations, "iterations")
        if count is not None:
            text.append(f"{label} ", "dim")
            text.append(f"{count:,}  ")
        text.append(sparkline(self._gaps), "green")
        return text


def sparkline(gaps: list[float], width: int = WIDTH) -> str:
    """Bars for the logarithm of the gaps, the newest at the right; all gaps share the width."""
    if len(gaps) < 2:
        return ""
    step = max(1, math.ceil(len(gaps) / width))
    # the last of each group, counted from the end, so that the newest is always seen
    picked = gaps[::-1][::step][::-1]
    levels = [math.log10(max(gap, 1e-6)) for gap in picked]
    low, high = min(levels), max(levels)
    if high - low < 1e-12:
        return _BARS[0] * len(levels) if high < -3 else _BARS[-1] * len(levels)
    return "".join(_BARS[round((level - low) / (high - low) * (len(_BARS) - 1))] for level in levels)
