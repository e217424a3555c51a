"""The system under test: a whole embedded Kantor with durable PostgreSQL, and its processes by role."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from benchmarks.harness import cpu
from benchmarks.harness.processes import ROOT, stop

START = 120.0
ROLES = ("api", "worker", "runner", "dispatcher", "postgres", "valkey", "other")


@dataclass(frozen=True)
class System:
    """A running Kantor.

    Attributes:
        pid: of the process that started the others.
        home: its folder, with logs.
    """

    url: str
    api_key: str
    pid: int
    home: Path

    def client(self) -> Any:
        """A ``kantor.Client``."""
        import kantor

        return kantor.Client(self.url, api_key=self.api_key)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """For plain HTTP."""
        return (("Authorization", f"Bearer {self.api_key}"),)

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each role has used so far."""
        if not cpu.supported():
            return {}
        return cpu.by_role(cpu.tree(self.pid), role)

    def pids(self, *roles: str) -> list[int]:
        """Processes of these roles."""
        return [process.pid for process in cpu.tree(self.pid) if role(process) in roles]

    @contextmanager
    def frozen(self, *roles: str) -> Iterator[None]:
        """These roles do nothing while the block runs (SIGSTOP): what they would take from the others can be seen."""
        stopped = self.pids(*roles)
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


def role(process: cpu.Process) -> str:
    """Which part of the system a process is, by its command line."""
    command = process.command
    if "postgres" in command.split(" ")[0] or command.startswith("postgres:"):
        return "postgres"
    if "valkey-server" in command:
        return "valkey"
    if "service.dispatcher" in command:
        return "dispatcher"
    if " celery " in command:
        return "worker"
    if "workers.runner" in command:
        return "runner"
    return "api" if "uvicorn" in command or "service.app" in command else "other"


@contextmanager
def kantor_system() -> Iterator[System]:
    """Start everything, wait until a worker has announced itself, stop everything at the end of the block.

    Raises:
        RuntimeError: it did not come up; the text holds what it wrote.
    """
    with tempfile.TemporaryDirectory(prefix="kantor-benchmark-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        log = home / "embedded.log"
        command = [sys.executable, "-m", "service.embedded", "up", "--port", "0", "--home", str(home), "--json"]
        with log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        try:
            ready = _ready(process, log)
            system = System(ready["url"], ready["api_key"], process.pid, home)
            _await_worker(system)
            yield system
        finally:
            stop(process)


def _ready(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    lines: Queue[bytes] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    until = time.monotonic() + START
    while time.monotonic() < until and (process.poll() is None or not lines.empty()):
        with suppress(Empty):
            line = lines.get(timeout=0.1)
            if line.lstrip().startswith(b"{"):
                document: dict[str, str] = json.loads(line)
                return document
    raise RuntimeError(f"the embedded Kantor did not come up:\n{log.read_text(errors='replace')[-3000:]}")


def _await_worker(system: System) -> None:
    until = time.monotonic() + START
    client = system.client()
    while not client.engines():
        if time.monotonic() > until:
            raise RuntimeError("no worker has announced itself")
        time.sleep(0.1)
