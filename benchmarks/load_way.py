"""Where the time of one small job goes: its rows tell when it was claimed and done, its worker's log the rest."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from benchmarks.harness.report import Table
from benchmarks.harness.system import System
from service.embedded.postgres import Postgres

LAPS = ("decode", "choose", "solve", "certify", "encode")

_JOBS = """
SELECT extract(epoch FROM started_at - created_at) * 1000, extract(epoch FROM finished_at - started_at) * 1000
FROM job WHERE state = 'succeeded' AND created_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)
"""


@dataclass(frozen=True)
class Way:
    """Medians in milliseconds, of jobs that were sent by so many clients at once."""

    clients: int
    whole: float
    waiting: float
    laps: dict[str, float]
    worker: float

    @property
    def rest(self) -> float:
        """HTTP, parsing, the store's part before the row has its time, and the reply."""
        return self.whole - self.waiting - self.worker


def look(system: System, clients: int, latencies: Sequence[float], begin: float, end: float) -> Way | None:
    """The way of the jobs of a block of load; ``begin`` and ``end`` are seconds since the epoch. None: too few."""
    with psycopg.connect(Postgres(system.home).url()) as conn:
        rows = conn.execute(_JOBS, (begin, end)).fetchall()
    lines = []
    for line in (system.home / "logs" / "worker.log").read_bytes().splitlines()[-len(rows) :] if rows else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record.get("event") == "job" and record.get("ms"):
            lines.append(record["ms"])
    if len(rows) < 5 or not lines:
        return None
    return Way(
        clients,
        statistics.median(latencies) * 1e3,
        statistics.median(float(row[0]) for row in rows),
        {name: statistics.median(line.get(name, 0.0) for line in lines) for name in LAPS},
        statistics.median(float(row[1]) for row in rows),
    )


def table(ways: Sequence[Way]) -> Table:
    """The stages side by side."""
    made = Table(
        "A small job's way (median ms, waiting for cores included)",
        ("stage", *(f"{way.clients} client{'s' if way.clients > 1 else ''}" for way in ways)),
        note="From the jobs' rows and the workers' log. A row's time of creation is cut to whole milliseconds.",
    )
    stages = [
        ("HTTP, parse, reply, and the client", [way.rest for way in ways]),
        ("stored, rung for, claimed", [way.waiting for way in ways]),
        *((f"runner: {name}", [way.laps[name] for way in ways]) for name in LAPS),
        ("to the runner and back, stored", [way.worker - sum(way.laps.values()) for way in ways]),
        ("all", [way.whole for way in ways]),
    ]
    for name, values in stages:
        made.rows.append((name, *(round(value, 2) for value in values)))
    return made
