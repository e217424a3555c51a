"""What runs have seen: as it was sent, or thinned for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from service.schedules import rules
from service.schedules.runs import run
from service.store.connect import Database

NEWEST = 20
"""Runs of a picture, if none are named."""

_RUNS = """
SELECT number, version, state FROM schedule_run WHERE project_id = %(project)s AND schedule_id = %(schedule)s
    AND (%(runs)s::int[] IS NULL OR number = ANY(%(runs)s)) ORDER BY number DESC LIMIT %(limit)s
"""
_LAST = "SELECT max(step) FROM schedule_observation WHERE schedule_id = %s AND run = %s"
# NaN is above infinity to PostgreSQL: the second condition leaves both out.
_CELLS = """
SELECT run, min(step), count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seen), min(seen), max(seen)
FROM (SELECT run, step, (data->>%(of)s)::float8 AS seen FROM schedule_observation
      WHERE schedule_id = %(schedule)s AND run = ANY(%(runs)s) AND data ? %(of)s) AS observation
WHERE seen > '-Infinity' AND seen < 'Infinity' GROUP BY run, step / %(stretch)s ORDER BY run, min(step)
"""
_PAGE = """
SELECT step, data FROM schedule_observation WHERE schedule_id = %s AND run = %s AND step > %s ORDER BY step LIMIT %s
"""


def observed(
    conn: Database, project_id: UUID, schedule_id: UUID, *, of: str, runs: Sequence[int] | None, most: int
) -> dict[str, Any]:
    """An ``Observed``: of each run at most ``most`` cells, the same stretches of steps for all. Values that are not
    finite are left out.

    Args:
        runs: by default the newest ``NEWEST``.

    Raises:
        KantorError: ``not-found``.
    """
    rules.get(conn, project_id, schedule_id)
    for number in runs or ():
        run(conn, project_id, schedule_id, number)
    wanted = {"project": project_id, "schedule": schedule_id, "runs": None if runs is None else list(runs)}
    found = conn.execute(_RUNS, {**wanted, "limit": NEWEST if runs is None else len(runs)}).fetchall()
    numbers = [number for number, _, _ in found]
    lasts = [conn.execute(_LAST, (schedule_id, number), prepare=True).fetchone() for number in numbers]
    steps = 1 + max((int(row[0]) for row in lasts if row is not None and row[0] is not None), default=0)
    stretch = -(-steps // most)
    cells: dict[int, list[dict[str, Any]]] = {number: [] for number in numbers}
    asked = {"schedule": schedule_id, "runs": numbers, "of": of, "stretch": stretch}
    for number, step, count, median, low, high in conn.execute(_CELLS, asked).fetchall():
        cells[number].append({"step": step, "count": count, "median": median, "low": low, "high": high})
    listed = [
        {
            "number": number,
            "version": version,
            "state": state,
            "count": sum(cell["count"] for cell in cells[number]),
            "cells": cells[number],
        }
        for number, version, state in reversed(found)
    ]
    return {"of": of, "stretch": stretch, "runs": listed}


def observations(
    conn: Database, project_id: UUID, schedule_id: UUID, number: int, *, after: int, limit: int
) -> dict[str, Any]:
    """An ``ObservationPage``.

    Raises:
        KantorError: ``not-found``.
    """
    run(conn, project_id, schedule_id, number)
    rows = conn.execute(_PAGE, (schedule_id, number, after, limit + 1), prepare=True).fetchall()
    page = rows[:limit]
    return {
        "observations": [{"step": step, **data} for step, data in page],
        "after": page[-1][0] if page else after,
        "more": len(rows) > limit,
    }
