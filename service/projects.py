"""Projects: the tenants. Each belongs to an organisation."""

from __future__ import annotations

from uuid import UUID

from api_schemas.ids import new_uuid
from service.store.connect import Database

_ENSURE = """
WITH owner AS (
    INSERT INTO organisation (id, name) VALUES (%(new_organisation)s, %(organisation)s)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
)
INSERT INTO project (id, name, organisation_id) SELECT %(new_project)s, %(name)s, id FROM owner
ON CONFLICT (organisation_id, name) DO UPDATE SET name = excluded.name RETURNING id
"""


def ensure(conn: Database, name: str, *, organisation: str | None = None) -> UUID:
    """The id of the project with this name; made if there is none, and so is its organisation.

    Args:
        organisation: by name; by default one with the project's name.
    """
    values = {
        "name": name,
        "organisation": name if organisation is None else organisation,
        "new_project": new_uuid(),
        "new_organisation": new_uuid(),
    }
    row = conn.execute(_ENSURE, values).fetchone()
    assert row is not None
    project_id: UUID = row[0]
    return project_id


def name_of(conn: Database, project_id: UUID) -> str | None:
    """The project's name; None if there is no such project."""
    row = conn.execute("SELECT name FROM project WHERE id = %s", (project_id,)).fetchone()
    return None if row is None else str(row[0])
