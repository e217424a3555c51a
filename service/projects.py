"""Projects: the tenants."""

from __future__ import annotations

from uuid import UUID

from api_schemas.ids import new_uuid
from service.store.connect import Database


def ensure(conn: Database, name: str) -> UUID:
    """The id of the project with this name; made if there is none."""
    row = conn.execute(
        "INSERT INTO project (id, name) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        (new_uuid(), name),
    ).fetchone()
    assert row is not None
    project_id: UUID = row[0]
    return project_id


def name_of(conn: Database, project_id: UUID) -> str | None:
    """The project's name; None if there is no such project."""
    row = conn.execute("SELECT name FROM project WHERE id = %s", (project_id,)).fetchone()
    return None if row is None else str(row[0])
