"""The worker's side of its runners: zygotes, forks, and warm runners that wait for the next job."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import structlog

from workers.runner import limits
from workers.runner.frames import Channel
from workers.runner.mailbox import Mailbox
from workers.runner.zygote import PACKET

log = structlog.get_logger(__name__)

#: A runner is replaced after so many jobs, or once it has kept so much more memory than it began with.
JOBS_PER_RUNNER = 500
GROWTH = 256 << 20

#: How long a runner may take to accept a document, and a zygote to import.
SEND_SECONDS = 60.0
IMPORT_SECONDS = 120.0

#: Settings of the service hold secrets: what solves does not see them.
_HIDDEN = ("KANTOR_", "AWS_", "PG")


class ZygoteLostError(Exception):
    """A zygote has died, or could not be started; its runners are gone with it."""


class Runner:
    """A process that solves one job at a time.

    Attributes:
        channel, inbox, outbox: see ``workers.runner``; ``inbox`` is written here, ``outbox`` read.
        output: descriptor on which the process's standard output and error arrive.
        jobs: how many it has been given.
        resident: bytes it had before the current job.
        spoiled: must not be given another job.
    """

    def __init__(self, zygote: Zygote, folder: Path) -> None:
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
            self.pid = zygote.fork(folder, [theirs.fileno(), writer, self.inbox.fd, self.outbox.fd])
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

    def ready(self) -> bool:
        """True if it lives and is worth another job. Only between jobs."""
        if self.spoiled or self.jobs >= JOBS_PER_RUNNER:
            return False
        self.resident = limits.usage(self.pid)[1]
        return 0 < self.resident < self._fresh + GROWTH and not self.channel.poll() and not self.channel.closed

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


class Zygote:
    """The worker's handle of one zygote process. Safe from any thread."""

    def __init__(self, name: str, engines: Sequence[str]) -> None:
        """Start it for these engines ("family:id"); it imports while we go on.

        Raises:
            ZygoteLostError: it cannot be started.
        """
        self.name = name
        self._lock = threading.Lock()
        self._ready = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(IMPORT_SECONDS)
        command = [sys.executable, "-P", "-m", "workers.runner.zygote", str(theirs.fileno()), name, *engines]
        try:
            # S603: our own module, by its name
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment(os.environ)
            )
        except OSError as error:
            raise ZygoteLostError(f"the zygote {name} cannot be started: {error}") from error
        finally:
            theirs.close()
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, folder: Path, descriptors: list[int]) -> int:
        """The process number of a new runner that holds these descriptors."""
        with self._lock:
            self._await_ready()
            reply = self._call({"do": "fork", "folder": str(folder)}, descriptors)
        if "error" in reply:
            raise ZygoteLostError(f"the zygote {self.name} cannot fork: {reply['error']}")
        return int(reply["pid"])

    def wait(self, pid: int) -> int | None:
        """Collect a runner that has ended, or was killed: its wait status."""
        with self._lock:
            status = self._call({"do": "wait", "pid": pid})["status"]
        return None if status is None else int(status)

    def close(self) -> None:
        """End it, and with it all its runners."""
        with self._lock:
            self._control.close()
            self._process.kill()
            self._process.wait()

    def _await_ready(self) -> None:
        if self._ready:
            return
        message = self._receive()
        for engine, words in message["failed"].items():
            log.error("an engine cannot be loaded", engine=engine, error=words)
        if message["threads"] != 1:
            log.warning("a zygote has threads, so that forks may hang", group=self.name, threads=message["threads"])
        self._ready = True

    def _call(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        try:
            socket.send_fds(self._control, [orjson.dumps(request)], list(descriptors))
        except OSError as error:
            raise self._lost(error) from error
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        try:
            packet = self._control.recv(PACKET)
        except OSError as error:
            raise self._lost(error) from error
        if not packet:
            raise self._lost("end of file")
        message: dict[str, Any] = orjson.loads(packet)
        return message

    def _lost(self, why: object) -> ZygoteLostError:
        """After a call without a reply the next reply would be a wrong one: it must not live on."""
        self._process.kill()
        self._process.wait()
        return ZygoteLostError(f"the zygote {self.name} has died, or does not answer ({why})")


class Runners:
    """Warm runners of every process group. Safe from any thread."""

    def __init__(self, groups: Mapping[str, Sequence[str]], *, keep: int, folder: Path | None = None) -> None:
        """``groups``: name to engines ("family:id"); ``keep``: how many idle runners to keep in each.

        ``self.folder`` is this worker's own temporary folder, below ``folder``.
        """
        self.groups = dict(groups)
        self._keep = keep
        self._lock = threading.Lock()
        self._starting = {name: threading.Lock() for name in groups}
        self._zygotes: dict[str, Zygote] = {}
        self._idle: dict[str, list[Runner]] = {name: [] for name in groups}
        self._count = 0
        self._closed = False
        self.folder, self._guard = _private_folder(folder or Path(tempfile.gettempdir()))

    def start(self, ahead: Mapping[str, int]) -> None:
        """Start every zygote, then so many runners ahead of their first job in the groups named."""
        for name in self.groups:
            self._zygote(name)
        for name, count in ahead.items():
            runners = [self.take(name) for _ in range(count)]
            for runner in runners:
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
            if runner.ready():
                return runner
            runner.end()
        for attempt in (1, 2, 3):
            with self._lock:
                self._count += 1
                folder = self.folder / f"{group}-{self._count}"
            try:
                return Runner(self._zygote(group), folder)
            except ZygoteLostError as error:
                log.warning("a zygote is started anew", group=group, error=str(error))
                if attempt == 3 or self._closed:
                    raise
        raise AssertionError

    def give(self, runner: Runner) -> None:
        """Take back a runner whose job is over."""
        if runner.ready() and _emptied(runner.folder):
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
            zygotes = list(self._zygotes.values())
            idle = [runner for runners in self._idle.values() for runner in runners]
            self._idle = {name: [] for name in self.groups}
        for runner in idle:
            runner.end()
        for zygote in zygotes:
            zygote.close()
        self._guard.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def zygote_pids(self) -> dict[str, int]:
        """For operators and tests."""
        with self._lock:
            return {name: zygote.pid for name, zygote in self._zygotes.items()}

    def _zygote(self, group: str) -> Zygote:
        with self._starting[group]:
            zygote = self._zygotes.get(group)
            if zygote is None or not zygote.alive:
                if self._closed:
                    raise ZygoteLostError("the worker ends")
                zygote = Zygote(group, self.groups[group])
                with self._lock:
                    self._zygotes[group] = zygote
            return zygote


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


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of processes that solve: without secrets, and with one thread for every library."""
    kept = {name: value for name, value in given.items() if not name.startswith(_HIDDEN)}
    return {**kept, **dict.fromkeys(limits.THREAD_VARIABLES, "1")}


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
