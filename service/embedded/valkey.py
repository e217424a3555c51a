"""Valkey, started on a Unix socket and without a file: what it holds may be lost at any time."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from service.embedded import binaries
from service.embedded.sockets import socket_folder

_START_SECONDS = 30.0


class Valkey:
    """A Valkey server that only this user can reach.

    Args:
        home: holds ``logs/valkey.log``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.log = self.home / "logs" / "valkey.log"
        self.socket = socket_folder(self.home) / "valkey.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For ``KANTOR_REDIS_URL``."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """``launch``, then ``wait``."""
        self.launch()
        self.wait()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        command = [str(binaries.valkey())]
        for name, value in options.items():
            command += [f"--{name}", value]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        return self.process

    def stop(self, timeout: float = 5.0) -> None:
        """End it. Harmless if it isn't running."""
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: it did not start; the text has the end of its log.
        """
        assert self.process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                probe.sendall(b"PING\r\n")
                if probe.recv(16).startswith(b"+PONG"):
                    return
            time.sleep(0.002)
        self.stop()
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        raise RuntimeError(f"Valkey did not start; its log ends:\n{tail}")
