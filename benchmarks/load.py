"""``make load``: how much each role bears, where the time goes, and which one is the bottleneck.

Each role is driven until more load brings no more work. What the machine cannot show (a role's processes share its
cores with the load) is told by CPU milliseconds: a process bears ``1000 / milliseconds`` a second on a core of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import cpu
from benchmarks.harness.facts import summary
from benchmarks.harness.load import Block, Target, fleet
from benchmarks.harness.report import RESULTS, Table
from benchmarks.harness.statistics import Latency
from benchmarks.harness.store import store
from benchmarks.harness.system import ROLES, System, kantor_system
from benchmarks.harness.targets import PlainHttp
from benchmarks.load_roles import JobRules, clear, dispatcher, fan_out
from benchmarks.load_way import Way, look, table

#: More clients must bring so much more, or the role is full.
KNEE = 1.10
PATIENCE = 180.0
#: Jobs that the worker works off at most.
QUEUE = 1500


@dataclass
class Role:
    """What one role bears.

    Attributes:
        rate: of ``unit`` a second, at its fullest.
        milliseconds: CPU of each process kind for one of them.
        limit: what a process on a core of its own would bear, by its CPU alone; None where that says nothing.
    """

    name: str
    unit: str
    rate: float
    at: str
    p95: float | None = None
    milliseconds: dict[str, float] = field(default_factory=dict)
    limit: float | None = None

    @property
    def where(self) -> str:
        """The shares of CPU, largest first."""
        used = sorted(self.milliseconds.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {value:.2f}" for name, value in used if value >= 0.005)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each step of load (%(default)s)")
    parser.add_argument("--tiny", action="store_true", help="next to nothing: does it still run?")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    chosen = parser.parse_args(arguments)
    print(f"python -m benchmarks.load --seconds {chosen.seconds:g}\n{summary()}", flush=True)
    roles: list[Role] = []
    ways: list[Way] = []
    most = 2 if chosen.tiny else 64
    began = time.monotonic()

    def add(role: Role) -> None:
        roles.append(role)
        spent = time.monotonic() - began
        print(f"  {role.name}: {role.rate:.0f} {role.unit} a second, {role.at} ({spent:.0f} s)", flush=True)

    with kantor_system() as system:
        add(_api(system, chosen.seconds, most))
        add(_worker(system, chosen.seconds))
        add(_whole(system, chosen.seconds, most, ways))
        add(_streams(system, most))
    with store() as databases, tempfile.TemporaryDirectory() as folder:
        add(_database(databases.fresh().database_url, chosen.seconds, most))
        for name, rate in dispatcher(databases.fresh(), Path(folder), 30 * most).items():
            add(Role(f"dispatcher: {name}", "jobs", rate, "one process"))
    print(_table(roles).text(), "\n")
    if ways:
        print(table(ways).text(), "\n")
    print(_verdict(roles))
    chosen.output.mkdir(parents=True, exist_ok=True)
    data = {"roles": [asdict(role) for role in roles], "ways": [asdict(way) for way in ways]}
    (chosen.output / "load.json").write_text(json.dumps(data, indent=1) + "\n")
    return 0


def _fill(
    target: Target, seconds: float, most: int, system: System, frozen: Sequence[str] = ()
) -> tuple[int, Block, dict[str, float]]:
    """Double the clients until that brings nothing more: how many, the best block, and the CPU of it."""
    best: tuple[int, Block, dict[str, float]] | None = None
    clients, worse = 1, 0
    while clients <= most and worse < 2:  # once may be chance
        with fleet(clients) as load:
            load.block(target, 0.2)
            before = system.cpu()
            with system.frozen(*frozen):
                block = load.block(target, seconds)
            used = cpu.difference(system.cpu(), before)
        if frozen:
            clear(system)  # nobody has worked on them, and nobody shall
        worse = worse + 1 if best is not None and block.rate < KNEE * best[1].rate else 0
        if best is None or block.rate > best[1].rate:
            best = (clients, block, used)
        clients *= 2
    assert best is not None
    return best


def _api(system: System, seconds: float, most: int) -> Role:
    target = PlainHttp(f"{system.url}/v1/jobs", system.headers, (202,))
    clients, block, used = _fill(target, seconds, most, system, ("worker", "runner", "dispatcher"))
    return _role("API: submit", "jobs", block, used, f"{clients} clients", "api")


def _whole(system: System, seconds: float, most: int, ways: list[Way]) -> Role:
    headers = (*system.headers, ("Prefer", "wait=30"))
    target = PlainHttp(f"{system.url}/v1/jobs", headers, (200,), final=True)
    clients, block, used = _fill(target, seconds, most, system)
    for count in sorted({1, clients}):
        with fleet(count) as load:
            load.block(target, 0.2)
            begin = time.time()
            latencies = load.block(target, seconds).latencies
            way = look(system, count, latencies, begin, time.time())
        if way is not None:
            ways.append(way)
    return _role("all together: submit, solve, read", "jobs", block, used, f"{clients} clients", None)


def _worker(system: System, seconds: float) -> Role:
    target = PlainHttp(f"{system.url}/v1/jobs", system.headers, (202,))
    with fleet(8) as load:
        with system.frozen("worker", "runner", "dispatcher"):
            load.block(target, seconds)
            count = clear(system, but=QUEUE)
        before, begin = system.cpu(), time.monotonic()
        _drain(system)
    block = Block([0.0] * count, time.monotonic() - begin)
    role = _role("worker: work off a queue", "jobs", block, cpu.difference(system.cpu(), before), "2 slots", "worker")
    role.p95 = None
    return role


def _streams(system: System, most: int) -> Role:
    before = system.cpu()
    readers, rate, delay, sent = fan_out(system, 12 * most)
    used = cpu.difference(system.cpu(), before)
    milliseconds = {name: value / sent * 1e3 for name, value in used.items()}
    limit = 1e3 / milliseconds["api"] if milliseconds.get("api") else None
    return Role("API: event streams", "events", rate, f"{readers} readers", delay * 1e3, milliseconds, limit)


def _database(url: str, seconds: float, most: int) -> Role:
    target = JobRules(url)
    best = Role("PostgreSQL: submit, claim, finish", "jobs", 0.0, "")
    connections = 1
    while connections <= min(most, 16):
        with fleet(connections) as load:
            load.block(target, 0.2)
            block = load.block(target, seconds)
        if block.rate > best.rate:  # more of them share commits
            best.rate, best.at, best.p95 = block.rate, f"{connections} connections", Latency.of(block.latencies).p95
        connections *= 2
    return best


def _role(name: str, unit: str, block: Block, used: dict[str, float], at: str, process: str | None) -> Role:
    count = len(block.latencies)
    milliseconds = {role: used.get(role, 0.0) / count * 1e3 for role in ROLES}
    own = milliseconds.get(process or "", 0.0) + (milliseconds.get("runner", 0.0) if process == "worker" else 0.0)
    p95 = Latency.of(block.latencies).p95
    return Role(name, unit, block.rate, at, p95, milliseconds, 1e3 / own if own else None)


def _drain(system: System) -> None:
    client = system.client()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        queues = client.status().queues
        if not any(queue.queued + queue.running for queue in queues):
            return
        time.sleep(0.05)
    raise RuntimeError("the queue is not worked off")


def _table(roles: Sequence[Role]) -> Table:
    table = Table(
        "What each role bears",
        ("role", "of", "a second", "at", "p95 ms", "CPU ms each, by process", "a core bears"),
        note="Two cores for everything, the load included, so a rate is what is left beside the others. "
        "'a core bears': 1000 / CPU ms of the role's own process.",
    )
    for role in roles:
        table.rows.append(
            (
                role.name,
                role.unit,
                round(role.rate),
                role.at,
                "-" if role.p95 is None else round(role.p95, 1),
                role.where or "-",
                "-" if role.limit is None else round(role.limit),
            )
        )
    return table


def _verdict(roles: Sequence[Role]) -> str:
    """Which role is full first as more machines are added, and how many of each go with one PostgreSQL."""
    of: Callable[[str], Role] = lambda name: next(role for role in roles if role.name.startswith(name))  # noqa: E731
    whole, database = of("all together"), of("PostgreSQL")
    largest = max(((n, v) for n, v in whole.milliseconds.items() if n != "other"), key=lambda item: item[1])
    lines = [
        f"On this machine: {whole.rate:.0f} jobs a second; {largest[0]} takes most, {largest[1]:.1f} ms of CPU a job.",
        f"On a cluster: PostgreSQL bears {database.rate:.0f} jobs a second on this machine's cores;",
    ]
    for name, words in (("API: submit", "cores of API"), ("worker", "cores of workers (small jobs)")):
        role: Any = of(name)
        if role.limit:
            lines.append(f"  it takes {database.rate / role.limit:.1f} {words} to fill it;")
    relay = of("dispatcher: ring")
    lines.append(f"  one dispatcher rings for {relay.rate:.0f} a second, and only for what nobody has claimed.")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
