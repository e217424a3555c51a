"""The relay: rings for queued jobs that nobody has claimed."""

from __future__ import annotations

import time
from collections import defaultdict
from uuid import UUID

from api_schemas.ids import JOB, encode
from service import outbox
from service.bell import Bell
from service.settings import Settings
from service.store.connect import Database
from service.telemetry import tracing

BATCH = 500
RETRY_SECONDS = 1.0


def relay(conn: Database, bell: Bell, settings: Settings) -> int:
    """Ring once for what is due; how many rings there were. Call again at once if it returns ``BATCH``.

    A pool's queue in the broker never grows beyond the number of its waiting jobs: who waits long is not rung for twice
    while the first ring still waits to be heard.
    """
    rows = outbox.due(conn, BATCH, interval=settings.ring_again_seconds, longest=settings.ring_again_at_most_seconds)
    pools: defaultdict[str, list[UUID]] = defaultdict(list)
    for row in rows:
        pools[row.pool].append(row.job_id)
    rung = 0
    for pool, job_ids in pools.items():
        unheard = bell.waiting(pool)
        if unheard is None:
            outbox.again(conn, job_ids, RETRY_SECONDS)
            continue
        missing = outbox.depth(conn, pool, unheard + len(job_ids)) - unheard
        calls = job_ids[: max(0, missing)]
        if calls and not bell.ring_many(pool, calls):
            outbox.again(conn, job_ids, RETRY_SECONDS)
            continue
        rung += len(calls)
        if tracing.on() and calls:
            _show(conn, pool, calls)
    return rung


def _show(conn: Database, pool: str, job_ids: list[UUID]) -> None:
    """A ring in the trace of each job."""
    now = time.time_ns()
    for job_id, traceparent in conn.execute(
        "SELECT id, traceparent FROM job WHERE id = ANY(%s)", (job_ids,)
    ).fetchall():
        about = {"kantor.job": encode(JOB, job_id), "kantor.pool": pool}
        tracing.record("ring", traceparent, now, time.time_ns(), kind="producer", attributes=about)
