"""Schedules and their versions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from api_schemas.errors import KantorError
from api_schemas.ids import SCHEDULE, encode, new_uuid
from api_schemas.schedules import ScheduleRequest
from service.rules import pages
from service.schedules import curves
from service.settings import Settings
from service.store.connect import Database


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule. The fields are those of the table, in the order of ``COLUMNS``."""

    id: UUID
    project_id: UUID
    name: str
    state: str
    kind: str
    policy: str
    horizon: int
    definition: dict[str, Any]
    labels: dict[str, str]
    versions: int
    current: int
    memory: dict[str, Any]
    runs: int
    created_at: datetime
    updated_at: datetime


COLUMNS = ", ".join(f"schedule.{name}" for name in ScheduleRow.__slots__)
VersionRow = tuple[int, Any, Any, datetime]
"""version, curve, provenance, created_at."""

_INSERT = f"""
WITH made AS (
    INSERT INTO schedule (id, project_id, name, kind, policy, horizon, definition, fingerprint, labels, versions)
    VALUES (%(id)s, %(project)s, %(name)s, %(kind)s, %(policy)s, %(horizon)s, %(definition)s::json, %(fingerprint)s,
            %(labels)s::jsonb, 1)
    ON CONFLICT (project_id, name) DO NOTHING RETURNING *
)
SELECT {COLUMNS} FROM made AS schedule
"""  # noqa: S608
_ADD = """
INSERT INTO schedule_version (project_id, schedule_id, version, curve, provenance)
VALUES (%s, %s, %s, %s::jsonb, %s::jsonb)
"""
_GET = f"SELECT {COLUMNS} FROM schedule WHERE project_id = %s AND id = %s"  # noqa: S608
_LIST = f"""
SELECT {COLUMNS} FROM schedule WHERE project_id = %(project)s AND (%(name)s::text IS NULL OR name = %(name)s)
    AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608
_VERSIONS = """
SELECT version, curve, provenance, created_at FROM schedule_version WHERE project_id = %s AND schedule_id = %s
    AND (%s::int IS NULL OR version = %s::int) ORDER BY version
