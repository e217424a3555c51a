"""The process: starts quickly, imports no solver, ends long replies when it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from api_schemas.keys import NewKey
from service.settings import Settings
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import ApiProcess, environment

PROBE = """
import json, os, sys, time
begin = time.process_time()
from service.app import create_app
from service.settings import Settings
create_app(Settings.load({}, api_key_pepper="x" * 16))
print(json.dumps([time.process_time() - begin, sorted(sys.modules)]))
"""


def test_the_application_is_made_in_about_a_second_and_imports_no_solver(settings: Settings, bytecode: Path) -> None:
    seconds, modules = 0.0, []
    for _ in range(8):  # the first run compiles; whoever else uses the machine makes some of the others longer
        run = subprocess.run(
            [sys.executable, "-c", PROBE],
            env=environment(settings, bytecode),
            capture_output=True,
            check=True,
            timeout=60,
        )
        again, modules = json.loads(run.stdout)
        seconds = min(seconds or 60.0, again)
        if seconds < 1.5:
            break
    assert seconds < 1.5
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


def test_a_signal_ends_event_streams_at_once(settings: Settings, key: NewKey, bytecode: Path) -> None:
    with (
        ApiProcess(settings, bytecode) as api,
        httpx.Client(base_url=api.url, headers={"X-API-Key": key.secret}, timeout=8) as client,
    ):
        job = client.post("/v1/jobs", json={"problem": PROGRAM}).json()["id"]
        with client.stream("GET", f"/v1/jobs/{job}/events", headers={"Accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 1000"
            begin = time.monotonic()
            api.popen.send_signal(signal.SIGTERM)
            assert ": reconnect" in list(lines)
        api.popen.wait(10)
        assert time.monotonic() - begin < 6
        assert "Traceback" not in api.log()
