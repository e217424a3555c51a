"""``up``: starts everything in order, keeps it running, and ends it in order."""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from api_schemas.errors import KantorError
from api_schemas.tenants import ROLE_SCOPES
from service import keys, projects, registry
from service.dispatch import reaper
from service.embedded import guardian
from service.embedded.children import Child, Gate, python
from service.embedded.home import Home, Running
from service.embedded.postgres import Postgres
from service.embedded.valkey import Valkey
from service.settings import Settings
from service.store import migrate
from service.store.connect import connect

PROJECT = "local"
#: Of the home's own key: who may read the home owns all that is in it.
SCOPES = ROLE_SCOPES["owner"]
_READY_SECONDS = 110.0  # on a machine that is busy with other things too; clients wait for 120
_LOOK_SECONDS = 0.5


class StartError(RuntimeError):
    """The server cannot start; the text says why and what to do."""


@dataclass(frozen=True)
class Options:
    """What ``up`` can be told.

    Attributes:
        port: 0 for any that is free.
        workers: jobs at once.
        ephemeral: delete the home at the end.
        with_parent: end when the process that started this one ends.
        grpc: port of gRPC; None: only REST.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0
    ephemeral: bool = False
    with_parent: bool = False
    grpc: int | None = None


class Server:
    """PostgreSQL, Valkey, API, dispatcher and worker of one home.

    Args:
        say: gets words for people.

    Raises:
        AlreadyRunningError: the home has a running server.
    """

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._home = Home(options.home)
        self._home.lock()
        self._children: list[Child] = []
        self._changed = threading.Event()
        self._signals = 0
        self._parent = os.getppid()
        self._pipe: int | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self.url = ""

    def run(self, ready: Callable[[Running], None]) -> None:
        """Start, call ``ready``, keep everything running until SIGINT, SIGTERM, SIGHUP or the parent's end, then stop.

        Raises:
            StartError: something did not start; what had started is ended.
        """
        self._listen_to_signals()
        try:
            running = self._start()
            if running is not None:
                ready(running)
                self._keep()
        finally:
            self._stop()

    def _start(self) -> Running | None:
        """None if it was asked to stop meanwhile."""
        home = self._home.path
        for name in guardian.sweep(home):
            self._say(f"ended {name}, left over from a server that was killed")
        self._socket = self._bind()
        self.url = f"http://{_host(self._options.host)}:{self._socket.getsockname()[1]}"
        self._start_guardian()
        valkey, postgres = Valkey(home), Postgres(home)
        settings = Settings.load(
            database_url=postgres.url(),
            redis_url=valkey.url,
            home=home,
            api_key_pepper=self._home.secret("pepper"),
        )
        # Python's imports take longer than the stores' start: both at once.
        gate = Gate()
        try:
            self._start_services(settings, gate)
            self._start_stores(valkey, postgres)
            api_key = self._prepare(settings)
        finally:
            gate.open()
        if not self._until_ready(settings):
            return None
        # Nobody waits for it at the start.
        self._begin(python("dispatcher", ["service.dispatcher"], self._home.logs, settings.environment()))
        running = Running(url=self.url, api_key=api_key, pid=os.getpid())
        self._home.announce(running)
        return running

    def _bind(self) -> socket.socket:
        try:
            return socket.create_server((self._options.host, self._options.port), backlog=2048)
        except OSError as error:
            raise StartError(
                f"Port {self._options.port} of {self._options.host} cannot be used ({error.strerror}). "
                "Choose another with --port, or any free one with --port 0."
            ) from error

    def _start_guardian(self) -> None:
        end, self._pipe = os.pipe()
        arguments = [str(self._home.path), str(os.getpid()), str(end), "1" if self._options.ephemeral else "0"]
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(end,),
            start_new_session=True,
        )
        os.close(end)

    def _start_stores(self, valkey: Valkey, postgres: Postgres) -> None:
        self._begin(Child("valkey", valkey.launch, valkey.log))
        self._begin(Child("postgres", postgres.launch, postgres.log))
        valkey.wait()
        postgres.wait()

    def _prepare(self, settings: Settings) -> str:
        migrate.upgrade(settings.database_url)
        with connect(settings, name="kantor-up") as conn:
            project = projects.ensure(conn, PROJECT)
            # No worker of an earlier run lives: what they held needn't wait for the end of its lease.
            registry.retire_all(conn)
            reaper.release_all(conn)
            known = self._home.recall("api_key")
            try:
                found = keys.authenticate(conn, known, settings) if known else None
                if found is not None and found.project_id == project and found.scopes >= set(SCOPES):
                    return known
            except KantorError:
                self._say("the key of this home was revoked or has expired; making a new one")
            made = keys.create(conn, project, name="local", scopes=SCOPES, settings=settings)
        self._home.keep("api_key", made.secret)
        return made.secret

    def _start_services(self, settings: Settings, gate: Gate) -> None:
        assert self._socket is not None
        environment = settings.environment()
        logs = self._home.logs
        slots = self._options.workers or os.cpu_count() or 1
        celery = ["celery", "-A", "workers.celery_app", "worker", "--pool", "threads", "--concurrency", str(slots)]
        celery += ["--hostname", f"local-{secrets.token_hex(4)}@%h", "--loglevel", "WARNING"]
        celery += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
        descriptor = self._socket.fileno()
        environment = {**environment, "KANTOR_WORKER_DRAIN_SECONDS": "3"}
        meanwhile = "workers.zygotes:start_early,workers.celery_app,celery.bin.worker"
        self._begin(python("worker", celery, logs, environment, preload=meanwhile, gate=gate))
        api = ["service.embedded.api", str(descriptor)]
        if self._options.grpc is not None:
            place = {"KANTOR_GRPC_ADDRESS": f"{self._options.host}:{self._options.grpc}"}
            self._begin(python("grpc", ["service.grpc"], logs, {**environment, **place}, gate=gate))
        self._begin(
            python(
                "api", api, logs, environment, preload="service.app:preload,uvicorn", gate=gate, inherit=[descriptor]
            )
        )

    def _begin(self, child: Child) -> None:
        child.start()
        self._children.append(child)
        self._record()

    def _record(self) -> None:
        processes = {child.name: child.process.pid for child in self._children if child.process is not None}
        guardian.Ledger(self._home.path).write(os.getpid(), processes)

    def _until_ready(self, settings: Settings) -> bool:
        """Wait until the API answers and a worker has announced what it offers. False: asked to stop."""
        deadline = time.monotonic() + _READY_SECONDS
        with connect(settings, name="kantor-up") as conn:
            api = worker = False
            grpc = self._options.grpc is None
            while not (api and worker and grpc):
                if self._asked_to_stop():
                    return False
                self._watch()
                api = api or self._answers()
                worker = worker or bool(registry.live_workers(conn, settings))
                grpc = grpc or self._hears_grpc()
                late = time.monotonic() > deadline
                for child in self._children:
                    if late or child.deaths >= 3:
                        self._fail(child if child.deaths else None)
                time.sleep(0.02)
        return True

    def _fail(self, child: Child | None) -> None:
        if child is None:
            raise StartError(f"The server was not ready after {_READY_SECONDS:g} s. Its logs: {self._home.logs}")
        raise StartError(f"{child.name} does not start. The end of {child.log}:\n{child.tail()}")

    def _answers(self) -> bool:
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        connection = http.client.HTTPConnection(host, port, timeout=2.0)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _hears_grpc(self) -> bool:
        assert self._options.grpc is not None
        try:
            with socket.create_connection((_plain(self._options.host), self._options.grpc), timeout=1.0):
                return True
        except OSError:
            return False

    def _keep(self) -> None:
        while not self._asked_to_stop():
            self._watch()
            self._changed.wait(_LOOK_SECONDS)
            self._changed.clear()

    def _watch(self) -> None:
        before = [child.process for child in self._children]
        for child in self._children:
            words = child.watch()
            if words:
                self._say(words)
        if [child.process for child in self._children] != before:
            self._record()
        if self._guardian is not None and self._guardian.poll() is not None:
            self._close_pipe()
            self._start_guardian()

    def _asked_to_stop(self) -> bool:
        return self._signals > 0 or (self._options.with_parent and os.getppid() != self._parent)

    def _stop(self) -> None:
        """End services, then stores. A second signal makes it short."""
        self._home.retire()
        services = [child for child in self._children if child.name not in ("postgres", "valkey")]
        stores = [child for child in self._children if child not in services]
        for group, number, seconds in (
            (services, signal.SIGTERM, guardian.DRAIN_SECONDS),
            (stores, signal.SIGINT, guardian.STORE_SECONDS),
        ):
            for child in group:
                child.ask_to_end(number)
            deadline = time.monotonic() + seconds
            asked = self._signals
            while not all(child.wait(time.monotonic() + 0.05) for child in group):
                if time.monotonic() > deadline or self._signals > max(asked, 1):
                    break
            for child in group:
                child.sweep()
        guardian.Ledger(self._home.path).clear()
        self._close_pipe()
        if self._guardian is not None:
            self._guardian.wait()
        if self._socket is not None:
            self._socket.close()
        self._home.unlock()
        if self._options.ephemeral:
            shutil.rmtree(self._home.path, ignore_errors=True)

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _listen_to_signals(self) -> None:
        def ask(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1
            self._changed.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ask)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: self._changed.set())


def _plain(host: str) -> str:
    """Where a host that listens everywhere is reached from here."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104


def _host(host: str) -> str:
    """As it stands in a URL."""
    plain = _plain(host)
    return f"[{plain}]" if ":" in plain else plain
