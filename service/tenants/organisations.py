"""Organisations with their projects and members. Every function takes the organisation first: no other is reached."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import orjson
import psycopg

from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import MEMBER, ORGANISATION, PROJECT, decode, encode, new_uuid
from api_schemas.tenants import Member, Organisation, Project
from service import keys
from service.store.connect import Database

_PROJECT = "id, name, created_at, archived_at"
_MEMBERS = """
SELECT member.id, email, member.name, member.role, member.created_at, coalesce(
    (SELECT json_object_agg(project_id, project_role.role) FROM project_role WHERE member_id = member.id), '{}')
FROM member WHERE organisation_id = %s AND (%s::uuid IS NULL OR member.id = %s) ORDER BY member.id
"""
_ROLES = """
INSERT INTO project_role (member_id, project_id, role)
SELECT %(member)s, project.id, given.role
FROM jsonb_to_recordset(%(roles)s::jsonb) AS given (project uuid, role text)
    JOIN project ON project.id = given.project AND project.organisation_id = %(organisation)s
RETURNING project_id
"""


def get(conn: Database, organisation_id: UUID) -> Organisation:
    """The organisation itself."""
    row = conn.execute("SELECT name, created_at FROM organisation WHERE id = %s", (organisation_id,)).fetchone()
    assert row is not None, "the organisation of a key"
    return Organisation(id=encode(ORGANISATION, organisation_id), name=row[0], created_at=row[1])


def projects(conn: Database, organisation_id: UUID) -> list[Project]:
    """All projects, oldest first."""
    rows = conn.execute(
        f"SELECT {_PROJECT} FROM project WHERE organisation_id = %s ORDER BY id",  # noqa: S608
        (organisation_id,),
    ).fetchall()
    return [_project(row) for row in rows]


def create_project(conn: Database, organisation_id: UUID, name: str) -> Project:
    """A new project. Its first key is made by ``create_key``.

    Raises:
        KantorError: ``conflict``: the name is taken.
    """
    row = conn.execute(
        "INSERT INTO project (id, name, organisation_id) VALUES (%s, %s, %s)"  # noqa: S608
        f" ON CONFLICT (organisation_id, name) DO NOTHING RETURNING {_PROJECT}",
        (new_uuid(), name, organisation_id),
    ).fetchone()
    if row is None:
        raise KantorError("conflict", f"The organisation has a project {name!r} already.")
    return _project(row)


def archive_project(conn: Database, organisation_id: UUID, project_id: UUID) -> Project:
    """End a project: its keys open nothing any more; its jobs run to their end and stay for their retention.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(
        "UPDATE project SET archived_at = coalesce(archived_at, now())"  # noqa: S608
        f" WHERE organisation_id = %s AND id = %s RETURNING {_PROJECT}",
        (organisation_id, project_id),
    ).fetchone()
    if row is None:
        raise _no_project(project_id)
    keys.forget()
    return _project(row)


def require_project(conn: Database, organisation_id: UUID, project_id: UUID) -> None:
    """Raises ``KantorError`` "not-found" if the organisation has no such project."""
    row = conn.execute(
        "SELECT FROM project WHERE organisation_id = %s AND id = %s", (organisation_id, project_id)
    ).fetchone()
    if row is None:
        raise _no_project(project_id)


def members(conn: Database, organisation_id: UUID) -> list[Member]:
    """All members."""
    return [_member(row) for row in conn.execute(_MEMBERS, (organisation_id, None, None)).fetchall()]


