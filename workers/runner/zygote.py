"""The processes from which runners are forked: they import what engines need, and never solve.

``python -m workers.runner.zygote FD`` starts the first of them, which imports what every engine needs. From it the
worker has others forked, which import the engines of one process group each; from those it has runners forked. Each
talks over a socket (packets of JSON, file descriptors beside them) whose other end only the worker holds: when the
worker ends, in whatever way, the sockets end, hence the zygotes, and with them their runners. A zygote has one thread
only, hence forks are safe; libraries that start threads when they solve do so in runners.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

import orjson

from workers import families
from workers.runner import child, later, limits, sandbox
from workers.runner.describe import describe, installed
from workers.runner.frames import Channel
from workers.runner.mailbox import Mailbox

#: Descriptors that come with a request for a runner: its channel, its output, its inbox and its outbox.
DESCRIPTORS = 4
PACKET = 1 << 20


def serve(control: socket.socket, name: str) -> None:
    """Answer requests until the worker is gone."""
    libraries: set[str] = set()
    while True:
        try:
            packet, descriptors, _, _ = socket.recv_fds(control, PACKET, DESCRIPTORS)
        except ConnectionResetError:
            return
        if not packet:
            return
        request = orjson.loads(packet)
        reply: dict[str, Any]
        match request["do"]:
            case "list":
                reply = {"engines": installed()}
            case "load":
                name = request["name"]
                reply = {"engines": [describe(engine) for engine in request["engines"]]}
                libraries.update(*(entry.get("requires", ()) for entry in reply["engines"]))
            case "settle":
                later.finish(libraries)
                gc.collect()
                gc.freeze()  # pages of the heap stay shared with what is forked
                reply = {"threads": len(os.listdir("/proc/self/task"))}
            case "spawn":
                reply = _fork()
                if reply["pid"] == 0:
                    control.close()
                    control = socket.socket(fileno=descriptors[0])
                    continue
            case "fork":
                parent = os.getpid()
                reply = _fork()
                if reply["pid"] == 0:
                    _run(parent, control, name, descriptors, Path(request["folder"]), request["confined"])
            case "wait":
                reply = {"status": _wait(int(request["pid"]))}
            case unknown:
                raise ValueError(unknown)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(orjson.dumps(reply))


def _fork() -> dict[str, Any]:
    try:
        return {"pid": os.fork()}
    except OSError as error:
        return {"pid": -1, "error": str(error)}


def _wait(pid: int) -> int | None:
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return None


def _run(
    parent: int,
    control: socket.socket,
    name: str,
    descriptors: list[int],
    folder: Path,
    confined: dict[str, Any] | None,
) -> NoReturn:
    """In the new process: become a runner."""
    status = 70
    try:
        limits.die_with_parent(parent, f"run-{name}")
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        control.close()
        channel, output, inbox, outbox = descriptors
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(output)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)  # the zygote may have asked for it already
        os.chdir(folder)
        if confined is not None:
            sandbox.enter(folder, Path(confined["inputs"]), confined["readable"], confined["writable"])
        child.serve(Channel(socket.socket(fileno=channel)), Mailbox(inbox), Mailbox(outbox), folder)
        status = 0
    except BaseException as error:
        os.write(2, f"runner: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def main(arguments: list[str]) -> None:
    """See the module."""
    # Ctrl-C and the like in a terminal are the worker's to handle
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=int(arguments[0]))
    control.setblocking(True)
    for kind in families.FAMILIES:
        try:
            for module in families.load(kind).preload:
                __import__(module)
        except Exception:  # its engines will be left out, each with the reason; those of others are not
            traceback.print_exc()
    gc.collect()
    gc.freeze()
    serve(control, "first")
    os._exit(0)  # at once: taking the interpreter down would let runners live on for as long


if __name__ == "__main__":
    main(sys.argv[1:])
