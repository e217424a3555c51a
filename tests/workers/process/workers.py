"""Real Celery workers as processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from service import registry
from service.bell import Bell
from service.settings import Settings
from service.store.connect import connect
from tests.workers.conftest import ENGINES, Desk


class CeleryWorker:
    """A worker started as operators do. A context that leaves nothing behind."""

    def __init__(self, settings: Settings, log: Path, *, slots: int = 2, **own: object) -> None:
        self._settings = settings
        environment = {**os.environ, **settings.environment(), "PYTHONPATH": str(ENGINES)}
        own = {"engines": "program:probe,program:probe-b,program:highs", "writable": log.parent, **own}
        own.setdefault("grace_seconds", 1.0)
        environment |= {f"KANTOR_WORKER_{name.upper()}": str(value) for name, value in own.items()}
        command = [sys.executable, "-m", "celery", "-A", "workers.celery_app", "worker", "--pool", "threads"]
        command += ["--concurrency", str(slots), "--loglevel", "WARNING", "--without-mingle", "--without-gossip"]
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def __enter__(self) -> CeleryWorker:
        try:
            with connect(self._settings) as conn:
                wait_until(
                    lambda: self.process.pid in [worker.pid for worker in registry.live_workers(conn, self._settings)],
                    90.0,  # a machine that is busy with other things too
                )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        left = self.descendants()
        self.process.kill()
        self.process.wait()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def descendants(self) -> list[int]:
        """Zygotes and runners."""
        return descendants(self.process.pid)

    def runners(self) -> list[int]:
        return [pid for pid in self.descendants() if _name(pid).startswith("run-")]

    def zygotes(self) -> list[int]:
        return [pid for pid in self.descendants() if not _name(pid).startswith("run-")]


def descendants(pid: int) -> list[int]:
    """All processes below one, those nearest first."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def living(pids: list[int]) -> list[int]:
    """Those that have not ended (zombies have)."""
    return [pid for pid in pids if _state(pid) not in ("", "Z", "X")]


def wait_until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout:g} seconds"
        time.sleep(0.02)


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _state(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def running(desk: Desk, bell: Bell, **fields: object) -> UUID:
    job = desk.submit(**fields)  # type: ignore[arg-type]
    bell.ring("cpu", job)
    desk.until(job, lambda row: row.state == "running" and row.progress is not None)
    return job
