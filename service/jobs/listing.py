"""Lists of jobs, newest first, by keyset: as quick on the last page as on the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import ClientCursor

from service.jobs.rows import COLUMNS, JobRow
from service.rules import pages
from service.settings import Settings
from service.store.connect import Database

LARGEST_PAGE = 1000
_PLAIN = str.maketrans({sign: "\\" + sign for sign in "\\%_"})


@dataclass(frozen=True, slots=True)
class JobFilters:
    """What a list shows; absent means everything.

    Attributes:
        states: any of these.
        without_kinds: none of these.
        beginning: of the name.
        labels: all of these.
        created_after, created_before: at or after; before (milliseconds count).
    """

    states: tuple[str, ...] = ()
    kind: str | None = None
    without_kinds: tuple[str, ...] = ()
    engine: str | None = None
    name: str | None = None
    beginning: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None


def list_page(
    conn: Database,
    project_id: UUID,
    filters: JobFilters,
    page_size: int = 50,
    page_token: str = "",
    *,
    settings: Settings,
) -> tuple[list[JobRow], str]:
    """One page of the project's jobs and the token of the next page ("" on the last).

    Args:
        page_size: more than 1000 is taken as 1000.

    Raises:
        KantorError: ``invalid-page-token``.
    """
    bound = {"project": str(project_id), **asdict(filters)}
    size = max(1, min(page_size, LARGEST_PAGE))
    conditions, parameters = _where(filters)
    parameters |= {"project": project_id, "limit": size + 1}
    if page_token:
        conditions.append("job.id < %(after)s")
        parameters["after"] = pages.read(page_token, bound, settings.pepper)
    where = " AND ".join(["job.project_id = %(project)s", *conditions])
    statement = f"SELECT {COLUMNS} FROM job WHERE {where} ORDER BY job.id DESC LIMIT %(limit)s"  # noqa: S608
    if filters.without_kinds and not (filters.kind or filters.name or filters.beginning or filters.engine):
        statement = _BY_KIND.format(columns=COLUMNS, where=where)
    # Values go inside the statement: which index is best depends on them, and connections plan statements with
    # parameters for any value (``service.store.connect``).
    rows = [JobRow(*row) for row in ClientCursor(conn).execute(statement, parameters).fetchall()]
    if len(rows) <= size:
        return rows, ""
    return rows[:size], pages.sign(rows[size - 1].id, bound, settings.pepper)


# The newest of each other kind, then of those: a million suggestions after a job do not have to be read to find it.
# Each kind that there is costs one look into the index.
_BY_KIND = """
WITH RECURSIVE kinds AS (
    (SELECT job.kind FROM job WHERE job.project_id = %(project)s ORDER BY job.kind LIMIT 1)
    UNION ALL
    SELECT (
        SELECT job.kind FROM job WHERE job.project_id = %(project)s AND job.kind > kinds.kind ORDER BY job.kind LIMIT 1
    ) FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT {columns} FROM kinds CROSS JOIN LATERAL (
    SELECT * FROM job WHERE job.kind = kinds.kind AND {where} ORDER BY job.id DESC LIMIT %(limit)s
) job WHERE kinds.kind <> ALL(%(without_kinds)s) ORDER BY job.id DESC LIMIT %(limit)s
"""


def _where(filters: JobFilters) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    if len(filters.states) == 1:
        conditions.append("job.state = %(state)s")
        parameters["state"] = filters.states[0]
    elif filters.states:
        conditions.append("job.state = ANY(%(states)s)")
        parameters["states"] = list(filters.states)
    if filters.kind is not None:
        conditions.append("job.kind = %(kind)s")
        parameters["kind"] = filters.kind
    if filters.without_kinds:
        conditions.append("job.kind <> ALL(%(without_kinds)s)")
        parameters["without_kinds"] = list(filters.without_kinds)
    if filters.engine is not None:
        conditions.append("job.engine = %(engine)s")
        parameters["engine"] = filters.engine
    if filters.name is not None:
        conditions.append("job.name = %(name)s")
        parameters["name"] = filters.name
    if filters.beginning:
        conditions.append("job.name LIKE %(beginning)s AND job.name <> ''")
        parameters["beginning"] = filters.beginning.translate(_PLAIN) + "%"
    if filters.labels:
        conditions.append("job.labels @> %(labels)s::jsonb AND job.labels <> '{}'")
        parameters["labels"] = orjson.dumps(dict(filters.labels)).decode()
    # An id begins with the milliseconds of created_at, so that a list by time is a range of the same index.
    if filters.created_after is not None:
        conditions.append("job.id >= %(from)s")
        parameters["from"] = _first_id(filters.created_after)
    if filters.created_before is not None:
        conditions.append("job.id < %(to)s")
        parameters["to"] = _first_id(filters.created_before)
    return conditions, parameters


def _first_id(moment: datetime) -> UUID:
    milliseconds = max(0, min(round(moment.timestamp() * 1000), (1 << 48) - 1))
    return UUID(int=milliseconds << 80)
