"""Jobs a second: only accepting them, only working them off, and both at once."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.harness import cpu
from benchmarks.harness.load import Target, fleet
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale
from benchmarks.harness.statistics import Latency, Spread
from benchmarks.harness.system import ROLES, System
from benchmarks.harness.targets import Kantor, PlainHttp

PATIENCE = 120.0


def run(scale: Scale, report: Report, system: System) -> None:
    """Adds a table of rates and one of CPU shares."""
    table = Table(
        "20 by 20 LPs a second through a whole Kantor (fsync on); the load shares the cores",
        ("what", "clients", "a second", "p50 ms", "p95 ms", "p99 ms"),
        note="submit: accepted and durable, workers and dispatcher held still (SIGSTOP). drain: those jobs worked off, "
        "with nobody submitting. solve: submitted, solved, certified, read.",
    )
    shares = Table("CPU milliseconds a job", ("what", "clients", "client", *ROLES[:-1], "servers"))
    data: list[dict[str, Any]] = []
    submit: dict[str, Target] = {
        "submit, plain HTTP": PlainHttp(f"{system.url}/v1/jobs", system.headers, (202,)),
        "submit, client": Kantor(system.url, system.api_key, "submit"),
    }
    whole: dict[str, Target] = {
        "solve, plain HTTP": PlainHttp(
            f"{system.url}/v1/jobs", (*system.headers, ("Prefer", "wait=30")), (200,), final=True
        ),
        "solve, client": Kantor(system.url, system.api_key),
    }
    for clients in scale.throughput_clients:
        with fleet(clients) as load:
            for name, target in (submit | whole).items():
                load.block(target, 0.2)
                _drained(system)
                rows = []
                for _ in range(scale.blocks):
                    held = ("worker", "runner", "dispatcher") if name in submit else ()
                    before = system.cpu()
                    with system.frozen(*held):
                        block = load.block(target, scale.submit_seconds if held else scale.block_seconds)
                        middle = system.cpu()
                    rows.append((block, cpu.difference(middle, before)))
                    if held:
                        begin = time.perf_counter()
                        count = _drained(system)
                        _keep(
                            data,
                            "drain",
                            clients,
                            count / (time.perf_counter() - begin),
                            cpu.difference(system.cpu(), middle),
                            count,
                        )
                for block, used in rows:
                    _keep(
                        data,
                        name,
                        clients,
                        block.rate,
                        used,
                        len(block.latencies),
                        block.client_cpu,
                        Latency.of(block.latencies),
                    )
    report.data["throughput"] = data
    for name, clients in dict.fromkeys((row["what"], row["clients"]) for row in data):
        _rows(table, shares, [row for row in data if row["what"] == name and row["clients"] == clients])
    report.add(table)
    if cpu.supported():
        report.add(shares)


def _keep(
    data: list[dict[str, Any]],
    what: str,
    clients: int,
    rate: float,
    used: dict[str, float],
    jobs: int,
    client_cpu: float | None = None,
    latency: Latency | None = None,
) -> None:
    if jobs:
        data.append(
            {
                "what": what,
                "clients": clients,
                "rate": rate,
                "jobs": jobs,
                "latency": latency,
                "cpu_ms": {role: seconds / jobs * 1e3 for role, seconds in used.items()},
                "client_ms": None if client_cpu is None else client_cpu / jobs * 1e3,
            }
        )


def _rows(table: Table, shares: Table, rows: list[dict[str, Any]]) -> None:
    def middle(values: list[float]) -> float | None:
        return Spread.of(values).median if values else None

    latencies = [row["latency"] for row in rows if row["latency"] is not None]
    first = (rows[0]["what"], rows[0]["clients"])
    table.rows.append(
        (
            *first,
            Spread.of([row["rate"] for row in rows]).text(),
            *(middle([getattr(one, p) for one in latencies]) for p in ("p50", "p95", "p99")),
        )
    )
    used = {role: middle([row["cpu_ms"].get(role, 0.0) for row in rows]) or 0.0 for role in ROLES}
    client = middle([row["client_ms"] for row in rows if row["client_ms"] is not None])
    shares.rows.append((*first, client, *(used[role] or None for role in ROLES[:-1]), sum(used.values())))


def _drained(system: System) -> int:
    """Wait until no job is queued or running; the number that there were at the beginning."""
    client = system.client()
    until = time.monotonic() + PATIENCE
    first: int | None = None
    while True:
        waiting = sum(depth.queued + depth.running for depth in client.status().queues)
        first = waiting if first is None else first
        if not waiting:
            return first
        if time.monotonic() > until:
            raise RuntimeError(f"{waiting} of {first} jobs are still waiting after {PATIENCE:.0f} s")
        time.sleep(0.05)
