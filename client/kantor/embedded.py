"""A Kantor of one's own for a while: PostgreSQL, Valkey, API, dispatcher and a worker, started by the server
distribution."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError

if TYPE_CHECKING:
    from kantor.client import Client

START_SECONDS = 120.0
STOP_SECONDS = 20.0
HOW_TO_INSTALL = "the server is not installed in this Python; install it with: pip install 'kantor-server[local]'"


def server_installed() -> bool:
    """True if the server distribution can be imported here."""
    try:
        return importlib.util.find_spec("service.embedded") is not None
    except ModuleNotFoundError:
        return False


def command(*arguments: str) -> list[str]:
    """The command line of the embedded server.

    Raises:
        KantorError: it is not installed.
    """
    if not server_installed():
        raise KantorError(HOW_TO_INSTALL)
    return [sys.executable, "-m", "service.embedded", *arguments]


class Embedded:
    """An embedded server as a context manager.

    Args:
        home: its data folder; by default, or if another server runs there, a temporary one that is removed at the end.

    Attributes:
        url, api_key: once started.
    """

    def __init__(self, home: str | os.PathLike[str] | None = None) -> None:
        self._home = None if home is None else Path(home)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.api_key = ""

    def start(self) -> Embedded:
        """Returns when it takes jobs.

        Raises:
            KantorError: the server is not installed, or does not come up; with the end of what it said.
        """
        arguments = command("up", "--port", "0", "--json", "--with-parent")
        while True:
            ready = self._launch(arguments)
            if not ready.get("already_running"):
                break
            # the home's server belongs to another call, which will end it
            self.stop()
            self._home = None
        self.url, self.api_key = str(ready["url"]), str(ready["api_key"])
        return self

    def _launch(self, arguments: list[str]) -> dict[str, Any]:
        if self._home is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="kantor-", ignore_cleanup_errors=True)
            arguments = [*arguments, "--ephemeral"]
        home = self._home if self._home is not None else Path(self._temporary.name if self._temporary else "")
        home.mkdir(parents=True, exist_ok=True)
        log = home / "start.log"
        environment = {
            name: value for name, value in os.environ.items() if name not in ("KANTOR_URL", "KANTOR_API_KEY")
        }
        with log.open("wb") as errors:
            # a session of its own: Ctrl-C in the terminal is for the caller, who may still want the best answer
            self._process = subprocess.Popen(
                [*arguments, "--home", str(home)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        try:
            ready: dict[str, Any] = json.loads(self._first_line())
        except (ValueError, queue.Empty):
            tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-8:])
            self.stop()
            raise KantorError("the embedded server did not come up" + (f":\n{tail}" if tail else "")) from None
        except BaseException:
            self.stop()
            raise
        return ready

    def _first_line(self) -> bytes:
        assert self._process is not None
        stdout = self._process.stdout
        assert stdout is not None
        lines: queue.Queue[bytes] = queue.Queue()

        def read() -> None:
            # goes on reading, so that the server never waits for a full pipe
            for line in stdout:
                lines.put(line)
            lines.put(b"")

        threading.Thread(target=read, daemon=True).start()
        return lines.get(timeout=START_SECONDS)

    def stop(self) -> None:
        """Ends all its processes and removes a temporary home. Harmless when called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Embedded:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def embedded(home: str | os.PathLike[str] | None = None) -> Iterator[Client]:
    """A client of an embedded server that lives as long as the context: ``with kantor.embedded() as client: ...``

    Args:
        home: its data folder, kept; by default a temporary one.

    Raises:
        KantorError: the server distribution is not installed, or does not come up.
    """
    from kantor.client import Client

    with Embedded(home) as server, Client(server.url, server.api_key) as client:
        yield client
