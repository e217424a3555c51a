"""Ctrl-C in a terminal, and the live view there; servers of one's own that leave nothing behind."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import kantor
import pytest
from kantor.embedded import Embedded

from tests.client.conftest import INSTANCES, ROOT, Command

HARD = ["--gap", "0", "--time-limit", "100"]


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        # the terminal sends its Ctrl-C to the group of the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kantor", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "COLUMNS": "150", "TERM": "xterm"},
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""

    def read_until(self, pattern: str, seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            if not select.select([self._master], [], [], max(0.0, end - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} did not come; there was\n{self.text[-3000:]}")
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"{pattern!r} did not come before the end; there was\n{self.text[-3000:]}")
            self.text += data.decode(errors="replace")

    def interrupt(self) -> None:
        self.text = ""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Reads to the end; the exit code."""
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        os.close(self._master)
        return self.process.wait(30)


def test_the_terminal_shows_one_live_line_and_ctrl_c_prints_the_best_answer(
    hard_file: Path, environment: dict[str, str], client: kantor.Client
) -> None:
    terminal = Terminal(["solve", str(hard_file), *HARD, "--name", "live"], environment)
    terminal.read_until(r"objective .*\d.*bound .*gap .*nodes")
    assert "\x1b[2K" in terminal.text  # redrawn in place
    terminal.interrupt()
    terminal.read_until("asking for its best answer")
    assert terminal.end() == 130
    assert re.search(r"feasible, not proved optimal \(cancelled\)", terminal.text)
    assert "verified" in terminal.text
    assert "Traceback" not in terminal.text
    assert next(client.jobs(name="live")).state == "cancelled"


def test_ctrl_c_while_watching_leaves_the_job_alone(
    hard_file: Path, environment: dict[str, str], client: kantor.Client
) -> None:
    job = client.submit(hard_file, relative_gap=0.0, time_limit=100)
    terminal = Terminal(["jobs", "watch", job.id], environment)
    terminal.read_until("objective")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "goes on" in terminal.text
    assert job.refresh().state == "running"
    job.cancel()


def test_ctrl_c_in_a_script_cancels_the_job_of_solve(
    hard_file: Path, environment: dict[str, str], client: kantor.Client
) -> None:
    program = (
        "import sys, kantor; print('ready', flush=True);"
        f"kantor.Client().solve({str(hard_file)!r}, name='script', relative_gap=0.0, time_limit=100)"
    )
    script = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(100):
        if [job for job in client.jobs(name="script") if job.state == "running"]:
            break
        time.sleep(0.1)
    script.send_signal(signal.SIGINT)
    _, errors = script.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    assert next(client.jobs(name="script")).wait(20).state == "cancelled"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_an_embedded_server_lives_as_long_as_the_call(command: Command) -> None:
    run = command("solve", INSTANCES / "afiro.mps.gz", "--embedded", KANTOR_HOME="")
    assert run.returncode == 0, run.stderr
    assert "Starting an embedded Kantor" in run.stderr
    assert "optimal" in run.stdout


@pytest.mark.slow
def test_an_embedded_server_ends_with_its_context_and_with_its_process(tmp_path: Path) -> None:
    with Embedded(tmp_path / "home") as server:
        process = server._process
        assert process is not None
        with kantor.Client(server.url, server.api_key) as client:
            assert client.solve(kantor.Program(objective=[1.0], lower=2.0)).objective == 2.0
    assert not alive(process.pid)
    program = (
        "import os, kantor.embedded as e; s = e.Embedded(); s.start();"
        "print(s._process.pid, s._temporary.name, flush=True); os._exit(9)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    pid, folder = run.stdout.split()
    for _ in range(300):
        if not alive(int(pid)):
            break
        time.sleep(0.1)
    assert not alive(int(pid))
    assert not Path(folder).exists()


@pytest.mark.slow
def test_up_is_found_by_commands_and_clients_of_the_same_user_and_down_ends_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    mine = {name: value for name, value in environment.items() if not name.startswith("KANTOR_")}
    mine["KANTOR_HOME"] = str(tmp_path / "home")
    up = subprocess.Popen(
        [sys.executable, "-m", "kantor", "up", "--port", "0", "--json"], env=mine, stdout=subprocess.PIPE, cwd=tmp_path
    )
    try:
        assert up.stdout is not None
        assert json.loads(up.stdout.readline())["pid"] == up.pid  # the command has become the server

        def kantor_command(*arguments: str) -> subprocess.CompletedProcess[str]:
            line = [sys.executable, "-m", "kantor", *arguments]
            return subprocess.run(line, env=mine, capture_output=True, text=True, timeout=60)

        assert "project local" in kantor_command("status").stdout
        assert kantor_command("solve", str(INSTANCES / "afiro.mps.gz"), "-q").returncode == 0
        script = "import kantor; print(kantor.Client().solve(kantor.Program(objective=[1.0], lower=3)).objective)"
        run = subprocess.run([sys.executable, "-c", script], env=mine, capture_output=True, text=True, timeout=60)
        assert run.stdout == "3.0\n"
        assert kantor_command("down").returncode == 0
        assert up.wait(30) == 0
        assert kantor_command("status").returncode == 4
    finally:
        up.terminate()
        up.wait(30)
