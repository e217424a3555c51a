"""A live API in a thread or a process, and the smallest possible worker: it claims a job and gives a fixed answer."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import redis
import uvicorn

from api_schemas.certificates import Certificate, Check
from api_schemas.engines import Engine, OptionSpec
from api_schemas.ids import new_uuid
from api_schemas.jobs import Inspection
from api_schemas.programs import ProgramAnswer
from service import hints, jobs, registry
from service.app import create_app
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database, connect

ROOT = Path(__file__).parents[3]
ANSWER = ProgramAnswer(
    status="optimal",
    objective=11.5,
    bound=float("-inf"),
    gap=0.0,
    primal=[3.0, float("inf")],
    engine="tiny",
    certificate=Certificate(
        verified=True,
        proved=False,
        rests_on_engine=["dual-bound"],
        checks=[Check(name="primal-feasibility", outcome="passed", text="All rows hold.", value=0.0, tolerance=1e-6)],
    ),
)
ANSWER_BYTES = ANSWER.model_dump_json().encode()
SUMMARY: dict[str, Any] = {
    "status": "optimal",
    "objective": 11.5,
    "gap": 0.0,
    "verified": True,
    "proved": False,
    "engine": "tiny",
}
INSPECTION = Inspection(kind="program", summary="Two variables.", details={"variables": 2}, warnings=[])
ENGINES = [
    Engine(
        id="tiny",
        family="program",
        version="1.0",
        title="Tiny",
        summary="Gives a fixed answer.",
        solves=["linear"],
        options=[
            OptionSpec(name="depth", type="integer", default=3, minimum=1, maximum=9, description="How deep."),
            OptionSpec(name="mood", type="string", default="calm", choices=["calm", "bold"]),
            OptionSpec(name="scale", type="float", minimum=0.0),
            OptionSpec(name="quick", type="boolean"),
        ],
    ),
    Engine(
        id="giant",
        family="program",
        version="1.0",
        title="Giant",
        summary="Needs a GPU.",
        solves=["linear"],
        pool="gpu",
    ),
]


class LiveApi:
    """uvicorn with the application, in a thread with an event loop of its own."""

    def __init__(self, settings: Settings, *, dashboard: Path | None = None) -> None:
        # by default none, whether this checkout has built one or not
        app = create_app(settings, dashboard=dashboard or ROOT / "no-dashboard")
        self.app = app
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> LiveApi:
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > end or not self._thread.is_alive():
                raise RuntimeError("the API did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def under_way(self) -> int:
        """How many requests are being answered now."""
        return len(self._server.server_state.tasks)


class ApiProcess:
    """uvicorn with the application in a process of its own, with uvloop and httptools as in production."""

    def __init__(self, settings: Settings, bytecode: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        options = ["--factory", "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "service.app:create_app", *options],
            env=environment(settings, bytecode),
            cwd=ROOT,
            stderr=self._log,
        )

    def __enter__(self) -> ApiProcess:
        end = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.url}/health/live")
                return self
            except httpx.TransportError:
                if time.monotonic() > end or self.popen.poll() is not None:
                    raise RuntimeError(f"the API did not start: {self.log()}") from None
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.wait()
        self._log.close()

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return os.pread(self._log.fileno(), 1 << 30, 0).decode()

    def cpu_seconds(self) -> float:
        """Processor time so far, of all its threads."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment(settings: Settings, bytecode: Path) -> dict[str, str]:
    """Of a process that may keep its bytecode, as an installation does."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(bytecode), **settings.environment()}


class TinyWorker:
    """Announces two engines; claims and finishes what it hears of."""

    def __init__(
        self, settings: Settings, *, work: Callable[[Database, Claim], None] | None = None, idle: bool = False
    ) -> None:
        self._settings = settings
        self._id = new_uuid()
        self._work = work or self.answer
        self._idle = idle
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._redis = redis.Redis.from_url(settings.hints_url)

    def __enter__(self) -> TinyWorker:
        with connect(self._settings) as conn:
            registry.announce(
                conn, self._id, host="here", pid=os.getpid(), version="0", pools=["cpu"], concurrency=1, engines=ENGINES
            )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        with connect(self._settings) as conn:
            registry.retire(conn, self._id)
        self._redis.close()

    def _run(self) -> None:
        with connect(self._settings) as conn:
            while self._idle and not self._ended.wait(1.0):
                registry.heartbeat(conn, self._id, 0)
            while not self._ended.is_set():
                registry.heartbeat(conn, self._id, 0)
                claim = jobs.claim(conn, pools=["cpu"], engines=["program:tiny"], worker_id=self._id, lease_seconds=30)
                if claim is None:
                    self._redis.brpop(["cpu"], timeout=0.2)
                    continue
                self._work(conn, claim)

    def answer(self, conn: Database, claim: Claim) -> None:
        """Finish a job with the fixed answer."""
        if claim.task == "inspect":
            answer, summary = INSPECTION.model_dump_json().encode(), {"status": "inspected"}
        else:
            answer, summary = ANSWER_BYTES, SUMMARY
        seq = jobs.finish(conn, claim.job_id, claim.attempt, state="succeeded", answer=answer, summary=summary)
        assert seq is not None
        self.tell(claim, seq)

    def tell(self, claim: Claim, seq: int) -> None:
        """Publish a hint."""
        hints.publish(self._redis, claim.job_id, seq)
