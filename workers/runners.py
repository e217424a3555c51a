"""The worker's side of its runners: zygotes, forks, and warm runners that wait for the next job."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from workers.runner import limits
from workers.runner.frames import Channel
from workers.runner.mailbox import Mailbox
from workers.zygotes import Zygote, ZygoteLostError, Zygotes

log = structlog.get_logger(__name__)

#: A runner is replaced after so many jobs, or once it has kept so much more memory than it began with.
JOBS_PER_RUNNER = 500
GROWTH = 256 << 20

#: Seconds that a runner may take nothing of a document that is sent to it.
SEND_SECONDS = 60.0


class Runner:
    """A process that solves one job at a time.

    Attributes:
        channel, inbox, outbox: see ``workers.runner``; ``inbox`` is written here, ``outbox`` read.
        output: descriptor on which the process's standard output and error arrive.
        jobs: how many it has been given.
        resident: bytes it had before the current job.
        spoiled: must not be given another job.
    """

    def __init__(self, zygote: Zygote, folder: Path, confined: dict[str, Any] | None = None) -> None:
        """Fork it.

        Raises:
            ZygoteLostError.
        """
        self.zygote = zygote
        self.folder = folder
        self.jobs = 0
        self.spoiled = False
        self.output, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.output, False)
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours, patience=SEND_SECONDS)
        self.inbox = Mailbox.create("inbox")
        self.outbox = Mailbox.create("outbox")
        folder.mkdir(mode=0o700)
        try:
            self.pid = zygote.fork(folder, [theirs.fileno(), writer, self.inbox.fd, self.outbox.fd], confined)
            self._pidfd = os.pidfd_open(self.pid)
        except BaseException:
            self._release()
            raise
        finally:
            os.close(writer)
            theirs.close()
        self.resident = limits.usage(self.pid)[1]
        self._fresh = self.resident
        self._status: int | None = None
        self._collected = False

    @property
    def group(self) -> str:
        return self.zygote.name

    def reusable(self) -> bool:
        """True if it is worth another job, after one."""
        if self.spoiled or self.jobs >= JOBS_PER_RUNNER:
            return False
        self.resident = limits.usage(self.pid)[1]
        return self.resident < self._fresh + GROWTH and self.waits()

    def waits(self) -> bool:
        """True if it lives and says nothing. Only between jobs."""
        return not self.channel.poll() and not self.channel.closed

    def begin(self, body: bytes, point: tuple[float, np.ndarray] | None = None, **order: Any) -> None:
        """Give it a job, and a point in its inbox.

        Raises:
            OSError: it is gone, or does not listen.
        """
        self.jobs += 1
        self.inbox.clear()
        self.outbox.clear()
        if point is not None:
            self.inbox.put(*point)
        with contextlib.suppress(BlockingIOError):
            while os.read(self.output, 1 << 16):
                continue
        self.channel.send("job", body, **order)

    def kill(self) -> None:
        """End it now, wherever it is, with everything that it has started."""
        if self._collected:
            return
        self.spoiled = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # its number is its own as long as its zygote lives to collect it
            if self.zygote.alive:
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def collect(self) -> int | None:
        """Kill it if it lives; its wait status (None if nobody could tell). Mailboxes and folder are still there."""
        if not self._collected:
            self.kill()
            self._collected = True
            with contextlib.suppress(ZygoteLostError):
                self._status = self.zygote.wait(self.pid)
        return self._status

    def end(self) -> None:
        """Kill it if it lives, and remove all that it had."""
        self.collect()
        os.close(self._pidfd)
        self._release()

    def _release(self) -> None:
        os.close(self.output)
        self.channel.close()
        self.inbox.close()
        self.outbox.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Runners:
    """Warm runners of every process group. Safe from any thread."""

    def __init__(
        self,
        zygotes: Zygotes,
        *,
        keep: int,
        folder: Path | None = None,
        confine: bool = False,
        readable: Sequence[str] = (),
        writable: Sequence[str] = (),
    ) -> None:
        """
        Args:
            keep: how many idle runners to keep in each group.
            folder: where this worker makes its own folder.
            confine: runners are cut off from network, files and other processes (``workers.runner.sandbox``).
            readable, writable: further folders for confined runners.
        """
        self._zygotes = zygotes
        self._keep = keep
        self._lock = threading.Lock()
        self._idle: defaultdict[str, list[Runner]] = defaultdict(list)
        self._count = 0
        self._closed = False
        self.folder, self._guard = _private_folder(folder or Path(tempfile.gettempdir()))
        self.inputs = self.folder / "inputs"
        self.inputs.mkdir(mode=0o700)
        reach = {"inputs": str(self.inputs), "readable": list(readable), "writable": list(writable)}
        self._confined = reach if confine else None

    def warm_up(self, group: str, count: int) -> None:
        """Fork runners ahead of their first jobs."""
        for runner in [self.take(group) for _ in range(count)]:
            self.give(runner)

    def take(self, group: str) -> Runner:
        """An idle runner of the group, or a new one.

        Raises:
            ZygoteLostError: none can be made.
        """
        while True:
            with self._lock:
                idle = self._idle[group]
                runner = idle.pop() if idle else None
            if runner is None:
                break
            if runner.waits():
                return runner
            runner.end()
        for attempt in (1, 2, 3):
            with self._lock:
                self._count += 1
                folder = self.folder / f"{group}-{self._count}"
            try:
                return Runner(self._zygotes.of(group), folder, self._confined)
            except ZygoteLostError as error:
                log.warning("no runner could be forked", group=group, error=str(error))
                if attempt == 3 or self._closed:
                    raise
        raise AssertionError

    def give(self, runner: Runner) -> None:
        """Take back a runner whose job is over."""
        if runner.reusable() and _emptied(runner.folder):
            with self._lock:
                idle = self._idle[runner.group]
                if not self._closed and len(idle) < self._keep:
                    idle.append(runner)
                    return
        runner.end()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            idle = [runner for runners in self._idle.values() for runner in runners]
            self._idle.clear()
        for runner in idle:
            runner.end()
        self._guard.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _emptied(folder: Path) -> bool:
    """Remove what a job has left behind; False if that cannot be done."""
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
    except OSError:
        return False
    return True


def _private_folder(parent: Path) -> tuple[Path, Any]:
    """A new folder for this worker, locked as long as it lives; folders of workers that are gone are removed."""
    for old in parent.glob("kantor-worker-*"):
        with contextlib.suppress(OSError), open(old / "lock", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="kantor-worker-", dir=parent))
    guard = open(folder / "lock", "wb")  # noqa: SIM115  held as long as the worker lives
    fcntl.flock(guard, fcntl.LOCK_EX)
    return folder, guard
