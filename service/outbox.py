"""The outbox: what must still be told to the outside. A row of topic "run" is a queued job that nobody has claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from service.store.connect import Database


@dataclass(frozen=True, slots=True)
class Due:
    """A job to ring for."""

    job_id: UUID
    pool: str
    tries: int
    """How often the relay has rung for it, this time included."""


# Postponed before it is rung for: if the relay dies in between, another rings later.
_TAKE = """
UPDATE outbox SET tries = tries + 1,
    available_at = now() + make_interval(secs => least(%(most)s, %(base)s * 2 ^ least(tries + 1, 16)))
WHERE (job_id, topic) IN (
    SELECT job_id, topic FROM outbox WHERE topic = 'run' AND available_at <= now()
    ORDER BY available_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING job_id, pool, tries
"""


def due(conn: Database, limit: int, *, interval: float, longest: float) -> list[Due]:
    """Take up to ``limit`` jobs that should be rung for now, and note when to ring again: after ``interval`` seconds,
    doubled with each try, at most ``longest``. Several relays at once take different rows.
    """
    rows = conn.execute(_TAKE, {"limit": limit, "base": interval, "most": longest}, prepare=True).fetchall()
    return [Due(*row) for row in rows]


def again(conn: Database, job_ids: Sequence[UUID], seconds: float) -> None:
    """Ring for these in ``seconds`` and count the try as none: the broker did not hear."""
    conn.execute(
        "UPDATE outbox SET tries = greatest(tries - 1, 0), available_at = now() + make_interval(secs => %s)"
        " WHERE topic = 'run' AND job_id = ANY(%s)",
        (seconds, list(job_ids)),
    )


def depth(conn: Database, pool: str, most: int) -> int:
    """How many jobs of a pool wait for a claim; counting stops at ``most``."""
    row = conn.execute(
        "SELECT count(*) FROM (SELECT FROM outbox WHERE topic = 'run' AND pool = %s LIMIT %s) AS waiting", (pool, most)
    ).fetchone()
    return 0 if row is None else int(row[0])


def remember_forgotten(conn: Database) -> int:
    """Give queued jobs without a row one again. None should be without; a lost row would mean a lost job."""
    cursor = conn.execute(
        "INSERT INTO outbox (job_id, pool, available_at)"
        " SELECT id, pool, coalesce(not_before, now()) FROM job WHERE state = 'queued'"
        " AND NOT EXISTS (SELECT FROM outbox WHERE outbox.job_id = job.id AND topic = 'run')"
        " ON CONFLICT DO NOTHING"
    )
    return cursor.rowcount
