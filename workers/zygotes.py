"""The worker's side of its zygotes (``workers.runner.zygote``)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog

from workers.catalogue import Catalogue, catalogue_of
from workers.runner import limits
from workers.runner.zygote import PACKET

log = structlog.get_logger(__name__)

#: A zygote may take so long to answer: it imports solvers, perhaps from a slow disk.
PATIENCE = 180.0

#: Settings of the service hold secrets: what solves does not see them.
_HIDDEN = ("KANTOR_", "AWS_", "PG")


class ZygoteLostError(Exception):
    """A zygote has died, or could not be started; its runners are gone with it."""


class Zygote:
    """The worker's handle of one zygote process. Safe from any thread."""

    def __init__(self, control: socket.socket, pid: int, name: str) -> None:
        self.pid = pid
        self.name = name
        self._control = control
        self._control.settimeout(PATIENCE)
        self._pidfd = os.pidfd_open(pid)
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._closed = False
        self._settled = False

    @property
    def alive(self) -> bool:
        """False for one that was closed, too: a runner may outlast the handle that it was forked by."""
        with self._closing:
            if self._closed:
                return False
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            return not poll.poll(0)

    def call(self, do: str, descriptors: Sequence[int] = (), **request: Any) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Raises:
            ZygoteLostError: it has died or does not answer; then it is ended, since a late answer would be mistaken.
        """
        with self._lock:
            self.ask(do, descriptors, **request)
            return self.hear()

    def ask(self, do: str, descriptors: Sequence[int] = (), **request: Any) -> None:
        """The first half of ``call``, where nobody else calls."""
        try:
            socket.send_fds(self._control, [orjson.dumps({"do": do, **request})], list(descriptors))
        except OSError as error:
            raise self._lost(error) from error

    def hear(self) -> dict[str, Any]:
        """The second half."""
        try:
            packet = self._control.recv(PACKET)
        except OSError as error:
            raise self._lost(error) from error
        if not packet:
            raise self._lost("end of file")
        message: dict[str, Any] = orjson.loads(packet)
        return message

    def fork(self, folder: Path, descriptors: Sequence[int], confined: dict[str, Any] | None = None) -> int:
        """The process number of a new runner that holds these descriptors. The first one waits until slow libraries are
        imported.

        Args:
            confined: arguments of ``workers.runner.sandbox.enter``; None: it may reach what this process may.
        """
        if not self._settled:
            threads = self.call("settle")["threads"]
            if threads != 1 and not self._settled:
                log.warning("a zygote has threads, so that forks may hang", group=self.name, threads=threads)
            self._settled = True
        reply = self.call("fork", descriptors, folder=str(folder), confined=confined)
        if "error" in reply:
            raise ZygoteLostError(f"the zygote {self.name} cannot fork: {reply['error']}")
        return int(reply["pid"])

    def spawn(self, name: str) -> Zygote:
        """Another zygote, forked from this one."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            reply = self.call("spawn", [theirs.fileno()])
        if "error" in reply:
            raise ZygoteLostError(f"the zygote {self.name} cannot fork: {reply['error']}")
        return Zygote(ours, int(reply["pid"]), name)

    def wait(self, pid: int) -> int | None:
        """Collect a child that has ended, or was killed: its wait status."""
        status = self.call("wait", pid=pid)["status"]
        return None if status is None else int(status)

    def end(self) -> None:
        """End it, and with it all its runners."""
        with self._closing, contextlib.suppress(ProcessLookupError):
            if not self._closed:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """End it. Who calls it now or later gets ``ZygoteLostError``: its descriptors may be another's by then."""
        self.end()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # whoever waits for an answer comes back
        with self._lock, self._closing:
            if not self._closed:
                self._closed = True
                self._control.close()
                os.close(self._pidfd)

    def _lost(self, why: object) -> ZygoteLostError:
        self.end()
        return ZygoteLostError(f"the zygote {self.name} has died, or does not answer ({why})")


