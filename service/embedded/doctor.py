"""``doctor``: is all here that the embedded server needs, and if not, what to do."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from service.embedded import binaries
from service.embedded.home import Home
from service.embedded.identity import identity, reachable

_LEAST_DISK = 1 << 30
_PORT = 8000

SOLVERS = ("highspy", "pyscipopt", "ortools", "clarabel")
PACKAGES = (*SOLVERS, "numpy", "scipy", "celery", "psycopg", "fastapi", "pydantic")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        ok: False: the server won't work. None: it will, but this is worth knowing.
        hint: what to do.
    """

    name: str
    ok: bool | None
    detail: str
    hint: str = ""


def examine(home: Path) -> list[Finding]:
    """Look at everything; changes nothing but making the home folder."""
    looks: list[Callable[[], Finding]] = [
        _python,
        lambda: _program("PostgreSQL", lambda: binaries.postgres("postgres")),
        lambda: _program("initdb", lambda: binaries.postgres("initdb")),
        lambda: _program("Valkey", binaries.valkey),
        lambda: _identity(home),
        lambda: _home(home),
        lambda: _disk(home),
        lambda: _server(home),
        *((lambda name=name: _package(name)) for name in PACKAGES),
    ]
    return [look() for look in looks]


def run(home: Path, *, as_json: bool) -> int:
    """Print the findings. 0 if the server can work."""
    findings = examine(home)
    healthy = all(finding.ok is not False for finding in findings)
    if as_json:
        sys.stdout.write(json.dumps({"ok": healthy, "findings": [asdict(finding) for finding in findings]}) + "\n")
    else:
        for finding in findings:
            mark = {True: "ok  ", False: "BAD ", None: "note"}[finding.ok]
            hint = f"\n       {finding.hint}" if finding.hint else ""
            sys.stdout.write(f"{mark} {finding.name}: {finding.detail}{hint}\n")
    return 0 if healthy else 1


def _python() -> Finding:
    words = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding(
        "Python", sys.version_info >= (3, 11), words, "" if sys.version_info >= (3, 11) else "Use 3.11 or newer."
    )


def _program(name: str, find: Callable[[], Path]) -> Finding:
    try:
        path = find()
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (binaries.MissingBinaryError, OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, False, str(error), f"Install the server's programs: {binaries.INSTALL}")
    if done.returncode != 0:
        return Finding(
            name, False, f"{path} does not run: {done.stderr.strip()[-300:]}", f"Reinstall: {binaries.INSTALL}"
        )
    return Finding(name, True, f"{done.stdout.strip()} ({path})")


def _identity(home: Path) -> Finding:
    mode = identity().mode
    if mode == "self":
        return Finding("user", True, "PostgreSQL runs as you")
    if mode == "namespace":
        return Finding("user", True, "you are root; PostgreSQL runs in a user namespace")
    try:
        programs = binaries.postgres()
    except binaries.MissingBinaryError:
        return Finding("user", None, "you are root; PostgreSQL would run as nobody")
    if not reachable(programs.parent):
        return Finding(
            "user",
            False,
            f"you are root, without user namespaces; PostgreSQL would run as nobody, who cannot reach {programs}",
            "Run as another user, or install into a folder that every user can read.",
        )
    return Finding(
        "user", True, f"you are root; PostgreSQL runs as nobody, its data in {identity().place(home.absolute())}"
    )


def _home(home: Path) -> Finding:
    try:
        path = Home(home).path
        probe = path / ".doctor"
        probe.write_text("probe", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        return Finding("home", False, f"{home}: {error.strerror}", "Choose another folder with --home or KANTOR_HOME.")
    return Finding("home", True, str(path))


def _disk(home: Path) -> Finding:
    folder = next(path for path in (home.absolute(), *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    words = f"{free / (1 << 30):.1f} GiB free in {folder}"
    if free < _LEAST_DISK:
        return Finding("disk", None, words, "Below 1 GiB the server may run out of space; free some, or move --home.")
    return Finding("disk", True, words)


def _server(home: Path) -> Finding:
    running = Home(home).running() if home.exists() else None
    if running is not None:
        return Finding("server", True, f"runs at {running.url} (process {running.pid})")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _PORT))
        except OSError:
            return Finding("server", None, f"not running; port {_PORT} is taken", "Start it with: kantor up --port 0")
    return Finding("server", None, "not running", "Start it with: kantor up")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        needed = name not in SOLVERS
        return Finding(name, False if needed else None, "not installed", f"pip install {name}")