def member(conn: Database, organisation_id: UUID, member_id: UUID) -> Member:
    """One member.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(_MEMBERS, (organisation_id, member_id, member_id)).fetchone()
    if row is None:
        raise KantorError("not-found", f"There is no member {encode(MEMBER, member_id)} in this organisation.")
    return _member(row)


def add_member(
    conn: Database,
    organisation_id: UUID,
    *,
    email: str,
    name: str = "",
    role: str | None = None,
    project_roles: Mapping[str, str] | None = None,
) -> Member:
    """A new member.

    Raises:
        KantorError: ``conflict``: the address is taken; ``not-found``: a project of ``project_roles``.
    """
    member_id = new_uuid()
    with conn.transaction():
        try:
            conn.execute(
                "INSERT INTO member (id, organisation_id, email, name, role) VALUES (%s, %s, %s, %s, %s)",
                (member_id, organisation_id, email, name, role),
            )
        except psycopg.errors.UniqueViolation:
            raise KantorError("conflict", f"The organisation has a member {email} already.") from None
        _set_roles(conn, organisation_id, member_id, project_roles or {})
        return member(conn, organisation_id, member_id)


def change_member(
    conn: Database,
    organisation_id: UUID,
    member_id: UUID,
    *,
    name: str | None = None,
    role: str | None = None,
    project_roles: Mapping[str, str] | None = None,
) -> Member:
    """Change what is given; ``role`` "none" takes away the role in the organisation. Keys follow within seconds.

    Raises:
        KantorError: ``not-found``; ``conflict``: it is the last owner.
    """
    with conn.transaction():
        _keep_an_owner(conn, organisation_id, member_id, stays=role in (None, "owner"))
        row = conn.execute(
            "UPDATE member SET name = coalesce(%s, name),"
            " role = CASE WHEN %s::text IS NULL THEN role ELSE nullif(%s, 'none') END"
            " WHERE organisation_id = %s AND id = %s RETURNING id",
            (name, role, role, organisation_id, member_id),
        ).fetchone()
        if row is not None and project_roles is not None:
            conn.execute("DELETE FROM project_role WHERE member_id = %s", (member_id,))
            _set_roles(conn, organisation_id, member_id, project_roles)
        keys.forget()
        return member(conn, organisation_id, member_id)


def remove_member(conn: Database, organisation_id: UUID, member_id: UUID) -> None:
    """Remove a member and all keys that are theirs.

    Raises:
        KantorError: ``not-found``; ``conflict``: it is the last owner.
    """
    with conn.transaction():
        _keep_an_owner(conn, organisation_id, member_id, stays=False)
        found = conn.execute(
            "DELETE FROM member WHERE organisation_id = %s AND id = %s RETURNING id", (organisation_id, member_id)
        ).fetchone()
        if found is None:
            raise KantorError("not-found", f"There is no member {encode(MEMBER, member_id)} in this organisation.")
    keys.forget()


def _keep_an_owner(conn: Database, organisation_id: UUID, member_id: UUID, *, stays: bool) -> None:
    if stays:
        return
    # One change of owners at a time, so that two owners cannot remove each other.
    conn.execute("SELECT FROM organisation WHERE id = %s FOR UPDATE", (organisation_id,))
    owners = conn.execute(
        "SELECT id FROM member WHERE organisation_id = %s AND role = 'owner'", (organisation_id,)
    ).fetchall()
    if owners == [(member_id,)]:
        raise KantorError("conflict", "This is the organisation's last owner; make another member owner first.")


def _set_roles(conn: Database, organisation_id: UUID, member_id: UUID, roles: Mapping[str, str]) -> None:
    given = [{"project": str(decode(PROJECT, name)), "role": role} for name, role in roles.items()]
    values = {"member": member_id, "organisation": organisation_id, "roles": orjson.dumps(given).decode()}
    known = {encode(PROJECT, row[0]) for row in conn.execute(_ROLES, values).fetchall()}
    errors = [
        FieldError(pointer=f"/project_roles/{name}", detail="there is no such project in this organisation")
        for name in roles
        if name not in known
    ]
    if errors:
        raise KantorError("not-found", f"{errors[0].pointer}: {errors[0].detail}", errors=errors)


def _no_project(project_id: UUID) -> KantorError:
    return KantorError("not-found", f"There is no project {encode(PROJECT, project_id)} in this organisation.")


def _project(row: tuple[object, ...]) -> Project:
    values = dict(zip(_PROJECT.split(", "), row, strict=True))
    project_id = values.pop("id")
    assert isinstance(project_id, UUID)
    return Project.model_validate({"id": encode(PROJECT, project_id), **values})


def _member(row: tuple[object, ...]) -> Member:
    member_id, email, name, role, created_at, roles = row
    assert isinstance(member_id, UUID)
    assert isinstance(roles, dict)
    return Member.model_validate(
        {
            "id": encode(MEMBER, member_id),
            "email": email,
            "name": name,
            "role": role,
            "created_at": created_at,
            "project_roles": {encode(PROJECT, UUID(project)): given for project, given in roles.items()},
        }
    )
