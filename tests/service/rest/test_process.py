"""The process: starts quickly, imports no solver, ends long replies when it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api_schemas.keys import NewKey
from service.settings import Settings
from tests.service.rest.conftest import PROGRAM

ROOT = Path(__file__).parents[3]
PROBE = """
import json, os, sys, time
begin = time.perf_counter()
from service.app import create_app
from service.settings import Settings
create_app(Settings.load({}, api_key_pepper="x" * 16))
print(json.dumps([time.perf_counter() - begin, sorted(sys.modules)]))
"""


@pytest.fixture
def environment(tmp_path: Path, settings: Settings) -> dict[str, str]:
    """Of a process that may keep its bytecode, as an installation does."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(tmp_path), **settings.environment()}


def test_the_application_is_made_in_under_a_second_and_imports_no_solver(environment: dict[str, str]) -> None:
    seconds, modules = 0.0, []
    for _ in range(3):  # the first run compiles
        run = subprocess.run(
            [sys.executable, "-c", PROBE], env=environment, capture_output=True, check=True, timeout=60
        )
        again, modules = json.loads(run.stdout)
        seconds = min(seconds or 60.0, again)
    assert seconds < 1.0
    forbidden = {
        "solvers",
        "workers",
        "torch",
        "numpy",
        "scipy",
        "highspy",
        "ortools",
        "pyscipopt",
        "celery",
        "sqlalchemy",
    }
    assert not forbidden & {name.partition(".")[0] for name in modules}


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service.app:create_app", "--factory", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{url}/health/live")
                break
            except httpx.TransportError:
                assert time.monotonic() < end
                time.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def test_a_signal_ends_event_streams_and_long_polls_at_once(
    process: tuple[subprocess.Popen[bytes], str], key: NewKey
) -> None:
    running, url = process
    with httpx.Client(base_url=url, headers={"X-API-Key": key.secret}, timeout=30) as client:
        job = client.post("/v1/jobs", json={"problem": PROGRAM}).json()["id"]
        with client.stream("GET", f"/v1/jobs/{job}/events", headers={"Accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 1000"
            begin = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert ": reconnect" in list(lines)
    running.wait(10)
    assert time.monotonic() - begin < 6
    assert running.stderr is not None
    assert b"Traceback" not in running.stderr.read()
