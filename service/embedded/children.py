"""The processes of an embedded server: started, watched, started again when they die, ended in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_LONGEST_PAUSE = 10.0
_CALM_SECONDS = 30.0
_LARGEST_LOG = 10 << 20


class Child:
    """A process in a group of its own, with its output in a log file.

    Args:
        start: starts the process.
        log: where its output goes (for messages).
    """

    def __init__(self, name: str, start: Callable[[], subprocess.Popen[bytes]], log: Path) -> None:
        self.name = name
        self.log = log
        self._start = start
        self._started_at = 0.0
        self._again_at = 0.0
        self._pause = 0.25
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def start(self) -> None:
        """Start it (again)."""
        self.process = self._start()
        self._started_at = time.monotonic()
        self._again_at = 0.0

    def watch(self) -> str | None:
        """Call often. Starts a dead process again, after a pause that grows while it keeps dying.

        Returns:
            words for people when it died or could not be started.
        """
        now = time.monotonic()
        if self._again_at:
            if now < self._again_at:
                return None
            try:
                self.start()
            except (OSError, RuntimeError) as error:
                return self._later(f"cannot be started: {error}")
            return None
        if self.process is None or self.process.poll() is None:
            return None
        self.sweep()
        self.deaths += 1
        if now - self._started_at > _CALM_SECONDS:
            self._pause = 0.25
        return self._later(f"ended ({_ending(self.process.returncode)})")

    def ask_to_end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process itself."""
        self._again_at = 0.0
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, deadline: float) -> bool:
        """Wait until ``time.monotonic()`` is ``deadline``. True if it has ended."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def sweep(self) -> None:
        """Kill whatever is left of its group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def tail(self, size: int = 2000) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-size:].decode(errors="replace").strip()
        return ""

    def _later(self, what: str) -> str:
        self._again_at = time.monotonic() + self._pause
        words = f"{self.name} {what}; starting it again in {self._pause:g} s. Its log: {self.log}"
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)
        return words


class Gate:
    """Closed at first: children that were given it import their modules and wait. ``open`` lets them run."""

    def __init__(self) -> None:
        self.end, self._held = os.pipe()

    def open(self) -> None:
        """Let all run who wait, and who come later. Harmless if it is open."""
        if self.end >= 0:
            os.close(self._held)
            os.close(self.end)
            self.end = -1


def python(
    name: str,
    arguments: Sequence[str],
    logs: Path,
    environment: Mapping[str, str],
    *,
    preload: str = "",
    gate: Gate | None = None,
    inherit: Sequence[int] = (),
) -> Child:
    """A child that is a Python module: ``arguments`` follow ``python -m``.

    Args:
        preload: modules that it may import before ``gate`` opens, with commas between.
    """
    log = logs / f"{name}.log"

    def start() -> subprocess.Popen[bytes]:
        with contextlib.suppress(OSError):
            if log.stat().st_size > _LARGEST_LOG:
                log.replace(log.with_suffix(".log.1"))
        end = -1 if gate is None else gate.end
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "service.embedded.gate", str(end), preload, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment, **python_path()},
                pass_fds=(*inherit, *((end,) if end >= 0 else ())),
                start_new_session=True,
            )

    return Child(name, start, log)


def python_path() -> dict[str, str]:
    """The server may run from a checkout that is not installed: its modules must be found from any folder."""
    root = str(Path(__file__).resolve().parents[2])
    known = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {"PYTHONPATH": os.pathsep.join([root, *(path for path in known if path != root)])}


def _ending(code: int) -> str:
    if code >= 0:
        return f"status {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
