"""What a runner can reach, tried from within: by an engine in a real worker, and by the bare means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.runner import filters, sandbox

ROOT = Path(__file__).resolve().parents[2]
CLOSED = {"network": "closed", "files": "closed", "processes": "closed"}

TRIES = """
import json, os, socket, subprocess, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from workers.runner import sandbox
folder, inputs, secret = map(Path, sys.argv[1:4])
held = sandbox.enter(folder, inputs)
def outcome(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"
tries = {{
    "tcp": lambda: socket.socket(),
    "tcp6": lambda: socket.socket(socket.AF_INET6),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "pair": lambda: socket.socketpair(),
    "own file": lambda: (folder / "x").write_text("x"),
    "input": lambda: (inputs / "known").read_text(),
    "list inputs": lambda: os.listdir(inputs),
    "change input": lambda: (inputs / "known").write_text("x"),
    "secret": lambda: secret.read_text(),
    "environment of the parent": lambda: Path(f"/proc/{{os.getppid()}}/environ").read_bytes(),
    "memory of the parent": lambda: open(f"/proc/{{os.getppid()}}/mem", "rb"),
    "shared memory": lambda: Path("/dev/shm/kantor-x").write_text("x"),
    "null": lambda: Path("/dev/null").write_text("x"),
    "own process": lambda: Path("/proc/self/statm").read_text(),
    "program": lambda: subprocess.run(["/bin/true"], check=True),
    "network by a program": lambda: subprocess.run(
        [sys.executable, "-c", "import socket; socket.socket()"], check=True, stderr=subprocess.DEVNULL),
}}
found = {{}}
for name, act in tries.items():
    try:
        found[name] = outcome(act)
    except subprocess.CalledProcessError:
        found[name] = "PermissionError"
import numpy
found["numbers"] = float((numpy.eye(50) @ numpy.ones(50)).sum())
print(json.dumps([held, found]))
"""


@pytest.mark.skipif(set(sandbox.probe().values()) != {"closed"}, reason="this kernel lacks Landlock or seccomp")
def test_a_confined_process_reaches_its_folder_and_nothing_else(tmp_path: Path) -> None:
    folder, inputs, secret = tmp_path / "own", tmp_path / "inputs", tmp_path / "pepper"
    folder.mkdir()
    inputs.mkdir()
    (inputs / "known").write_text("numbers")
    secret.write_text("secret")
    command = [sys.executable, "-c", TRIES.format(root=str(ROOT)), str(folder), str(inputs), str(secret)]

    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    held, found = json.loads(done.stdout)

    assert held == CLOSED
    allowed = {"pair", "own file", "input", "null", "own process", "program"}
    assert {name for name, how in found.items() if how == "done"} == allowed
    assert {how for name, how in found.items() if name not in allowed} == {"PermissionError", 50.0}


def test_the_filter_is_one_that_the_kernel_can_check() -> None:
    if filters.supported():
        pytest.skip(filters.supported())
    program = filters.program()
    lines = [program[k : k + 8] for k in range(0, len(program), 8)]
    assert len(program) % 8 == 0
    for position, line in enumerate(lines):
        if line[0] in (0x15, 0x25):  # jumps stay within
            assert position + 1 + max(line[2], line[3]) < len(lines)
    assert os.uname().machine in ("x86_64", "aarch64")
