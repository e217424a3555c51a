"""``python -m service.embedded up``: everything starts, is started again when it dies, and ends, however it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.embedded import guardian
from service.embedded.__main__ import _announce
from service.embedded.home import Home, Running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def processes_of(home: Path) -> list[str]:
    """Command lines of all processes that belong to a home."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if (os.fsencode(home) in command or os.fsencode(home) in environment) and guardian.identity(int(folder.name)):
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "service.embedded", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=60)


class Up:
    """A running ``up`` of a test's own."""

    def __init__(self, home: Path, *more: object) -> None:
        self.home = home
        self.words = home.with_suffix(".stderr")
        with self.words.open("ab") as words:
            self.process = subprocess.Popen(
                command("up", "--home", home, "--port", 0, "--workers", 1, "--json", *more),
                stdout=subprocess.PIPE,
                stderr=words,
                stdin=subprocess.DEVNULL,
            )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline().decode()

    @property
    def running(self) -> Running:
        return Running(**json.loads(self.line))

    def pid(self, name: str) -> int:
        return int(guardian.Ledger(self.home).read()["processes"][name][0])

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.running.url}/health/ready", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "home"


@pytest.fixture(scope="module")
def up(home: Path) -> Iterator[Up]:
    up = Up(home)
    yield up
    if up.process.poll() is None:
        up.end()


def test_it_says_where_it_is_and_how_to_get_in(up: Up) -> None:
    assert up.answers()
    assert json.loads((up.home / "server.json").read_text()) == json.loads(up.line)
    for secret in ("server.json", "pepper", "api_key"):
        assert stat.S_IMODE((up.home / secret).stat().st_mode) == 0o600
    request = urllib.request.Request(
        f"{up.running.url}/v1/engines", headers={"Authorization": f"Bearer {up.running.api_key}"}
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert "program" in {engine["family"] for engine in json.load(reply)["engines"]}


@pytest.mark.parametrize("terminal", [False, True])
def test_the_key_is_shown_on_a_terminal_only(
    up: Up, terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    _announce(up.running, up.home, as_json=False, grpc=None)

    shown = capsys.readouterr().out
    assert (up.running.api_key in shown) == terminal
    assert f"in a browser{', signed in' if terminal else ''}: {up.running.url}" in shown
    assert str(up.home / "server.json") in shown


def test_a_second_one_says_kindly_that_it_runs_already(up: Up) -> None:
    second = run("up", "--home", up.home)

    assert second.returncode == 3
    assert second.stdout == ""
    assert f"already running at {up.running.url}" in second.stderr
    as_json = json.loads(run("up", "--home", up.home, "--json").stdout)
    assert as_json == {**json.loads(up.line), "already_running": True}


def test_status_and_doctor_see_it(up: Up) -> None:
    assert run("status", "--home", up.home).stdout.startswith(f"Kantor runs at {up.running.url}")
    findings = json.loads(run("doctor", "--home", up.home, "--json").stdout)
    assert {"name": "server", "ok": True, "hint": ""}.items() <= {
        key: value for finding in findings["findings"] if finding["name"] == "server" for key, value in finding.items()
    }.items()


def test_who_runs_it_administers_it(up: Up, tmp_path: Path) -> None:
    """The home's key is the owner's; organisations and quotas are made on the home's database."""
    kantor = [sys.executable, "-m", "kantor"]
    theirs = {**os.environ, "KANTOR_URL": up.running.url, "KANTOR_API_KEY": up.running.api_key}
    project = subprocess.run(
        [*kantor, "admin", "projects", "create", "routing"], capture_output=True, text=True, env=theirs, timeout=60
    )
    assert project.returncode == 0, project.stderr
    quota = subprocess.run(
        [*kantor, "tenants", "--home", str(up.home), "quota", project.stdout.strip(), "--max-queued", "7", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(quota.stdout)["max_queued"] == 7, quota.stderr
    made = json.loads(
        run("tenants", "--home", up.home, "create", "acme", "--owner", "ada@example.org", "--json").stdout
    )
    request = urllib.request.Request(f"{up.running.url}/v1/usage", headers={"X-API-Key": made["api_key"]})
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert json.load(reply)["running"] == 0

    table = run("tenants", "--home", up.home, "list").stdout.splitlines()
    assert table[0].split()[:3] == ["organisation", "id", "project"]
    assert any(line.startswith("acme ") for line in table)

    nobody = run("tenants", "--home", tmp_path, "list")
    assert nobody.returncode == 1
    assert "No Kantor runs" in nobody.stderr


@pytest.mark.parametrize("name", ["dispatcher", "valkey", "postgres", "api", "worker"])
def test_what_is_killed_is_started_again(up: Up, name: str) -> None:
    before = up.pid(name)
    os.kill(before, signal.SIGKILL)

    until(lambda: up.pid(name) != before)
    until(up.answers)

    assert f"{name} ended (signal SIGKILL); starting it again" in up.words.read_text()


def test_kill_9_of_the_server_leaves_no_process_and_the_next_start_finds_all_as_it_was(up: Up) -> None:
    up.process.kill()
    up.process.wait()
    until(lambda: processes_of(up.home) == [], 30)

    assert Home(up.home).running() is None
    again = Up(up.home)
    try:
        assert again.running.api_key == up.running.api_key
        assert again.answers()
    finally:
        assert run("down", "--home", up.home).returncode == 0
    assert again.process.wait(10) == 0
    assert processes_of(up.home) == []
    assert not (up.home / "server.json").exists()
    assert run("status", "--home", up.home).returncode == 1


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("up", "--home", tmp_path / "home", "--port", port)

    assert failed.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in failed.stderr
    assert "--port 0" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert processes_of(tmp_path / "home") == []


def test_a_home_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    failed = run("up", "--home", tmp_path / "file" / "home")

    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert str(tmp_path / "file") in failed.stderr


@pytest.mark.slow
def test_it_ends_with_its_parent_and_deletes_what_is_ephemeral(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)\n"
        "print(p.stdout.readline().decode(), flush=True)\n"
        "time.sleep(600)\n"
    )
    home = tmp_path / "home"
    arguments = command("up", "--home", home, "--port", 0, "--json", "--with-parent", "--ephemeral")
    parent = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert "url" in json.loads(parent.stdout.readline())

    parent.kill()
    parent.wait()

    until(lambda: not home.exists() and processes_of(home) == [], 30)