class Zygotes:
    """The first zygote, and one for each process group; those that die are started anew. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._first: Zygote | None = None
        self._groups: dict[str, Zygote] = {}
        self._engines: dict[str, list[str]] = {}
        self._closed = False

    def start(self, *, only: Collection[str] = (), pools: Collection[str] = ()) -> Catalogue:
        """Import all engines (or ``only`` these, as "family:id") and learn what they are: those on the same
        foundation in one process, and each in its own where that process dies.

        The process of a group's first engine goes on as the zygote of the group and imports the others.

        Raises:
            ZygoteLostError: nothing can be started.
        """
        with self._lock:
            listed: list[list[str]] = self._root().call("list")["engines"]
            wanted = [[name for name in together if not only or name in only] for together in listed]
            entries, homes = self._described([together for together in wanted if together])
            catalogue = catalogue_of(entries, frozenset(pools))
            self._engines = catalogue.by_group()
            for group, members in self._engines.items():
                if homes[members[0]] in self._groups.values():
                    self.of(group)  # two groups on the same foundation
                    continue
                zygote = self._groups[group] = homes[members[0]]
                zygote.name = group
                self._load(zygote, group, members[1:])
            for zygote in set(homes.values()) - set(self._groups.values()):
                self._bury(zygote)
            return catalogue

    def _described(self, batches: Sequence[Sequence[str]]) -> tuple[list[dict[str, Any]], dict[str, Zygote]]:
        """What engines say of themselves, and the process that has imported each. All batches work at once."""
        first = self._root()
        asked = [(batch, first.spawn(batch[0])) for batch in batches]
        for batch, zygote in asked:
            zygote.ask("load", engines=list(batch), name=batch[0])
        entries: list[dict[str, Any]] = []
        homes: dict[str, Zygote] = {}
        for batch, zygote in asked:
            try:
                found = zygote.hear()["engines"]
            except ZygoteLostError:
                self._bury(zygote)
                if len(batch) == 1:
                    family, _, engine = batch[0].partition(":")
                    entries.append({"family": family, "id": engine, "error": "the process that imported it died"})
                    continue
                found, alone = self._described([[name] for name in batch])
                homes |= alone
            else:
                homes |= dict.fromkeys(batch, zygote)
            entries += found
        return entries, homes

    def of(self, group: str) -> Zygote:
        """The living zygote of a group.

        Raises:
            ZygoteLostError: it is gone and cannot be started anew.
        """
        with self._lock:
            zygote = self._groups.get(group)
            if zygote is None or not zygote.alive:
                if zygote is not None:
                    log.warning("a zygote has died and is started anew", group=group)
                    self._bury(zygote)
                zygote = self._groups[group] = self._root().spawn(group)
                self._load(zygote, group, self._engines[group])
            return zygote

    def pids(self) -> dict[str, int]:
        """Of the groups' zygotes and of the first, which has the empty name."""
        with self._lock:
            pids = {name: zygote.pid for name, zygote in self._groups.items()}
            return pids | ({"": self._first.pid} if self._first is not None else {})

    def close(self) -> None:
        """End all, and with them all runners."""
        with self._lock:
            self._closed = True
            for zygote in self._groups.values():
                self._bury(zygote)
            self._groups.clear()
            self._end_root()

    def _root(self) -> Zygote:
        if self._closed:
            raise ZygoteLostError("the worker ends")
        if self._first is not None and self._first.alive:
            return self._first
        self._end_root()
        self._first, self._process = _early.pop() if _early else _launch()
        return self._first

    def _end_root(self) -> None:
        if self._first is not None:
            self._first.close()
            self._first = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _load(self, zygote: Zygote, group: str, engines: Sequence[str]) -> None:
        reply = zygote.call("load", engines=list(engines), name=group)
        for entry in reply["engines"]:
            if "error" in entry:
                log.error("an engine cannot be loaded with its group", group=group, **entry)

    def _bury(self, zygote: Zygote) -> None:
        zygote.close()
        with contextlib.suppress(ZygoteLostError):
            if self._first is not None and self._first.alive:
                self._first.wait(zygote.pid)


#: The first zygote of a process that will be a worker, while nobody has asked for it yet.
_early: list[tuple[Zygote, subprocess.Popen[bytes]]] = []


def start_early() -> None:
    """Start the first zygote of this process's ``Zygotes``: it imports while this process has other things to do."""
    with contextlib.suppress(ZygoteLostError):
        _early.append(_launch())


def _launch() -> tuple[Zygote, subprocess.Popen[bytes]]:
    """A first zygote.

    Raises:
        ZygoteLostError: it cannot be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", "-m", "workers.runner.zygote", str(theirs.fileno())]
    with theirs:
        try:
            process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment(os.environ)
            )
        except OSError as error:
            ours.close()
            raise ZygoteLostError(f"no zygote can be started: {error}") from error
    return Zygote(ours, process.pid, "first"), process


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of processes that solve: without secrets, with one thread for every library, and without the
    array libraries that POT would import although we give it numpy's arrays."""
    kept = {name: value for name, value in given.items() if not name.startswith(_HIDDEN)}
    alone = {f"POT_BACKEND_DISABLE_{library}": "1" for library in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW")}
    return {**kept, **alone, **dict.fromkeys(limits.THREAD_VARIABLES, "1")}
