"""Starting and stopping the processes that are measured."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GRACE = 20.0


def free_port() -> int:
    """A TCP port of the loopback interface that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    patience: float = 60.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` in the repository's root until the block ends; its output goes to ``log``.

    Raises:
        RuntimeError: it ended, or was not ready in time; the text holds the end of the log.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(process, ready, patience, log, command)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and end its whole group if it does not within the grace."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], patience: float, log: Path, command: Sequence[str]
) -> None:
    until = time.monotonic() + patience
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            end = log.read_text(errors="replace")[-2000:]
            what = "ended" if process.poll() is not None else "was not ready in time"
            raise RuntimeError(f"{' '.join(command)} {what}:\n{end}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """True if something listens on the port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
