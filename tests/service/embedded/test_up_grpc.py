"""``up --grpc``: the other face on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import kantor
import pytest


def test_up_serves_grpc_beside_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["up", "--port", "0", "--grpc", str(port), "--home", str(tmp_path), "--json", "--workers", "1"]
    command = [sys.executable, "-m", "service.embedded", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KANTOR_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as server:
        try:
            assert server.stdout is not None
            running = json.loads(server.stdout.readline())
            monkeypatch.setenv("KANTOR_GRPC_TARGET", f"127.0.0.1:{port}")
            with kantor.Client(running["url"], running["api_key"], transport="grpc", max_retries=5) as client:
                answer = client.solve(kantor.Program(objective=[1.0, 2.0], lower=[3.0, 4.0]))
        finally:
            server.terminate()
            server.wait(30)

    assert answer.objective == pytest.approx(11.0)
    assert answer.certificate.verified
