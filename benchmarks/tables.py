"""How the job rules behave as finished jobs pile up, on a durable PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from api_schemas.ids import new_uuid
from api_schemas.jobs import JobRequest
from benchmarks.harness.finished import add_finished
from benchmarks.harness.plans import explained
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale
from benchmarks.harness.small_lp import document, small_lp
from benchmarks.harness.statistics import Latency
from service import jobs, projects, registry
from service.jobs import JobFilters
from service.settings import Settings
from service.store.connect import Database, connect

DEEP = 0.9
QUEUED = 10_000
LONG = ", 10,000 queued"
ENGINES = ("program:highs",)


def run(scale: Scale, report: Report, settings: Settings) -> None:
    """Adds two tables: milliseconds of each operation at each size, and the rows that PostgreSQL read for it.

    Args:
        settings: with an empty, durable database.
    """
    columns = ["operation", *(f"{size:,} p50/p95" for size in scale.table_sizes)]
    times = Table("Job rules by number of finished jobs in the table (ms, one connection, fsync on)", columns)
    plans = Table(
        "Rows read by one operation (with those a filter threw away)",
        ["operation", *(f"{size:,}" for size in scale.table_sizes)],
    )
    found: dict[str, list[dict[str, Any]]] = {}
    with connect(settings, name="benchmark") as conn:
        before = 0
        project, other = projects.ensure(conn, "benchmark"), projects.ensure(conn, "neighbour")
        for size in scale.table_sizes:
            add_finished(conn, project, other, before + 1, size)
            before = size
            for name, result in _at_size(conn, project, settings, size, scale.page_rounds).items():
                found.setdefault(name, []).append(result)
    for name, results in found.items():
        times.rows.append([name, *(f"{r['p50']:.2f} / {r['p95']:.2f}" for r in results)])
        plans.rows.append([name, *(r["rows"] for r in results)])
    whole = sorted(
        {f"{scan[9:]} ({name})" for name, results in found.items() for r in results for scan in r["sequential"]}
    )
    plans.note = (
        f"From auto_explain, of the statements as sent. Tables read from end to end: {', '.join(whole) or 'none'}."
    )
    report.add(times)
    report.add(plans)
    report.data["tables_by_size"] = found


def _at_size(conn: Database, project: UUID, settings: Settings, size: int, rounds: int) -> dict[str, dict[str, Any]]:
    found = {name: _measure(conn, call, rounds) for name, call in _listings(conn, project, settings, size).items()}
    found |= _life(conn, project, settings, rounds, "")
    _queue(conn, project, settings, QUEUED)
    try:
        found |= _life(conn, project, settings, rounds, LONG)
        found["queue depths" + LONG] = _measure(conn, lambda: registry.queue_depths(conn, project), rounds)
    finally:
        conn.execute("DELETE FROM job WHERE finished_at IS NULL")
        conn.execute("VACUUM (ANALYZE) job")
    return found


def _listings(conn: Database, project: UUID, settings: Settings, size: int) -> dict[str, Callable[[], object]]:
    def page(filters: JobFilters, token: str = "", page_size: int = 50) -> Callable[[], object]:
        return lambda: jobs.list_page(conn, project, filters, page_size, token, settings=settings)

    token = ""
    for _ in range(int(size * DEEP * 0.8) // 1000):  # four of five jobs are the project's
        _, token = jobs.list_page(conn, project, JobFilters(), 1000, token, settings=settings)
    now = datetime.now(UTC)
    old = now - timedelta(seconds=size * DEEP)
    return {
        "list, first page of 50": page(JobFilters()),
        "list, page of 50 at 90% depth": page(JobFilters(), token),
        "list, first page of 1000": page(JobFilters(), page_size=1000),
        "list, state=failed": page(JobFilters(states=("failed",))),
        "list, state=running (none)": page(JobFilters(states=("running",))),
        "list, two states": page(JobFilters(states=("failed", "expired"))),
        "list, name": page(JobFilters(name="model-501")),
        "list, label (1 of 70)": page(JobFilters(labels={"team": "t10"})),
        "list, label (one job)": page(JobFilters(labels={"run": str(size // 2 // 10 * 10)})),
        "list, label and state (no hit)": page(JobFilters(labels={"team": "t10"}, states=("expired",))),
        "list, engine and state (no hit)": page(JobFilters(engine="scip", states=("cancelled",))),
        "list, an hour long ago": page(JobFilters(created_after=old, created_before=old + timedelta(hours=1))),
        "queue depths": lambda: registry.queue_depths(conn, project),
    }


def _life(conn: Database, project: UUID, settings: Settings, rounds: int, suffix: str) -> dict[str, dict[str, Any]]:
    """Submit, claim, read, finish, each committed."""
    content = document(small_lp(0))
    request = JobRequest.model_validate(content)
    body = b'{"problem":{}}'
    worker = new_uuid()
    held: list[jobs.Claim] = []

    def claim() -> None:
        claimed = jobs.claim(conn, pools=("cpu",), engines=ENGINES, worker_id=worker, lease_seconds=3600)
        assert claimed is not None
        held.append(claimed)

    def finish() -> None:
        job = held.pop()
        assert jobs.finish(
            conn, job.job_id, job.attempt, state="succeeded", answer=b"{}", summary={"status": "optimal"}
        )

    steps: dict[str, Callable[[], object]] = {
        "submit": lambda: jobs.submit(conn, project, request, body, pool="cpu", settings=settings),
        "claim": claim,
        "extend": lambda: jobs.extend(conn, [(job.job_id, job.attempt) for job in held], 3600),
        "read with answer": lambda: jobs.get_with_answer(conn, project, held[-1].job_id),
        "finish": finish,
    }
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for k in range(rounds + 6):  # PostgreSQL settles on a prepared statement's plan after five executions
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            if k >= 6:
                taken[name].append(time.perf_counter() - begin)
    found = {}
    for name, step in steps.items():
        with explained(conn) as plan:
            step()
        found[name + suffix] = _result(taken[name], plan.rows, plan.scans, plan.sequential)
    return found


def _queue(conn: Database, project: UUID, settings: Settings, count: int) -> None:
    request = JobRequest.model_validate(document(small_lp(0)))
    item = jobs.Submission(project, request, b'{"problem":{}}', "cpu")
    for first in range(0, count, 1000):
        jobs.submit_many(conn, [item] * min(1000, count - first), settings=settings)
    conn.execute("VACUUM (ANALYZE) job")


def _measure(conn: Database, call: Callable[[], object], rounds: int) -> dict[str, Any]:
    taken = []
    for k in range(rounds + 6):
        begin = time.perf_counter()
        call()
        if k >= 6:
            taken.append(time.perf_counter() - begin)
    with explained(conn) as plan:
        call()
    return _result(taken, plan.rows, plan.scans, plan.sequential)


def _result(taken: list[float], rows: int, scans: list[str], sequential: list[str]) -> dict[str, Any]:
    latency = Latency.of(taken)
    return {"p50": latency.p50, "p95": latency.p95, "rows": rows, "scans": scans, "sequential": sequential}
