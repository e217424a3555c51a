"""The process from which runners are forked: it imports what a group of engines needs, and never solves.

``python -m workers.runner.zygote FD NAME family:engine...`` talks over the socket FD (packets of JSON, file descriptors
beside them). It ends when the worker does, since the socket then ends, and its runners end with it: so nothing outlives
a worker that was killed. It has one thread only, hence a fork is safe; libraries that start threads when they solve do
so in runners.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import orjson

from workers import families
from workers.runner import limits
from workers.runner.frames import Channel
from workers.runner.mailbox import Mailbox

#: Descriptors that come with a request for a runner: its channel, its output, its inbox and its outbox.
DESCRIPTORS = 4
PACKET = 1 << 16


def preload(engines: list[str]) -> dict[str, str]:
    """Import the engines ("family:id") and what their families need; the words of those that failed."""
    from solvers.core import registry

    failed = {}
    for kind in dict.fromkeys(engine.partition(":")[0] for engine in engines):
        for module in families.load(kind).preload:
            __import__(module)
    for engine in engines:
        kind, _, name = engine.partition(":")
        try:
            registry.load(kind, name)
        except Exception as error:
            failed[engine] = f"{type(error).__name__}: {error}"
    return failed


class Zygote:
    """The loop of the process."""

    def __init__(self, control: socket.socket, name: str) -> None:
        self._control = control
        self._name = name

    def serve(self) -> None:
        """Answer requests until the worker is gone."""
        while True:
            try:
                packet, descriptors, _, _ = socket.recv_fds(self._control, PACKET, DESCRIPTORS)
            except ConnectionResetError:
                return
            if not packet:
                return
            request = orjson.loads(packet)
            if request["do"] == "fork":
                self._reply(self._fork(request, descriptors))
            elif request["do"] == "wait":
                self._reply({"status": _wait(int(request["pid"]))})

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            pid = -1
            reply: dict[str, Any] = {"error": str(error)}
        if pid == 0:
            _run(parent, self._control, self._name, descriptors, Path(request["folder"]))
        for descriptor in descriptors:
            os.close(descriptor)
        return reply if pid < 0 else {"pid": pid}

    def _reply(self, message: dict[str, Any]) -> None:
        self._control.send(orjson.dumps(message))


def _wait(pid: int) -> int | None:
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return None


def _run(parent: int, control: socket.socket, name: str, descriptors: list[int], folder: Path) -> NoReturn:
    """In the new process: become a runner."""
    status = 70
    try:
        limits.die_with_parent(parent, f"run-{name}")
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        control.close()
        channel, output, inbox, outbox = descriptors
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(output)
        os.environ["TMPDIR"] = str(folder)
        os.chdir(folder)

        from workers.runner.child import serve

        serve(Channel(socket.socket(fileno=channel)), Mailbox(inbox), Mailbox(outbox), folder)
        status = 0
    except BaseException as error:
        os.write(2, f"runner: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def main(arguments: list[str]) -> None:
    """See the module."""
    descriptor, name, *engines = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the worker's to handle
    control = socket.socket(fileno=int(descriptor))
    control.setblocking(True)
    failed = preload(engines)
    import workers.runner.child  # noqa: F401  so that no runner has to import it

    gc.collect()
    gc.freeze()  # pages of the heap stay shared with the runners
    threads = len(os.listdir("/proc/self/task"))
    control.send(orjson.dumps({"ready": os.getpid(), "failed": failed, "threads": threads}))
    Zygote(control, name).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
