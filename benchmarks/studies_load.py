"""Many evaluators on one study, through a whole Kantor: is the last ask slower than the first?

``python -m benchmarks.studies_load --engine auto --trials 10000 --evaluators 50``. Evaluators are tasks of one asyncio
process; an evaluation takes no time, which is the worst case: all of them always want something. Every 20 ms another
connection looks which backends of PostgreSQL wait for a lock.

Floor: an ask and a tell are two HTTP requests of about 5 ms of CPU each (client, API and PostgreSQL together), so two
cores do at most about 200 trials a second; engines come on top.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import kantor

from benchmarks.harness import cpu
from benchmarks.harness.report import RESULTS, Report, Table
from benchmarks.harness.statistics import Latency
from benchmarks.harness.system import System, kantor_system
from service.embedded.postgres import Postgres
from service.settings import Settings
from service.store.connect import connect

SPACE = {f"x{k}": kantor.Float(0.0, 1.0) for k in range(6)}
PARTS = 5


@dataclass
class Crowd:
    """What was measured: (end, seconds) of each ask and tell; samples of lock waits."""

    asks: list[tuple[float, float]] = field(default_factory=list)
    tells: list[tuple[float, float]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    waits: list[tuple[float, int]] = field(default_factory=list)
    end: float = math.inf

    async def evaluate(self, study: kantor.AsyncStudy, left: list[int], wait: float) -> None:
        """One evaluator."""
        while left[0] > 0 and time.perf_counter() < self.end:
            left[0] -= 1
            began = time.perf_counter()
            (trial,) = await study.ask(wait=wait)
            middle = time.perf_counter()
            self.asks.append((middle, middle - began))
            self.origins.append(trial.info.origin)
            value = sum((value - 0.3) ** 2 for value in trial.values())
            middle = time.perf_counter()
            await study.tell(trial, value)
            end = time.perf_counter()
            self.tells.append((end, end - middle))

    def watch(self, system: System, done: threading.Event) -> None:
        """Count backends that wait for locks until ``done``."""
        settings = Settings.load({}, database_url=Postgres(system.home).url("kantor"), api_key_pepper="not used")
        with connect(settings) as conn:
            while not done.wait(0.02):
                row = conn.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'"
                ).fetchone()
                self.waits.append((time.perf_counter(), 0 if row is None else int(row[0])))


def run(
    report: Report,
    system: System,
    *,
    engine: str,
    trials: int,
    evaluators: int,
    wait: float,
    longest: float | None = None,
) -> None:
    """One study; adds a table with a row for each fifth of the trials (of those that ``longest`` seconds allowed)."""
    crowd, done = Crowd(), threading.Event()
    if longest is not None:
        crowd.end = time.perf_counter() + longest
    watcher = threading.Thread(target=crowd.watch, args=(system, done))

    async def go() -> None:
        async with kantor.AsyncClient(system.url, system.api_key) as client:
            study = await client.studies.create(
                f"load {engine} {time.time()}", SPACE, {"f": "min"}, engine=engine, seed=1, parallel=evaluators
            )
            left = [trials]
            await asyncio.gather(*(crowd.evaluate(study, left, wait) for _ in range(evaluators)))
            await study.refresh()
            assert study.info.trials.completed == len(crowd.tells), study.info.trials

    before = system.cpu()
    watcher.start()
    began = time.perf_counter()
    try:
        asyncio.run(go())
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - began
    used = cpu.difference(system.cpu(), before)
    rows: list[Sequence[object]] = []
    trials = len(crowd.tells)
    size = trials // PARTS
    begin = began
    for part in range(PARTS):
        end = crowd.tells[(part + 1) * size - 1][0]
        asks, tells = (Latency.of([s for at, s in found if begin < at <= end]) for found in (crowd.asks, crowd.tells))
        waiting = [count for at, count in crowd.waits if begin < at <= end] or [0]
        made = crowd.origins[part * size : (part + 1) * size].count("engine")
        rows.append(
            (
                f"{part * size + 1} to {(part + 1) * size}",
                size / (end - begin),
                asks.p50,
                asks.p99,
                tells.p50,
                tells.p99,
                f"{100 * made / size:.0f} %",
                sum(waiting) / len(waiting),
                max(waiting),
            )
        )
        begin = end
    shares = ", ".join(f"{name} {1e3 * value / trials:.1f}" for name, value in used.items() if value > 0.01)
    report.add(
        Table(
            f"{trials} trials by {evaluators} evaluators, engine {engine}",
            ("trials", "a second", "ask p50 ms", "p99", "tell p50 ms", "p99", "by engine", "lock waits", "most"),
            rows,
            f"{trials / seconds:.0f} trials a second. Asks wait at most {wait:g} s for an engine. Lock waits: backends "
            f"of PostgreSQL that wait for a lock, on average and at most. CPU milliseconds a trial: {shares}.",
        )
    )
    report.data.setdefault("studies_load", {})[engine] = {"rows": rows, "seconds": seconds, "cpu": used}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies_load")
    parser.add_argument("--engine", default="quasi-random")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--evaluators", type=int, default=50)
    parser.add_argument("--wait", type=float, default=5.0, help="seconds that an ask waits for an engine")
    parser.add_argument("--for", dest="longest", type=float, metavar="SECONDS", help="end after so long")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    report = Report("full", " ".join(["python -m benchmarks.studies_load", *given]))
    with kantor_system() as system:
        run(
            report,
            system,
            engine=options.engine,
            trials=options.trials,
            evaluators=options.evaluators,
            wait=options.wait,
            longest=options.longest,
        )
    print(f"\n{report.write(options.output)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
