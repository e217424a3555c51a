"""What the house costs: a 20 by 20 linear program through the client, against the solve in process and bare floors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.floor import hops
from benchmarks.harness import cpu
from benchmarks.harness.load import Block, Target, fleet
from benchmarks.harness.pairs import interleaved
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale
from benchmarks.harness.small_lp import small_lp, solve_directly
from benchmarks.harness.statistics import Latency, Spread
from benchmarks.harness.system import ROLES, System
from benchmarks.harness.targets import CeleryNoop, Kantor, PlainHttp
from benchmarks.peers.celery_noop import Noop, celery_noop
from benchmarks.peers.web import Endpoint, uvicorn
from service.settings import Settings

CLIENT, PLAIN, CELERY = "Kantor, Python client", "Kantor, plain HTTP", "Celery no-op, result awaited"
RAW, FAST, CONTRACT = "uvicorn, raw ASGI", "uvicorn, FastAPI", "uvicorn, FastAPI, contract"
HERE, ENGINE = "in process: highspy", "in process: engine and certificate"


def run(scale: Scale, report: Report, system: System | None, database: Settings) -> None:
    """Adds latency, load, CPU and floor tables.

    Args:
        system: without one only the bare sides are measured.
        database: an empty, durable one, for the floor.
    """
    with tempfile.TemporaryDirectory(prefix="kantor-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        noop = stack.enter_context(celery_noop(folder, concurrency=_slots(system)))
        endpoint = stack.enter_context(uvicorn(folder))
        targets = _targets(system, noop, endpoint)
        one_client = _latency(scale, report, targets)
        _load(scale, report, targets, system, noop, endpoint)
        _floor(scale, report, database, f"{endpoint.url}/contract", noop, one_client)


def _targets(system: System | None, noop: Noop, endpoint: Endpoint) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    if system is not None:
        targets[CLIENT] = Kantor(system.url, system.api_key)
        headers = (*system.headers, ("Prefer", "wait=30"))
        targets[PLAIN] = PlainHttp(f"{system.url}/v1/jobs", headers, (200,), final=True)
    targets[CELERY] = CeleryNoop(noop.broker)
    targets[RAW] = PlainHttp(endpoint.url)
    targets[FAST] = PlainHttp(f"{endpoint.url}/bare")
    targets[CONTRACT] = PlainHttp(f"{endpoint.url}/contract")
    return targets


def _slots(system: System | None) -> int:
    """As many threads as Kantor's own worker has."""
    if system is None:
        return 2
    return max(1, sum(int(worker.concurrency) for worker in system.client().workers()))