"""
_SET = """
UPDATE schedule SET {change}, updated_at = now() WHERE project_id = %(project)s AND id = %(id)s
"""


def not_found(schedule_id: UUID) -> KantorError:
    """The error for a schedule that the project does not have."""
    return KantorError("not-found", f"There is no schedule {encode(SCHEDULE, schedule_id)} in this project.")


def create(conn: Database, project_id: UUID, request: ScheduleRequest) -> tuple[ScheduleRow, bool]:
    """A new schedule with its first version; or the one of this name, if its definition is the same.

    Returns:
        the schedule, and True if it is new.

    Raises:
        KantorError: ``conflict``: a schedule of this name has another definition.
    """
    definition = request.model_dump_json(exclude={"name", "labels", "kind", "policy", "horizon"}).encode()
    identity = request.model_dump_json(exclude={"name", "labels"}).encode()
    parameters = {
        "id": new_uuid(),
        "project": project_id,
        "name": request.name,
        "kind": request.kind,
        "policy": request.policy,
        "horizon": request.horizon,
        "definition": definition.decode(),
        "fingerprint": hashlib.sha256(identity).digest(),
        "labels": orjson.dumps(request.labels).decode(),
    }
    with conn.transaction():
        made = conn.execute(_INSERT, parameters).fetchone()
        if made is not None:
            row = ScheduleRow(*made)
            add_version(conn, row, 1, curves.base(request), curves.provenance(request))
            return row, True
    found = conn.execute(
        f"SELECT fingerprint, {COLUMNS} FROM schedule WHERE project_id = %s AND name = %s",  # noqa: S608
        (project_id, request.name),
    ).fetchone()
    if found is None:
        return create(conn, project_id, request)
    if bytes(found[0]) != parameters["fingerprint"]:
        raise KantorError(
            "conflict",
            f"There is a schedule {request.name!r} with another definition ({encode(SCHEDULE, found[1])}): take "
            "another name, or the definition that it has.",
        )
    return ScheduleRow(*found[1:]), False


def add_version(conn: Database, row: ScheduleRow, number: int, curve: Any, provenance: Any) -> None:
    """Store a version; whoever calls has locked the schedule, or just made it."""
    values = (row.project_id, row.id, number, orjson.dumps(curve).decode(), orjson.dumps(provenance).decode())
    conn.execute(_ADD, values)


def get(conn: Database, project_id: UUID, schedule_id: UUID, *, lock: bool = False) -> ScheduleRow:
    """The schedule.

    Raises:
        KantorError: ``not-found``.
    """
    found = conn.execute(_GET + (" FOR UPDATE" if lock else ""), (project_id, schedule_id), prepare=True).fetchone()
    if found is None:
        raise not_found(schedule_id)
    return ScheduleRow(*found)


def list_page(
    conn: Database, project_id: UUID, *, name: str | None, page_size: int, page_token: str, settings: Settings
) -> tuple[list[ScheduleRow], str]:
    """A page of schedules, newest first, and the token of the next ("": there is none).

    Raises:
        KantorError: ``invalid-page-token``.
    """
    filters = ["schedules", project_id.hex, name]
    before = pages.read(page_token, filters, settings.pepper) if page_token else None
    rows = conn.execute(
        _LIST, {"project": project_id, "name": name, "before": before, "limit": page_size + 1}
    ).fetchall()
    found = [ScheduleRow(*row) for row in rows[:page_size]]
    return found, pages.sign(found[-1].id, filters, settings.pepper) if len(rows) > page_size else ""


def versions(conn: Database, project_id: UUID, schedule_id: UUID) -> list[VersionRow]:
    """All versions, oldest first.

    Raises:
        KantorError: ``not-found``.
    """
    get(conn, project_id, schedule_id)
    found: list[Any] = conn.execute(_VERSIONS, (project_id, schedule_id, None, None)).fetchall()
    return found


def version(conn: Database, project_id: UUID, schedule_id: UUID, number: int | None = None) -> VersionRow:
    """One version; by default the current one.

    Raises:
        KantorError: ``not-found``.
    """
    row = get(conn, project_id, schedule_id)
    wanted = row.current if number is None else number
    found: Any = conn.execute(_VERSIONS, (project_id, schedule_id, wanted, wanted), prepare=True).fetchone()
    if found is None:
        raise KantorError("not-found", f"The schedule {row.name!r} has no version {wanted}; it has {row.versions}.")
    result: VersionRow = found
    return result


def promote(conn: Database, project_id: UUID, schedule_id: UUID, number: int) -> ScheduleRow:
    """Give new runs this version.

    Raises:
        KantorError: ``not-found``.
    """
    version(conn, project_id, schedule_id, number)
    values = {"project": project_id, "id": schedule_id, "number": number}
    conn.execute(_SET.format(change="current = %(number)s"), values)
    return get(conn, project_id, schedule_id)


def set_state(conn: Database, project_id: UUID, schedule_id: UUID, state: str) -> ScheduleRow:
    """Archive (no new runs), or take out of the archive.

    Raises:
        KantorError: ``not-found``.
    """
    conn.execute(_SET.format(change="state = %(state)s"), {"project": project_id, "id": schedule_id, "state": state})
    return get(conn, project_id, schedule_id)


def delete(conn: Database, project_id: UUID, schedule_id: UUID) -> None:
    """Delete an archived schedule with everything of it.

    Raises:
        KantorError: ``not-found``; ``conflict`` for one that is not archived.
    """
    if get(conn, project_id, schedule_id).state != "archived":
        raise KantorError("conflict", "Only archived schedules can be deleted; archive it first.")
    conn.execute(
        "DELETE FROM schedule WHERE project_id = %s AND id = %s AND state = 'archived'", (project_id, schedule_id)
    )
