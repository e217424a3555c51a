"""The guardian and the ledger: who is ended, in which order, and who is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.embedded import guardian
from service.embedded.guardian import Ledger, identity, sweep
from service.embedded.home import AlreadyRunningError, Home, Running

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
NOTING = (
    "import signal, sys, time\n"
    "def end(n, f):\n"
    "    open(sys.argv[1], 'a').write(f'{sys.argv[2]} {signal.Signals(n).name}\\n'); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGINT, end)\n"
    "print('ready', flush=True); time.sleep(600)\n"
)


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A process in a group of its own."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether the process ignores the signal: it is so far that it does."""
    if sys.platform != "linux":
        time.sleep(1.0)
        return True
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigIgn:")[2].split()[0], 16) >> (number - 1) & 1)


def test_services_end_before_stores_each_by_its_signal(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    names = ("postgres", "valkey", "api", "worker")
    started = {name: start(NOTING, notes, name) for name in names}
    Ledger(tmp_path).write(os.getpid(), {name: process.pid for name, process in started.items()})

    assert sweep(tmp_path) == sorted(names)

    lines = notes.read_text().splitlines()
    assert sorted(lines[:2]) == ["api SIGTERM", "worker SIGTERM"]
    assert sorted(lines[2:]) == ["postgres SIGINT", "valkey SIGTERM"]
    assert not Ledger(tmp_path).path.exists()


def test_who_does_not_end_is_killed_with_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "DRAIN_SECONDS", 0.3)
    forking = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}])\n"
        "print(p.pid, flush=True); p.wait()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", forking], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    Ledger(tmp_path).write(os.getpid(), {"worker": process.pid})

    sweep(tmp_path)

    process.wait(5)
    deadline = time.monotonic() + 5
    while identity(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert identity(child) == ""


def test_a_number_that_is_used_again_is_spared(tmp_path: Path) -> None:
    process = start(NOTING, tmp_path / "notes", "bystander")
    ledger = Ledger(tmp_path)
    ledger.write(os.getpid(), {"worker": process.pid})
    ledger.path.write_text(ledger.path.read_text().replace(identity(process.pid), "1"))

    assert sweep(tmp_path) == []

    assert process.poll() is None
    process.kill()
    process.wait()


def test_the_processes_of_another_server_are_spared(tmp_path: Path) -> None:
    process = start(NOTING, tmp_path / "notes", "of the next server")
    Ledger(tmp_path).write(os.getpid(), {"worker": process.pid})

    assert sweep(tmp_path, owner=1) == []

    assert process.poll() is None
    process.kill()
    process.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_broken_ledger_is_an_empty_one(tmp_path: Path, content: str) -> None:
    Ledger(tmp_path).path.write_text(content)

    assert sweep(tmp_path) == []


def test_the_guardian_acts_when_its_server_is_killed_and_not_before(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    worker = start(NOTING, tmp_path / "notes", "worker")
    end, held = os.pipe()
    Ledger(home).write(os.getpid(), {"worker": worker.pid})
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guardian.__file__, str(home), str(os.getpid()), str(end), "1"], pass_fds=(end,)
    )
    os.close(end)
    deadline = time.monotonic() + 20
    while not ignores(process.pid, signal.SIGTERM) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    assert process.poll() is None
    assert worker.poll() is None

    os.close(held)

    assert process.wait(10) == 0
    assert worker.wait(5) == 0
    assert not home.exists()


def test_a_process_that_is_over_has_no_identity() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    deadline = time.monotonic() + 10
    while identity(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert identity(process.pid) == ""  # although its remains are there until it is waited for
    assert identity(os.getpid()) != ""
    process.wait()


def test_a_home_has_one_server_at_a_time(tmp_path: Path) -> None:
    first = Home(tmp_path / "home")
    first.lock()

    with pytest.raises(AlreadyRunningError):
        Home(tmp_path / "home").lock()

    first.unlock()
    Home(tmp_path / "home").lock()


def test_secrets_are_made_once(tmp_path: Path) -> None:
    home = Home(tmp_path)

    assert len(home.secret("pepper")) >= 32
    assert home.secret("pepper") == Home(tmp_path).secret("pepper")
    assert home.recall("nothing") == ""


def test_a_server_file_whose_process_is_gone_counts_as_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    process.wait()
    home.announce(Running("http://x", "k", process.pid))
    assert home.running() is None

    home.announce(Running("http://x", "k", os.getpid()))
    assert home.running() == Running("http://x", "k", os.getpid())
    home.retire()
    assert home.running() is None