def _latency(scale: Scale, report: Report, targets: dict[str, Target]) -> float | None:
    sides: dict[str, Callable[[], object]] = {HERE: lambda: solve_directly(small_lp(0)), ENGINE: _engine()}
    sides |= {name: target.connect(0) for name, target in targets.items()}
    taken = interleaved(sides, scale.rounds, warm_up=max(5, scale.rounds // 20))
    table = Table(
        "20 by 20 LP, one client, all sides in turn (ms)",
        ("side", "p50", "p95", "p99", "least", "p50 / highspy"),
        note=f"{scale.rounds} rounds. Every Kantor call ends with a certified answer, from a PostgreSQL with fsync on.",
    )
    found = {name: Latency.of(seconds) for name, seconds in taken.items()}
    for name, one in found.items():
        table.rows.append((name, one.p50, one.p95, one.p99, one.least, one.p50 / found[HERE].p50))
    report.data["overhead_latency"] = found
    report.add(table)
    return found[CLIENT].p50 if CLIENT in found else None


def _engine() -> Callable[[], object]:
    import scipy.sparse as sp

    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.programs.certificates import certify
    from solvers.programs.problem import Program

    lp, engine = small_lp(0), registry.load("program", "highs")

    def solve() -> None:
        program = Program.build(c=lp.c, A=sp.csr_array(lp.A), row_upper=lp.b, sense="max")
        answer = engine.solve(program, {}, LocalContext())
        if not certify(program, answer, {}).proved:
            raise RuntimeError("the small program's certificate does not prove the optimum")

    return solve


def _load(
    scale: Scale,
    report: Report,
    targets: dict[str, Target],
    system: System | None,
    noop: Noop,
    endpoint: Endpoint,
) -> None:
    table = Table(
        "20 by 20 LP under load: all sides in turn, median of the blocks [least, greatest]",
        ("side", "clients", "a second", "p50 ms", "p95 ms", "p99 ms"),
        note=f"{scale.blocks} blocks of {scale.block_seconds:g} s each; the load shares the cores with the servers.",
    )
    shares = Table(
        "CPU milliseconds of each process group for one call",
        ("side", "clients", "client", *ROLES[:-1], "servers"),
        note="From /proc: independent of how busy the machine is. Bare sides and plain HTTP use http.client.",
    )
    data: list[dict[str, Any]] = []
    for clients in scale.clients:
        kept: dict[str, list[tuple[Block, dict[str, float]]]] = {name: [] for name in targets}
        with fleet(clients) as load:
            for target in targets.values():
                load.block(target, min(1.0, scale.block_seconds))
            for _ in range(scale.blocks):
                for name, target in targets.items():
                    kept[name].append(
                        _block(load.block, target, scale.block_seconds, _meter(name, system, noop, endpoint))
                    )
        for name, blocks in kept.items():
            latencies = [Latency.of(block.latencies) for block, _ in blocks]
            rate = Spread.of([block.rate for block, _ in blocks])
            percentiles = [Spread.of([getattr(one, p) for one in latencies]) for p in ("p50", "p95", "p99")]
            table.rows.append((name, clients, rate.text(), *(p.median for p in percentiles)))
            calls = sum(len(block.latencies) for block, _ in blocks)
            used = {role: sum(cost.get(role, 0.0) for _, cost in blocks) / calls * 1e3 for role in ROLES}
            own = sum(block.client_cpu for block, _ in blocks) / calls * 1e3
            shares.rows.append((name, clients, own, *(used[r] or None for r in ROLES[:-1]), sum(used.values())))
            data.append(
                {"side": name, "clients": clients, "rate": rate, "latency": latencies, "cpu_ms": used | {"client": own}}
            )
    report.data["overhead_load"] = data
    report.add(table)
    if cpu.supported():
        report.add(shares)


def _meter(name: str, system: System | None, noop: Noop, endpoint: Endpoint) -> Callable[[], dict[str, float]]:
    if not cpu.supported():
        return dict
    if name in (CLIENT, PLAIN):
        assert system is not None
        return system.cpu
    if name == CELERY:
        return lambda: {
            "worker": sum(p.seconds for p in cpu.tree(noop.worker)),
            "valkey": sum(p.seconds for p in cpu.tree(noop.server)),
        }
    return lambda: {"api": sum(p.seconds for p in cpu.tree(endpoint.pid))}


def _block(
    block: Callable[[Target, float], Block], target: Target, seconds: float, meter: Callable[[], dict[str, float]]
) -> tuple[Block, dict[str, float]]:
    before = meter()
    done = block(target, seconds)
    return done, cpu.difference(meter(), before)


def _floor(
    scale: Scale, report: Report, database: Settings, endpoint: str, noop: Noop, one_client: float | None
) -> None:
    found = hops(database, endpoint, noop, max(10, scale.rounds // 2))
    table = Table(
        "The floor: each hop of the way by itself (ms, one after the other)",
        ("hop", "p50", "p95", "CPU of the caller"),
    )
    for hop in found:
        table.rows.append((hop.name, hop.latency.p50, hop.latency.p95, hop.cpu))
    total = sum(hop.latency.p50 for hop in found)
    table.rows.append(("sum", total, None, sum(hop.cpu for hop in found)))
    if one_client is not None:
        table.rows.append(("measured through the client", one_client, None, None))
        table.rows.append(("above the floor", one_client - total, None, None))
    report.data["floor"] = found
    report.add(table)
