"""One engine at work on one job in one runner, as the worker sees it."""

from __future__ import annotations

import math
import os
import signal
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from solvers.core.engine import StopReason
from workers.runner import limits
from workers.runner.frames import Frame, ProtocolError
from workers.runners import Runner

Cause = Literal["time", "cancelled", "memory", "beaten", "lost", "crash"]
Phase = Literal["reading", "solving", "checking"]

#: Seconds between two looks at a runner's memory.
LOOK_EVERY = 0.05

#: How many letters of a runner's last output are kept to tell why it died.
LAST_WORDS = 4096


@dataclass(frozen=True)
class Bounds:
    """What a run may use. Seconds and MB.

    Attributes:
        reading: for decoding the problem; ``checking``: for the certificate and writing the answer.
        grace: from the time limit, or from a request to stop, until the kill. At the time limit it is at least a tenth
            of the limit, up to a minute.
        memory: beyond what the process had before, unless the job says otherwise.
        memory_most: whatever the job says.
        threads_most: likewise.
    """

    reading: float
    checking: float
    grace: float
    memory: int
    memory_most: int
    threads_most: int


@dataclass(frozen=True)
class Answered:
    """The runner handed over an answer; ``refusal``, code and words, if not all of it could be kept."""

    document: bytes
    summary: dict[str, Any] | None
    limit: str | None
    milliseconds: dict[str, float]
    refusal: tuple[str, str] | None = None


@dataclass(frozen=True)
class Refused:
    """The runner says that it cannot be done; fields of a problem report. ``trace`` is for the worker's log."""

    code: str
    detail: str
    errors: list[dict[str, str]]
    trace: str | None
    phase: str


@dataclass(frozen=True)
class Elsewhere:
    """Other engines are to solve it: one in another process group, or several in a race."""

    engines: tuple[str, ...]
    why: str
    race: bool
    sense: str


@dataclass(frozen=True)
class Died:
    """The process ended without an answer."""

    cause: Cause
    words: str
    fault: bool
    """True if it died of what it did itself, which will come again."""
    phase: Phase


Result = Answered | Refused | Elsewhere | Died


class Listener(Protocol):
    """Who hears of a run. Called in the thread that pumps it."""

    def solving(self, run: Run, /, info: dict[str, Any]) -> None: ...
    def metrics(self, run: Run, /, metrics: dict[str, Any]) -> None: ...
    def output(self, run: Run, /, text: str) -> None: ...
    def incumbent(self, run: Run, objective: float, x: np.ndarray, /) -> None: ...
    def solved(self, run: Run, /, claims: dict[str, Any]) -> None: ...
    def artifact(self, run: Run, /, artifact: str) -> dict[str, Any]: ...
    def store(self, run: Run, /, path: str, filename: str) -> dict[str, Any]: ...


