"""Kantor as on a cluster: processes of each role, started by the image's entry point, and again when they die."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import httpx

from service import keys, projects
from service.embedded.postgres import Postgres
from service.embedded.valkey import Valkey
from service.settings import Settings
from service.store import migrate
from service.store.connect import connect
from tests.chaos.links import Links

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "docker" / "entrypoint.sh"
PEPPER = "pepper of the chaos, not a secret"
#: Short, so that a takeover takes seconds.
TIMES = {
    "KANTOR_LEASE_SECONDS": "6",
    "KANTOR_HEARTBEAT_SECONDS": "1",
    "KANTOR_WORKER_TIMEOUT_SECONDS": "6",
    "KANTOR_RING_AGAIN_SECONDS": "0.5",
    "KANTOR_RETENTION_SECONDS": "5",
    "KANTOR_UPLOAD_HOURS": "0.01",
    "KANTOR_WORKER_DRAIN_SECONDS": "3",
    "KANTOR_WORKER_MEMORY_MB": "2000",
}


def free_port(host: str = "127.0.0.1") -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


class Role:
    """One process of a role. ``wrap``: what its command stands behind (a network namespace)."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path, wrap: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.kind = name.partition("-")[0]
        self.arguments = [*wrap, "/bin/sh", str(ENTRY), self.kind, *arguments]
        self.environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def pid(self) -> int:
        return 0 if self.process is None else self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments,
                env={**self.environment},
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


class Cluster:
    """PostgreSQL, Valkey, and roles that reach them through ``links``; a context.

    Args:
        roles: name to the arguments of its entry point: ``{"api-1": [], "worker-1": ["--concurrency", "2"]}``.
        artifacts: folder of artifacts.
        settings: more settings for all roles.
        hosts: name of a role to the address where the test finds it, if not on the loopback.
        wraps: name of a role to what its command stands behind.
        gateway: address of the links as the roles see it.
        roots: name of a role to the checkout whose code it runs.
    """

    def __init__(
        self,
        home: Path,
        roles: Mapping[str, Sequence[str]],
        *,
        artifacts: Path | None = None,
        settings: Mapping[str, str] | None = None,
        hosts: Mapping[str, str] | None = None,
        wraps: Mapping[str, Sequence[str]] | None = None,
        gateway: str = "127.0.0.1",
        roots: Mapping[str, Path] | None = None,
    ) -> None:
        self._roots = dict(roots or {})
        self.home = home
        self.postgres = Postgres(home)
        self.valkey = Valkey(home)
        self.artifacts = artifacts or home / "artifacts"
        self.logs = home / "logs"
        self._wanted = dict(roles)
        self._more = dict(settings or {})
        self._hosts, self._wraps, self._gateway = dict(hosts or {}), dict(wraps or {}), gateway
        self.roles: dict[str, Role] = {}
        self.urls: dict[str, str] = {}
        self.spared: set[str] = set()
        """Roles that are not started again when they end."""
        self._ends = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Cluster:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        self.valkey.start()
        self.postgres.start()
        try:
            self._prepare()
            for role in self.roles.values():
                role.start()
            self._keeper.start()
            self.until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for role in self.roles.values():
            role.signal(signal.SIGCONT)
            role.signal(signal.SIGTERM)
        end = time.monotonic() + 20
        for role in self.roles.values():
            if role.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    role.process.wait(max(0.1, end - time.monotonic()))
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(role.pid, signal.SIGKILL)
                role.process.wait()
        if hasattr(self, "links"):
            self.links.close()
        self.postgres.stop()
        self.valkey.stop()

    @property
    def settings(self) -> Settings:
        """Of this process, past the links."""
        return Settings.load(
            {},
            database_url=self.postgres.url(),
            redis_url=self.valkey.url,
            home=self.home,
            artifacts_url=self.artifacts.as_uri(),
            api_key_pepper=PEPPER,
        )

    def of(self, kind: str) -> list[Role]:
        return [role for role in self.roles.values() if role.kind == kind]

    def links_of(self, role: str) -> list[str]:
        return [f"{role}/database", f"{role}/broker"]

    def until_ready(self, seconds: float = 120.0) -> None:
        """Until every API answers and as many workers as there should be are known."""
        end = time.monotonic() + seconds
        waiting = [self.urls[role.name] for role in self.of("api")]
        workers = len(self.of("worker"))
        while waiting or workers:
            if time.monotonic() > end:
                raise RuntimeError(f"not ready after {seconds:g} s: see {self.logs}")
            with contextlib.suppress(httpx.TransportError):
                if waiting and httpx.get(f"{waiting[0]}/health/ready", timeout=5).status_code == 200:
                    waiting.pop()
            if workers:
                with connect(self.settings) as conn:
                    row = conn.execute("SELECT count(*) FROM worker").fetchone()
                    workers = 0 if row is not None and row[0] >= workers else workers
            time.sleep(0.1)

    def _prepare(self) -> None:
        migrate.upgrade(self.postgres.url())
        with connect(self.settings) as conn:
            self.project = projects.ensure(conn, "chaos")
            self.key = keys.create(
                conn, self.project, name="chaos", scopes=["read", "write", "admin"], settings=self.settings
            ).secret
        sockets = {
            "database": f"{self.postgres.url().partition('host=')[2].partition('&')[0]}/.s.PGSQL.5432",
            "broker": str(self.valkey.socket),
        }
        targets = {f"{role}/{store}": path for role in self._wanted for store, path in sockets.items()}
        self.links = Links(targets, self._gateway)
        for name, arguments in self._wanted.items():
            self.roles[name] = Role(
                name,
                [*arguments, *self._listening(name)],
                self._environment(name),
                self.logs / f"{name}.log",
                self._wraps.get(name, ()),
            )

    def _listening(self, name: str) -> list[str]:
        if not name.startswith("api"):
            return []
        host = self._hosts.get(name, "127.0.0.1")
        port = free_port() if name not in self._hosts else 8000
        self.urls[name] = f"http://{host}:{port}"
        return ["--host", host, "--port", str(port)]

    def _environment(self, name: str) -> dict[str, str]:
        ports = self.links.ports
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self._roots.get(name, ROOT)),
            "HOME": str(self.home),
            "OMP_NUM_THREADS": "1",
            "KANTOR_DATABASE_URL": f"postgresql://kantor@{self._gateway}:{ports[f'{name}/database']}/kantor?sslmode=disable",
            "KANTOR_REDIS_URL": f"redis://{self._gateway}:{ports[f'{name}/broker']}/0",
            "KANTOR_HOME": str(self.home),
            "KANTOR_ARTIFACTS_URL": self.artifacts.as_uri(),
            "KANTOR_API_KEY_PEPPER": PEPPER,
            **TIMES,
            **self._more,
        }

    def _keep(self) -> None:
        """As an orchestrator does: what has ended is started again, half a second later."""
        while not self._ends.wait(0.5):
            for role in self.roles.values():
                if not role.alive and role.name not in self.spared:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(role.pid, signal.SIGKILL)
                    role.start()
