"""The folder of an embedded server: its secrets, its data, its logs, and who runs it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from service.embedded.guardian import identity


class AlreadyRunningError(RuntimeError):
    """Another process runs the server of this home."""


@dataclass(frozen=True)
class Running:
    """``server.json``: a running server, for the client to find."""

    url: str
    api_key: str
    pid: int


class Home:
    """A folder that only its owner may read.

    Args:
        path: made if it isn't there.

    Raises:
        OSError: it cannot be made or written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self.logs = self.path / "logs"
        self.logs.mkdir(exist_ok=True)
        self._lock: int | None = None

    def lock(self) -> None:
        """Become the one server of this home; the end of this process, however it comes, unlocks.

        Raises:
            AlreadyRunningError: another process is.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunningError(str(self.path)) from None
        self._lock = descriptor

    def unlock(self) -> None:
        """Let another process be the server."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self, name: str) -> str:
        """The secret in the file ``name`` (mode 600), made at the first call."""
        path = self.path / name
        if not path.exists():
            self.keep(name, secrets.token_urlsafe(32))
        return path.read_text(encoding="utf-8").strip()

    def recall(self, name: str) -> str:
        """The content of a secret file; empty if there is none."""
        path = self.path / name
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    def keep(self, name: str, content: str) -> None:
        """Write a secret file (mode 600) as a whole or not at all."""
        new = self.path / f".{name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content + "\n")
        new.replace(self.path / name)

    def announce(self, running: Running) -> None:
        """Write ``server.json``."""
        self.keep("server.json", json.dumps(asdict(running)))

    def retire(self) -> None:
        """Remove ``server.json``."""
        (self.path / "server.json").unlink(missing_ok=True)

    def running(self) -> Running | None:
        """What ``server.json`` says, if its process is alive."""
        try:
            running = Running(**json.loads((self.path / "server.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return running if identity(running.pid) else None