class Run:
    """Drive it by ``pump`` when ``descriptors`` are readable and by ``tick`` every 50 ms, until ``result`` is there.

    Attributes:
        engine: who solves, once known.
        metrics: the newest value of each metric.
        point: the best feasible point so far (objective, x), once fetched from the runner's outbox.
        claims: of a racer that waits to hear that its answer is wanted.
    """

    def __init__(self, runner: Runner, listener: Listener, bounds: Bounds, *, now: float) -> None:
        self.runner = runner
        self.engine = ""
        self.why = ""
        self.metrics: dict[str, Any] = {}
        self.point: tuple[float, np.ndarray] | None = None
        self.claims: dict[str, Any] | None = None
        self.result: Result | None = None
        self._listener = listener
        self._bounds = bounds
        self._phase: Phase = "reading"
        self._memory = bounds.memory << 20
        self._look_at = now + LOOK_EVERY
        self._kill_at = now + bounds.reading
        self._last_call = math.inf
        self._stop_at: float | None = None
        self._stopping: StopReason | None = None
        self._cause: Cause | None = None
        self._last_words: deque[str] = deque(maxlen=8)

    @property
    def descriptors(self) -> tuple[int, int]:
        """Channel and output of the runner."""
        return self.runner.channel.fileno(), self.runner.output

    def begin(self, document: bytes, point: tuple[float, np.ndarray] | None = None, **order: Any) -> None:
        """Send the job, with a point in the runner's inbox if given. A runner that does not take it has died."""
        try:
            bounds = self._bounds
            most = {"memory_most": bounds.memory_most, "threads_most": bounds.threads_most}
            self.runner.begin(document, point, memory_limit=bounds.memory, **most, **order)
        except OSError:
            self._buried()

    def pump(self, now: float) -> None:
        """Read what the runner has sent."""
        if self.result is not None:
            return
        self._read_output()
        try:
            for frame in self.runner.channel.poll():
                self._hear(frame, now)
                if self.result is not None:
                    self._read_output()  # it was written before the answer
                    return
        except (ProtocolError, KeyError, TypeError, ValueError) as error:
            self._buried(f"the runner sent something unintelligible ({error!r})")
            return
        except OSError:
            self._buried()
            return
        if self.runner.channel.closed:
            self._buried()

    def tick(self, now: float) -> None:
        """Look at time and memory."""
        if self.result is not None:
            return
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            if limits.usage(self.runner.pid)[1] - self.runner.resident > self._memory:
                self._end_it("memory")
                return
        if now >= min(self._kill_at, self._last_call):
            self._end_it(self._stopping or "time")
        elif self._stop_at is not None and now >= self._stop_at and self._stopping is None:
            self._stopping = "time"
            self.runner.inbox.stop = "time"

    def stop(self, reason: StopReason, now: float, grace: float | None = None) -> None:
        """Ask it to come back with its best answer; it is killed when the grace is over. Later calls change nothing."""
        if self.result is not None or self._stopping not in (None, "time"):
            return
        self._stopping = reason
        self.runner.inbox.stop = reason
        if self._phase == "reading":
            self._kill_at = now
        elif self._phase == "solving":
            self._kill_at = min(self._kill_at, now + (self._bounds.grace if grace is None else grace))

    def last_call(self, now: float, seconds: float) -> None:
        """Ask it to come back; it is killed after so many seconds, whatever it is doing by then."""
        if self.result is None:
            self._last_call = min(self._last_call, now + seconds)
            self.stop("cancelled", now, seconds)

    def abandon(self) -> None:
        """Kill it: nobody wants its answer any more."""
        if self.result is None:
            self._end_it("lost")

    def reply(self, type_: str, **fields: Any) -> None:
        """Answer what the runner waits for."""
        try:
            self.runner.channel.send(type_, **fields)
        except OSError:
            self._buried()

    def best_point(self) -> tuple[float, np.ndarray] | None:
        """The newest feasible point, also of a runner that was killed (before it is given back)."""
        self.point = self.runner.outbox.take() or self.point
        return self.point

    def _hear(self, frame: Frame, now: float) -> None:
        fields = frame.fields
        match frame.type:
            case "progress":
                if "log" in fields:
                    self._listener.output(self, fields["log"])
                if "incumbent" in fields and (point := self.runner.outbox.take()) is not None:
                    self.point = point
                    self._listener.incumbent(self, *point)
                if "metrics" in fields:
                    self.metrics.update({name: value for name, value in fields["metrics"].items() if value is not None})
                    self._listener.metrics(self, fields["metrics"])
            case "solving":
                self._solving(fields, now)
            case "checking":
                self._phase = "checking"
                self._kill_at = now + self._bounds.checking
            case "solved":
                self.claims = fields
                self._kill_at = float("inf")  # it waits for us
                self._listener.solved(self, fields)
            case "artifact":
                self.reply("artifact", **self._listener.artifact(self, fields["id"]))
            case "store":
                self.reply("store", **self._listener.store(self, fields["path"], fields["filename"]))
            case "answer":
                code, words = fields.get("refusal") or ("", "")
                refusal = (str(code), str(words)) if code else None
                self.result = Answered(frame.body, fields["summary"], fields["limit"], fields["milliseconds"], refusal)
            case "failed":
                if fields["code"] == "out-of-memory":
                    self.runner.spoiled = True
                self.result = Refused(
                    fields["code"], fields["detail"], fields["errors"], fields.get("trace"), fields["phase"]
                )
            case "redirect" | "race":
                self.result = Elsewhere(tuple(fields["engines"]), fields["why"], frame.type == "race", fields["sense"])
            case _:
                raise ProtocolError(f"an unknown frame: {frame.type}")

    def _solving(self, fields: dict[str, Any], now: float) -> None:
        self._phase = "solving"
        self.engine, self.why = fields["engine"], fields["why"]
        seconds = float(fields["time_limit"])
        self._stop_at = now + seconds
        self._kill_at = now + seconds + max(self._bounds.grace, min(seconds / 10, 60.0))
        if fields["memory_limit"] is not None:
            self._memory = min(int(fields["memory_limit"]), self._bounds.memory_most) << 20
        if fields["threads"] > 1:
            # libraries keep the threads that they started; another number would not take
            self.runner.spoiled = True
        self._listener.solving(self, fields)

    def _read_output(self) -> None:
        """What libraries print past the engine's own log."""
        for _ in range(16):
            try:
                data = os.read(self.runner.output, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                return
            text = data.decode("utf-8", "replace")
            self._last_words.append(text[-LAST_WORDS:])
            self._listener.output(self, text)

    def _end_it(self, cause: Cause) -> None:
        self._cause = cause
        self.runner.kill()
        self._buried()

    def _buried(self, words: str = "") -> None:
        """The process is gone, or must go: find out why. Its outbox can still be read."""
        self.runner.kill()
        self._read_output()
        self.best_point()
        status = self.runner.collect()
        killed_by = limits.death_signal(status)
        if words:
            self.result = Died("crash", words, fault=True, phase=self._phase)
            return
        words = f"the runner {limits.death_words(status)}"
        if self._cause is not None:
            self.result = Died(self._cause, words, fault=False, phase=self._phase)
            return
        last = "".join(self._last_words)
        if killed_by != signal.SIGKILL and limits.speaks_of_memory(last):
            self.result = Died("memory", words, fault=False, phase=self._phase)
            return
        fault = killed_by in limits.FAULTS or (status is not None and killed_by is None)
        self.result = Died("crash", words, fault=fault, phase=self._phase)
