"""An embedded server for the length of a ``with`` block: for tests, demos and one-off calls."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.embedded.children import python_path
from service.embedded.home import Running


class Embedded:
    """Everything that ``up`` starts, on a free port.

    Args:
        home: kept afterwards; None: a temporary one, deleted afterwards.
        workers: jobs at once; 0: one for each core.
        environment: more variables for its processes.

    Raises:
        RuntimeError: on entering, if it does not start; the text says why.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        workers: int = 0,
        environment: Mapping[str, str] | None = None,
        timeout: float = 120.0,
    ) -> None:
        self._kept = home
        self._workers = workers
        self._environment = dict(environment or {})
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self.home = Path()
        self.running = Running(url="", api_key="", pid=0)

    @property
    def url(self) -> str:
        """Of the API."""
        return self.running.url

    @property
    def api_key(self) -> str:
        """With every scope, of the project "local"."""
        return self.running.api_key

    def __enter__(self) -> Embedded:
        self.home = self._kept or Path(tempfile.mkdtemp(prefix="kantor-"))
        command = [sys.executable, "-m", "service.embedded", "up", "--port", "0", "--home", str(self.home)]
        command += ["--workers", str(self._workers), "--json", "--with-parent"]
        command += [] if self._kept else ["--ephemeral"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **python_path(), **self._environment},
            start_new_session=True,
        )
        line = self._first_line()
        try:
            self.running = Running(**json.loads(line))
        except (ValueError, TypeError):
            self._process.terminate()
            _, words = self._process.communicate()
            raise RuntimeError(
                f"The embedded server does not start. {words.decode(errors='replace').strip()}"
            ) from None
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()

    def _first_line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + self._timeout
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        return self._process.stdout.readline() if ready else b""
