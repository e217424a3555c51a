"""The retention: finished jobs past their time are deleted with all that is theirs; so are old idempotency keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from service.artifacts import ArtifactStore
from service.store.connect import Database
from service.tenants import usage

BATCH = 200
LOCK = 0x6B7377656570
"""Advisory lock: one sweep of bytes at a time."""

# Artifacts keep their rows until their bytes are gone: from here on they are past their time too.
_JOBS = """
WITH old AS (
    SELECT id FROM job WHERE expires_at <= now() ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), orphaned AS (
    UPDATE artifact SET expires_at = now() WHERE origin = 'answer' AND job_id IN (SELECT id FROM old)
)
DELETE FROM job WHERE id IN (SELECT id FROM old)
"""

_KEYS = """
DELETE FROM idempotency WHERE (project_id, key) IN (
    SELECT project_id, key FROM idempotency WHERE expires_at <= now() LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one round deleted."""

    jobs: int
    keys: int
    artifacts: int
    charges: int = 0
    """Summed up; not a deletion to be told of."""

    @property
    def more(self) -> bool:
        """True if there may be more: call again."""
        return BATCH in (self.jobs, self.keys, self.artifacts, self.charges)


def sweep(conn: Database, artifacts: ArtifactStore) -> Deleted:
    """One round: at most ``BATCH`` of each kind, so that no transaction lasts long."""
    jobs = conn.execute(_JOBS, {"limit": BATCH}).rowcount
    keys = conn.execute(_KEYS, {"limit": BATCH}).rowcount
    return Deleted(jobs, keys, artifacts.purge(conn, BATCH), usage.sum_up(conn, BATCH))


def sweep_bytes(
    conn: Database, artifacts: ArtifactStore, older_than: timedelta, beat: Callable[[], None] = lambda: None
) -> int:
    """Delete what uploads have left that broke off; how many. It lists the whole storage, so it is done rarely; it
    calls ``beat`` as it goes."""
    locked = conn.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    if locked is None or not locked[0]:
        return 0
    try:
        return artifacts.sweep(conn, older_than, beat)
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
