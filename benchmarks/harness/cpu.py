"""CPU time of each part of a system, from /proc: milliseconds a job don't depend on how busy the machine is."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TICK = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One line of /proc: ``seconds`` is user and system time, of the process and of its reaped children."""

    pid: int
    parent: int
    command: str
    seconds: float


def supported() -> bool:
    """CPU shares need Linux's /proc."""
    return Path("/proc/self/stat").exists()


def tree(root: int) -> list[Process]:
    """The process ``root`` and everything below it, parents before children."""
    every = {process.pid: process for process in _all()}
    below: dict[int, list[int]] = defaultdict(list)
    for process in every.values():
        below[process.parent].append(process.pid)
    found, queue = [], [root]
    while queue:
        pid = queue.pop(0)
        if pid in every:
            found.append(every[pid])
            queue.extend(sorted(below[pid]))
    return found


def by_role(processes: list[Process], role: Callable[[Process], str]) -> dict[str, float]:
    """Seconds of CPU for each role."""
    total: dict[str, float] = defaultdict(float)
    for process in processes:
        total[role(process)] += process.seconds
    return dict(total)


def difference(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """What was used between two readings."""
    return {role: max(0.0, seconds - before.get(role, 0.0)) for role, seconds in after.items()}


def _all() -> list[Process]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            process = _read(int(entry))
            if process is not None:
                found.append(process)
    return found


def _read(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:  # it ended between listing and reading
        return None
    # The name in parentheses may hold spaces; the fields after it do not.
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    ticks = sum(int(value) for value in fields[11:15])  # utime, stime, cutime, cstime
    return Process(pid, int(fields[1]), command or name, ticks * TICK)
