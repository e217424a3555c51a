"""What goes wrong, on purpose. Each fault returns when its cause is gone; the recovery after it is measured."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.chaos.cluster import Cluster, Role
from tests.chaos.processes import of_kind

Fault = Callable[[Cluster, random.Random], bool]
#: Longer than a lease.
LONG = 9.0


def _kill(kind: str, number: int = signal.SIGKILL) -> Fault:
    def fault(cluster: Cluster, choice: random.Random) -> bool:
        role = choice.choice(cluster.of(kind))
        role.signal(number)
        return role.alive or role.process is not None

    return fault


def _kill_below(kind: str) -> Fault:
    """A zygote or a runner of some worker."""

    def fault(cluster: Cluster, choice: random.Random) -> bool:
        for _ in range(50):  # a worker may be starting, its runners idle
            found = [pid for role in cluster.of("worker") if role.alive for pid in of_kind(role.pid, kind)]
            if found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(choice.choice(found), signal.SIGKILL)
                    return True
            time.sleep(0.1)
        return False

    return fault


def _freeze(kind: str) -> Fault:
    """It does nothing for longer than its leases last, and then goes on as if nothing had been."""

    def fault(cluster: Cluster, choice: random.Random) -> bool:
        role = choice.choice(cluster.of(kind))
        frozen = [role.pid, *(of_kind(role.pid, "zygote") + of_kind(role.pid, "runner") if kind == "worker" else [])]
        _signal_all(frozen, signal.SIGSTOP)
        time.sleep(LONG)
        _signal_all(frozen, signal.SIGCONT)
        return True

    return fault


def _cut(kind: str) -> Fault:
    def fault(cluster: Cluster, choice: random.Random) -> bool:
        role = choice.choice(cluster.of(kind))
        cluster.links.change(cluster.links_of(role.name), silent=True)
        time.sleep(LONG)
        cluster.links.change(cluster.links_of(role.name))
        return True

    return fault


def slow_network(cluster: Cluster, choice: random.Random) -> bool:
    """Every way between a role and a store takes up to 80 ms."""
    names = [link for role in cluster.roles for link in cluster.links_of(role)]
    for name in names:
        cluster.links.change([name], delay=choice.uniform(0.005, 0.08))
    time.sleep(LONG)
    cluster.links.change(names)
    return True


def kill_valkey(cluster: Cluster, choice: random.Random) -> bool:
    process = cluster.valkey.process
    assert process is not None
    process.kill()
    process.wait()
    time.sleep(choice.uniform(0.2, 4.0))
    cluster.valkey.start()
    return True


def freeze_valkey(cluster: Cluster, _: random.Random) -> bool:
    assert cluster.valkey.process is not None
    _signal_all([cluster.valkey.process.pid], signal.SIGSTOP)
    time.sleep(4.0)
    _signal_all([cluster.valkey.process.pid], signal.SIGCONT)
    return True


def _stop_postgres(number: int) -> Fault:
    def fault(cluster: Cluster, choice: random.Random) -> bool:
        process = cluster.postgres.process
        assert process is not None
        process.send_signal(number)
        process.wait(30)
        time.sleep(choice.uniform(0.2, LONG))
        cluster.postgres.start()
        return True

    return fault


def kill_backend(cluster: Cluster, choice: random.Random) -> bool:
    """One of PostgreSQL's own processes dies: it ends all sessions and recovers."""
    with psycopg.connect(cluster.postgres.url(), autocommit=True) as conn:
        found = conn.execute("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'kantor%'").fetchall()
    if not found:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(choice.choice(found)[0], signal.SIGKILL)
    return True


def fill_disk(cluster: Cluster, _: random.Random) -> bool:
    """No byte is left where artifacts lie."""
    ballast = cluster.artifacts / "ballast"
    space = os.statvfs(cluster.artifacts)
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, (space.f_bavail - 8) * space.f_frsize))
        while True:
            file.seek(0, os.SEEK_END)
            file.write(bytes(4096))
    time.sleep(LONG)
    ballast.unlink()
    return True


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


FAULTS: dict[str, Fault] = {
    "kill runner": _kill_below("runner"),
    "kill zygote": _kill_below("zygote"),
    "kill worker": _kill("worker"),
    "drain worker": _kill("worker", signal.SIGTERM),
    "freeze worker": _freeze("worker"),
    "cut worker off": _cut("worker"),
    "kill API": _kill("api"),
    "drain API": _kill("api", signal.SIGTERM),
    "freeze API": _freeze("api"),
    "cut API off": _cut("api"),
    "kill dispatcher": _kill("dispatcher"),
    "freeze dispatcher": _freeze("dispatcher"),
    "kill Valkey": kill_valkey,
    "freeze Valkey": freeze_valkey,
    "restart PostgreSQL": _stop_postgres(signal.SIGINT),
    "crash PostgreSQL": _stop_postgres(signal.SIGQUIT),
    "kill a backend": kill_backend,
    "slow network": slow_network,
    "fill disk": fill_disk,
}


def can_fill(folder: Path) -> bool:
    """True for a small file system of its own: nobody else's disk is filled."""
    space = os.statvfs(folder)
    return os.path.ismount(folder) and space.f_blocks * space.f_frsize < 1 << 30


__all__ = ["FAULTS", "Fault", "Role", "can_fill"]
