"""The roles of the image, started by its own entry point as processes: a job goes through all of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import kantor
import pytest

from api_schemas.keys import NewKey
from service.settings import Settings
from tests.service.rest.living import ROOT

ENTRY = ROOT / "docker" / "entrypoint.sh"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def role(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a role; ends all at the end, and looks that each ended in order."""
    started: list[tuple[str, subprocess.Popen[bytes]]] = []
    kept = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def start(name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (tmp_path / f"{name}.log").open("wb")
        process = subprocess.Popen(
            ["/bin/sh", str(ENTRY), name, *arguments],
            env={**kept, "HOME": str(tmp_path), **settings.environment(), **environment},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
        started.append((name, process))
        return process

    yield start
    for _, process in reversed(started):
        process.send_signal(signal.SIGTERM)
    for name, process in started:
        assert process.wait(30) in (0, -signal.SIGTERM), (name, (tmp_path / f"{name}.log").read_text()[-2000:])


@pytest.mark.slow
def test_a_job_goes_through_all_roles(
    role: Callable[..., subprocess.Popen[bytes]], key: NewKey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    http, grpc = _free_port(), _free_port()
    assert role("migrate").wait(60) == 0
    role("api", "--port", str(http))
    role("grpc", KANTOR_GRPC_ADDRESS=f"localhost:{grpc}")
    role("dispatcher", KANTOR_ALIVE_FILE=str(tmp_path / "dispatches"))
    role(
        "worker", "--concurrency", "1", KANTOR_WORKER_ENGINES="program:highs", KANTOR_ALIVE_FILE=str(tmp_path / "works")
    )
    monkeypatch.setenv("KANTOR_GRPC_TARGET", f"localhost:{grpc}")
    url = f"http://127.0.0.1:{http}"
    end = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)

    program = kantor.Program(objective=[3, 2], A=[[1, 1], [1, 3]], row_upper=[4, 6], sense="max")
    for transport in ("http", "grpc"):
        with kantor.Client(url, key.secret, transport=transport) as client:
            answer = client.solve(program, wait=60)
        assert answer.objective == pytest.approx(12)
        assert answer.certificate.verified
    for file in ("dispatches", "works"):
        assert role("alive", KANTOR_ALIVE_FILE=str(tmp_path / file)).wait(10) == 0


def test_the_entry_point_runs_any_other_command() -> None:
    done = subprocess.run(["/bin/sh", str(ENTRY), "echo", "two words"], capture_output=True, text=True, check=True)
    assert done.stdout == "two words\n"
