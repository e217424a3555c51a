"""Watching a running solver without slowing it down.

Solvers call back thousands of times a second; each call into Python costs microseconds and the interpreter lock. So
the callbacks only remember, and one thread of the process, the ticker, asks every ``PERIOD`` seconds whether to stop
and passes on what there is to report. A solve that is over before the first tick pays nothing for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np

from solvers.core.engine import Context, StopReason

#: Seconds between two looks of the ticker; between two reports; and how long it idles before it sleeps.
PERIOD = 0.02
REPORT_EVERY = 0.2
IDLE = 1.0

Metric = float | int | str | None


class Watch:
    """One solve, from the side: stop requests, deadline, progress, log and incumbents. A context manager.

    Attributes:
        reason: why the engine was told to stop, or None.
        metrics: the latest progress by name, as noted by ``note``.
    """

    def __init__(
        self,
        context: Context,
        *,
        time_limit: float | None = None,
        interrupt: Callable[[], None] | None = None,
        sample: Callable[[], None] | None = None,
        keep_log: bool = True,
    ) -> None:
        """``interrupt`` makes the solver stop (called at each tick until it does), ``sample`` notes new metrics."""
        self._context = context
        self._interrupt = interrupt
        self._sample = sample
        self._keep_log = keep_log
        self._lines: list[str] = []
        self._fresh = False
        self._reported_at = self.started = time.monotonic()
        self._handed_over_at = 0.0
        self._waiting: tuple[float, np.ndarray] | None = None
        self._failure: BaseException | None = None
        self._closed = False
        self._lock = threading.Lock()
        self.metrics: dict[str, Metric] = {}
        self.reason: StopReason | None = None
        limits = [context.deadline] if context.deadline is not None else []
        if time_limit is not None:
            limits.append(self.started + time_limit)
        self.deadline: float | None = min(limits) if limits else None

    def __enter__(self) -> Watch:
        self.reason = self._context.should_stop()
        _TICKER.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _TICKER.remove(self)
        with self._lock:
            self._closed = True
            self._flush(final=True)
        if error is None and self._failure is not None:
            raise self._failure

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, at least 0; infinite without one."""
        return float("inf") if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the watch began."""
        return time.monotonic() - self.started

    @property
    def stopped(self) -> bool:
        """True once the solver has been, or should be, told to stop."""
        return self.reason is not None

    def stop(self, reason: StopReason) -> None:
        """Ask the solver to stop from inside the engine."""
        if self.reason is None:
            self.reason = reason
        if self._interrupt is not None:
            self._interrupt()

    def fail(self, error: BaseException) -> None:
        """Keep a callback's exception, which must not cross the solver's code; it is raised when the solve is over."""
        if self._failure is None:
            self._failure = error
        self.stop("cancelled")

    def note(self, **metrics: Metric) -> None:
        """Remember progress; it is reported at the next opportunity."""
        self.metrics.update(metrics)
        self._fresh = True

    def note_end(self, objective: float | None, bound: float | None, **counts: int) -> None:
        """Remember how it ended."""
        known = objective is not None and bound is not None
        gap = abs(objective - bound) / max(1.0, abs(objective)) if known else None  # type: ignore[operator,arg-type]
        self.note(objective=objective, bound=bound, gap=gap, **counts)

    def log(self, text: str) -> None:
        """Keep the engine's own output, unless the user did not want it."""
        if self._keep_log:
            self._lines.append(text)

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        """Hand over a feasible point at once; in a burst, the last of each tick."""
        now = time.monotonic()
        with self._lock:
            if now - self._handed_over_at < PERIOD:
                self._waiting = (objective, np.array(x, copy=True))
                return
            self._handed_over_at = now
            self._waiting = None
        self._context.incumbent(objective, x)

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        """The newest point of another engine, once; None if there is none or nobody offers any."""
        return self._context.foreign_incumbent() if self._context.offers else None

    def tick(self) -> None:
        """One look of the ticker. An exception of the context ends the solve and is raised by ``__exit__``."""
        with self._lock:
            if self._closed:  # the solver may be gone
                return
            try:
                self._look()
            except BaseException as error:
                self.fail(error)

    def _look(self) -> None:
        if self.reason is None:
            self.reason = self._context.should_stop()
        if self.reason is None and self.deadline is not None and time.monotonic() > self.deadline:
            self.reason = "time"
        if self.reason is not None and self._interrupt is not None:
            self._interrupt()
        due = time.monotonic() - self._reported_at >= REPORT_EVERY
        if due and self._sample is not None:
            self._sample()
        if due or self._waiting is not None:
            self._flush(final=False)

    def _flush(self, *, final: bool) -> None:
        if self._waiting is not None:
            objective, x = self._waiting
            self._waiting = None
            self._context.incumbent(objective, x)
        now = time.monotonic()
        if not final and now - self._reported_at < REPORT_EVERY:
            return
        self._reported_at = now
        if self._lines:
            lines, self._lines = self._lines, []
            self._context.log("".join(lines))
        if self._fresh:
            self._fresh = False
            self._context.report(**self.metrics)


class _Ticker:
    """One daemon thread for all watches of the process. It sleeps while there are none."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._lock:
            self._watches.append(watch)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="solver-ticker", daemon=True)
                self._thread.start()
        if not self._wake.is_set():
            self._wake.set()

    def remove(self, watch: Watch) -> None:
        with self._lock:
            self._watches.remove(watch)

    def _run(self) -> None:
        idle_since = time.monotonic()
        while True:
            time.sleep(PERIOD)
            with self._lock:
                watches = list(self._watches)
                if watches:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > IDLE:
                    self._wake.clear()
            for watch in watches:
                watch.tick()
                del watch  # a sleeping ticker must not keep a finished solve in memory
            del watches
            if not self._wake.is_set():
                self._wake.wait()
                idle_since = time.monotonic()


_TICKER = _Ticker()


def _renew_after_fork() -> None:
    global _TICKER
    _TICKER = _Ticker()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
