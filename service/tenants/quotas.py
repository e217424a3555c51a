"""Quotas: what is refused because a project has used up what it may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from api_schemas.errors import KantorError
from service.store.connect import Database
from service.tenants.limits import Limits

QUEUE_RETRY_SECONDS = 5

# Counting stops at the limit: it never takes longer than the limit is high.
_QUEUED = """
SELECT wanted.project_id, (SELECT count(*) FROM (
    SELECT FROM job WHERE job.project_id = wanted.project_id AND job.state = 'queued' LIMIT wanted.most) AS queued)
FROM unnest(%s::uuid[], %s::bigint[]) AS wanted (project_id, most)
"""
_SECONDS = """
SELECT wanted.project_id,
    coalesce((SELECT solver_seconds FROM spent WHERE spent.project_id = wanted.project_id
              AND month = date_trunc('month', now())::date), 0)
    + coalesce((SELECT sum(seconds) FROM charge WHERE charge.project_id = wanted.project_id
                AND at >= date_trunc('month', now())), 0)
FROM unnest(%s::uuid[]) AS wanted (project_id)
"""


def refusals(conn: Database, wanted: Sequence[tuple[UUID, Limits | None]]) -> dict[int, KantorError]:
    """Which of these submissions (project, its quotas) are refused, by position: those of projects whose month is used
    up, and those that find no more room in the queue. Asks the database only about projects with such quotas.

    Several API processes that store at the same moment may together go over the number of queued jobs by what each
    stores in one commit; never over that of running jobs.
    """
    queues: dict[UUID, int] = {}
    months: dict[UUID, float] = {}
    for project_id, limits in wanted:
        if limits is not None and limits.max_queued is not None:
            queues[project_id] = limits.max_queued
        if limits is not None and limits.max_solver_seconds is not None:
            months[project_id] = limits.max_solver_seconds
    if not queues and not months:
        return {}
    queued: defaultdict[UUID, int] = defaultdict(int)
    spent: dict[UUID, float] = {}
    if queues:
        queued.update(conn.execute(_QUEUED, (list(queues), list(queues.values()))).fetchall())
    if months:
        spent = dict(conn.execute(_SECONDS, (list(months),)).fetchall())
    refused: dict[int, KantorError] = {}
    for k, (project_id, limits) in enumerate(wanted):
        if limits is None:
            continue
        if limits.max_solver_seconds is not None and spent[project_id] >= limits.max_solver_seconds:
            refused[k] = _month_is_used_up(spent[project_id], limits.max_solver_seconds)
        elif limits.max_queued is not None and queued[project_id] >= limits.max_queued:
            refused[k] = KantorError(
                "quota-exceeded",
                f"The project's queue is full: it may have {limits.max_queued} jobs waiting.",
                headers={"Retry-After": str(QUEUE_RETRY_SECONDS)},
            )
        else:
            queued[project_id] += 1
    return refused


class NoRoomError(KantorError):
    """Code ``quota-exceeded``: the project may not store so many bytes.

    Attributes:
        room: bytes that it may.
    """

    def __init__(self, most: int, stored: int) -> None:
        super().__init__(
            "quota-exceeded",
            f"The project may store {most} bytes and has {stored}; delete artifacts or jobs.",
            headers={"Retry-After": "3600"},
        )
        self.room = max(0, most - stored)


def reserve_room(conn: Database, project_id: UUID, more: int) -> None:
    """In the transaction that stores so many bytes more: until it ends nobody else stores any in this project, if that
    has such a quota.

    Raises:
        NoRoomError: they do not fit.
    """
    row = conn.execute(
        "SELECT max_bytes FROM project WHERE id = %s AND max_bytes IS NOT NULL FOR NO KEY UPDATE", (project_id,)
    ).fetchone()
    if row is not None:
        require_room(conn, project_id, Limits(max_bytes=row[0]), more)


def require_room(conn: Database, project_id: UUID, limits: Limits, more: int = 0) -> None:
    """Before bytes come: that they would fit now.

    Args:
        more: bytes that come on top of what is stored.

    Raises:
        NoRoomError: they do not.
    """
    if limits.max_bytes is None:
        return
    row = conn.execute("SELECT coalesce(sum(size), 0) FROM artifact WHERE project_id = %s", (project_id,)).fetchone()
    stored = 0 if row is None else int(row[0])
    if stored + more > limits.max_bytes:
        raise NoRoomError(limits.max_bytes, stored)


def _month_is_used_up(spent: float, most: float) -> KantorError:
    now = datetime.now(UTC)
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return KantorError(
        "quota-exceeded",
        f"The project has used {spent:.0f} of the {most:.0f} solver seconds of this month; "
        f"the next begins on {following:%Y-%m-%d} (UTC).",
        headers={"Retry-After": str(int((following - now).total_seconds()) + 1)},
    )
