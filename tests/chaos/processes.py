"""The processes of an embedded Kantor, found through /proc, and the means to kill them."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

#: What a process of each kind has in its command line.
KINDS = {
    "api": "uvicorn",
    "dispatcher": "service.dispatcher",
    "worker": "celery",
    "valkey": "valkey-server",
    "zygote": "workers.runner.zygote",
}


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def of_kind(launcher: int, kind: str) -> list[int]:
    """Live processes of a kind; a runner is a child of a zygote."""
    everyone = descendants(launcher)
    if kind == "runner":
        return [child for zygote in of_kind(launcher, "zygote") for child in descendants(zygote)]
    needle = KINDS[kind]
    matching = [pid for pid in everyone if needle in command(pid)]
    if kind == "zygote":  # a runner has its zygote's command line
        return [pid for pid in matching if not any(pid in descendants(other) for other in matching if other != pid)]
    return matching


def kill_one(launcher: int, kind: str, choice: random.Random) -> bool:
    """Kill -9 one process of the kind. Returns False if there is none at the moment."""
    candidates = of_kind(launcher, kind)
    if not candidates:
        return False
    try:
        os.kill(choice.choice(candidates), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
