"""The audit log: who did what, written in the transaction that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

import orjson

from api_schemas.errors import KantorError
from api_schemas.ids import AUDIT, KEY, MEMBER, PROJECT, decode, encode, new_uuid
from api_schemas.tenants import AuditEntry
from service.keys import Principal
from service.store.connect import Database

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which request."""

    principal: Principal
    request_id: str = ""


def record(conn: Database, actor: Actor, action: str, target: str = "", data: Mapping[str, Any] | None = None) -> None:
    """Add an entry. ``data`` must hold no secret."""
    who = actor.principal
    conn.execute(
        "INSERT INTO audit (id, organisation_id, project_id, key_id, member_id, action, target, request_id, data)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            new_uuid(),
            who.organisation_id,
            who.project_id,
            who.key_id,
            who.member_id,
            action,
            target,
            actor.request_id,
            orjson.dumps(dict(data or {}), default=str).decode(),
        ),
    )


def done(
    conn: Database,
    actor: Actor,
    action: str,
    target: str,
    function: Callable[Concatenate[Database, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Call ``function(conn, ...)`` and record it, in one transaction: neither is there without the other."""
    with conn.transaction():
        result = function(conn, *args, **kwargs)
        record(conn, actor, action, target)
    return result


def entries(
    conn: Database, principal: Principal, *, whole_organisation: bool, page_size: int, page_token: str
) -> tuple[list[AuditEntry], str]:
    """A page of the log, newest first: of the key's project, or of its whole organisation.

    Raises:
        KantorError: ``invalid-page-token``.
    """
    column, value = (
        ("organisation_id", principal.organisation_id)
        if whole_organisation
        else (
            "project_id",
            principal.project_id,
        )
    )
    try:
        before = decode(AUDIT, page_token) if page_token else UUID(int=(1 << 128) - 1)
    except ValueError:
        raise KantorError("invalid-page-token", "This is no page token of the audit log.") from None
    rows = conn.execute(
        f"SELECT id, at, project_id, key_id, member_id, action, target, request_id, data FROM audit"  # noqa: S608
        f" WHERE {column} = %s AND id < %s ORDER BY id DESC LIMIT %s",
        (value, before, page_size + 1),
    ).fetchall()
    found = [
        AuditEntry(
            id=encode(AUDIT, row[0]),
            at=row[1],
            project=encode(PROJECT, row[2]) if row[2] else None,
            key=encode(KEY, row[3]) if row[3] else None,
            member=encode(MEMBER, row[4]) if row[4] else None,
            action=row[5],
            target=row[6],
            request_id=row[7],
            data=row[8],
        )
        for row in rows[:page_size]
    ]
    return found, found[-1].id if len(rows) > page_size else ""
