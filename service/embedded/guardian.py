"""Leaves no process behind, even when the server that started them is killed.

The server writes who its processes are into ``processes.json``. The guardian, a process of its own, waits for the end
of a pipe that only the server holds; if that comes while processes are still listed, it ends them in order. The next
start does the same with what it finds. Imports the standard library only: it must be small, and start at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DRAIN_SECONDS = 6.0
"""What services get to end in order."""
STORE_SECONDS = 20.0
"""What PostgreSQL gets to write everything."""
_STORES = {"postgres": signal.SIGINT, "valkey": signal.SIGTERM}


def identity(pid: int) -> str:
    """When a process began: with its number this names it, although numbers are used again. Empty if there is no such
    process, or only its remains.
    """
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    done = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = done.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else began.strip()


class Ledger:
    """The file that lists the processes of a home."""

    def __init__(self, home: Path) -> None:
        self.path = home / "processes.json"

    def write(self, owner: int, processes: dict[str, int]) -> None:
        """Replace the list: names and process numbers. Each process leads a group of its own."""
        content = {
            "owner": [owner, identity(owner)],
            "processes": {name: [pid, identity(pid)] for name, pid in processes.items()},
        }
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(content), encoding="utf-8")
        new.replace(self.path)

    def read(self) -> dict[str, Any]:
        """The list; empty if there is none."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {"owner": None, "processes": {}}
        return content if isinstance(content, dict) else {"owner": None, "processes": {}}

    def clear(self) -> None:
        """There are no processes any more."""
        self.path.unlink(missing_ok=True)


def sweep(home: Path, owner: int | None = None) -> list[str]:
    """End the listed processes that are still alive: services first, then the stores. Returns their names.

    Args:
        owner: end them only if they are this server's.
    """
    ledger = Ledger(home)
    content = ledger.read()
    if owner is not None and (content["owner"] or [None])[0] != owner:
        return []
    alive = {
        name: (pid, began) for name, (pid, began) in content["processes"].items() if began and identity(pid) == began
    }
    services = {name: process for name, process in alive.items() if name not in _STORES}
    for pid, _ in services.values():
        _signal(pid, signal.SIGTERM)
    _wait(services, DRAIN_SECONDS)
    for pid, _ in services.values():
        _signal(pid, signal.SIGKILL, group=True)
    stores = {name: process for name, process in alive.items() if name in _STORES}
    for name, (pid, _) in stores.items():
        _signal(pid, _STORES[name])
    if not _wait(stores, STORE_SECONDS):
        for pid, _ in stores.values():
            _signal(pid, signal.SIGKILL, group=True)
    ledger.clear()
    return sorted(alive)


def _signal(pid: int, number: int, *, group: bool = False) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _wait(processes: dict[str, tuple[int, str]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(identity(pid) == began for pid, began in processes.values()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def main(arguments: list[str]) -> None:
    """Arguments: home, the server's process number, the pipe's end, whether to delete the home afterwards (0, 1)."""
    home, owner, pipe, ephemeral = Path(arguments[0]), int(arguments[1]), int(arguments[2]), arguments[3] == "1"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with its server, not before
    os.read(pipe, 1)
    sweep(home, owner)
    if ephemeral:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
