"""Which workers live, and what they offer: learned from the rows that workers write, never from solver code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from api_schemas.engines import Engine, QueueDepth, Worker
from api_schemas.ids import WORKER, encode
from service.settings import Settings
from service.store.connect import Database

_ALIVE = "heartbeat_at > now() - make_interval(secs => %(timeout)s)"

_ANNOUNCE = """
INSERT INTO worker (id, host, pid, version, pools, concurrency, engines, resources)
VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb)
ON CONFLICT (id) DO UPDATE SET pools = excluded.pools, concurrency = excluded.concurrency, engines = excluded.engines,
    resources = excluded.resources, heartbeat_at = now()
"""

_ENGINES = f"""
SELECT DISTINCT ON (engine->>'family', engine->>'id')
    engine, count(*) OVER (PARTITION BY engine->>'family', engine->>'id')
FROM worker, jsonb_array_elements(engines) AS engine WHERE {_ALIVE}
ORDER BY engine->>'family', engine->>'id', worker.started_at DESC
"""  # noqa: S608

# A size tells of another content without reading it; and one process announces the same as long as it lives.
_WHO = f"""
SELECT md5(string_agg(id::text || pg_column_size(engines), ' ' ORDER BY id)) FROM worker WHERE {_ALIVE}
"""  # noqa: S608

# Of a worker that doesn't say (one of an earlier version) nothing is known, hence of its pools.
_MOST = f"""
SELECT pool, {
    ", ".join(
        f"CASE WHEN bool_and(resources ? '{name}') THEN max((resources->>'{name}')::bigint) END"
        for name in ("job_memory_most_mb", "job_threads_most")
    )
}
FROM worker, unnest(pools) AS pool WHERE {_ALIVE} GROUP BY pool
"""  # noqa: S608

_DEPTHS = """
SELECT pool, count(*) FILTER (WHERE queued), count(*) FILTER (WHERE NOT queued),
    extract(epoch FROM now() - min(created_at) FILTER (WHERE queued))::double precision
FROM (
    SELECT pool, project_id, created_at, true AS queued FROM job WHERE state = 'queued'
    UNION ALL SELECT pool, project_id, created_at, false FROM job WHERE state = 'running'
) AS active
WHERE %(project)s::uuid IS NULL OR project_id = %(project)s
GROUP BY pool ORDER BY pool
"""


@dataclass(frozen=True, slots=True)
class Most:
    """What a worker gives one job, whatever that asks for; None: not known."""

    memory_mb: int | None = None
    threads: int | None = None


def announce(
    conn: Database,
    worker_id: UUID,
    *,
    host: str,
    pid: int,
    version: str,
    pools: Sequence[str],
    concurrency: int,
    engines: Sequence[Engine],
    resources: Mapping[str, float | int | str] | None = None,
) -> None:
    """Enter a worker, or renew what it offers. From then on it lives as long as ``heartbeat`` is called."""
    offered = orjson.dumps([engine.model_dump(mode="json", exclude={"workers"}) for engine in engines]).decode()
    conn.execute(
        _ANNOUNCE,
        (
            worker_id,
            host,
            pid,
            version,
            list(pools),
            concurrency,
            offered,
            orjson.dumps(dict(resources or {})).decode(),
        ),
    )


def heartbeat(conn: Database, worker_id: UUID, running: int) -> bool:
    """Say that a worker lives and how many jobs it runs. False: its row is gone; ``announce`` again."""
    cursor = conn.execute(
        "UPDATE worker SET heartbeat_at = now(), running = %s WHERE id = %s", (running, worker_id), prepare=True
    )
    return cursor.rowcount == 1


def retire(conn: Database, worker_id: UUID) -> None:
    """Take a worker out (it ends)."""
    conn.execute("DELETE FROM worker WHERE id = %s", (worker_id,))


def retire_all(conn: Database) -> None:
    """Take every worker out: for who knows that none is left."""
    conn.execute("DELETE FROM worker")


def live_workers(conn: Database, settings: Settings) -> list[Worker]:
    """Workers heard of within ``worker_timeout_seconds``, oldest first."""
    rows = conn.execute(
        f"SELECT id, host, pid, pools, engines, concurrency, running, version, started_at, heartbeat_at, resources"  # noqa: S608
        f" FROM worker WHERE {_ALIVE} ORDER BY id",
        {"timeout": settings.worker_timeout_seconds},
    ).fetchall()
    return [
        Worker(
            id=encode(WORKER, row[0]),
            host=row[1],
            pid=row[2],
            pools=row[3],
            engines=[f"{engine['family']}:{engine['id']}" for engine in row[4]],
            concurrency=row[5],
            running=row[6],
            version=row[7],
            started_at=row[8],
            heartbeat_at=row[9],
            resources=row[10],
        )
        for row in rows
    ]


def engines(conn: Database, settings: Settings) -> list[Engine]:
    """What live workers offer, by family and id; ``workers`` counts them. Of several versions the newest worker's."""
    rows = conn.execute(_ENGINES, {"timeout": settings.worker_timeout_seconds}, prepare=True).fetchall()
    return [Engine.model_validate({**engine, "workers": count}) for engine, count in rows]


def most(conn: Database, settings: Settings) -> dict[str, Most]:
    """What a job may have at most in each pool that is served: of the most generous of its live workers."""
    rows = conn.execute(_MOST, {"timeout": settings.worker_timeout_seconds}, prepare=True).fetchall()
    return {pool: Most(memory, threads) for pool, memory, threads in rows}


def who(conn: Database, settings: Settings) -> str | None:
    """Changes when what ``engines`` gives may have changed, and costs little also for a thousand workers; None: no
    worker lives."""
    row = conn.execute(_WHO, {"timeout": settings.worker_timeout_seconds}, prepare=True).fetchone()
    return None if row is None else row[0]


def queue_depths(conn: Database, project_id: UUID | None = None) -> list[QueueDepth]:
    """Queued and running jobs of each pool that has any: of one project, or of all (for operators only)."""
    rows = conn.execute(_DEPTHS, {"project": project_id}).fetchall()
    return [
        QueueDepth(
            pool=pool, queued=queued, running=running, oldest_queued_seconds=None if age is None else max(0.0, age)
        )
        for pool, queued, running, age in rows
    ]
