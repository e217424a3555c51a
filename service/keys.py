"""API keys. Only HMAC-SHA256(pepper, secret) is stored, and found by a unique index: no comparison to time."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from api_schemas.errors import KantorError
from api_schemas.ids import KEY, MEMBER, encode, new_uuid
from api_schemas.keys import Key, NewKey, new_secret, well_formed
from api_schemas.tenants import ROLE_SCOPES
from service.settings import Settings
from service.store.connect import Database
from service.tenants.limits import COLUMNS, Limits


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a key of a project, and what it may do.

    Attributes:
        scopes: the key's; of a member's key only what the member's role still allows.
    """

    project_id: UUID
    key_id: UUID
    scopes: frozenset[str]
    organisation_id: UUID = field(default=UUID(int=0), compare=False)
    member_id: UUID | None = field(default=None, compare=False)
    limits: Limits = field(default=Limits(), compare=False)

    def require(self, scope: str) -> None:
        """Raises ``KantorError`` "forbidden" if the key lacks the scope."""
        if scope not in self.scopes:
            raise KantorError(
                "forbidden", f"This key lacks the scope {scope!r}; it has {', '.join(sorted(self.scopes))}."
            )

    def require_at_most(self, scopes: Iterable[str], member_id: UUID | None) -> None:
        """Nobody gives away more than they have: ``KantorError`` "forbidden" for a key of an owner, or of another
        member, unless an owner asks."""
        if "owner" in scopes:
            self.require("owner")
        if member_id not in (None, self.member_id) and "owner" not in self.scopes:
            raise KantorError("forbidden", "A key of another member takes the scope 'owner'.")


_FIELDS = "id, name, scopes, last4, created_at, expires_at, revoked_at, last_used_at, member_id, replaced_by"

# Marks the use at most once a minute, so that a busy key is not a busy row.
_LOOK_UP = f"""
WITH found AS (
    SELECT api_key.id, project_id, scopes, expires_at, last_used_at, api_key.member_id, project.organisation_id,
        member.role, (SELECT role FROM project_role WHERE project_role.member_id = member.id
                      AND project_role.project_id = api_key.project_id) AS project_role, {COLUMNS}
    FROM api_key JOIN project ON project.id = project_id AND project.archived_at IS NULL
        LEFT JOIN member ON member.id = api_key.member_id
    WHERE secret_hmac = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
), used AS (
    UPDATE api_key SET last_used_at = now()
    WHERE id = (SELECT id FROM found WHERE last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
)
SELECT project_id, id, scopes, extract(epoch FROM expires_at - now())::double precision, organisation_id, member_id,
    role, project_role, {COLUMNS.replace("project.", "")} FROM found
"""  # noqa: S608

_CACHE_SIZE = 4096
_cache: dict[bytes, tuple[float, Principal]] = {}
_lock = threading.Lock()


def create(
    conn: Database,
    project_id: UUID,
    *,
    name: str,
    scopes: Sequence[str] = ("read", "write"),
    expires_in: float | None = None,
    member_id: UUID | None = None,
    settings: Settings,
) -> NewKey:
    """Make a key. The secret is in the return value and nowhere else.

    Args:
        expires_in: seconds; None: until revoked.
        member_id: whose key it is; None: a machine's.

    Raises:
        KantorError: ``not-found``: the project's organisation has no such member.
    """
    secret = new_secret()
    row = conn.execute(
        f"INSERT INTO api_key (id, project_id, name, secret_hmac, last4, scopes, expires_at, member_id)"  # noqa: S608
        " SELECT %s, project.id, %s, %s, %s, %s, now() + %s, %s::uuid FROM project WHERE id = %s AND (%s::uuid IS NULL"
        " OR EXISTS (SELECT FROM member WHERE member.id = %s AND member.organisation_id = project.organisation_id))"
        f" RETURNING {_FIELDS}",
        (
            new_uuid(),
            name,
            _digest(secret, settings),
            secret[-4:],
            sorted(set(scopes)),
            None if expires_in is None else timedelta(seconds=expires_in),
            member_id,
            project_id,
            member_id,
            member_id,
        ),
    ).fetchone()
    if row is None:
        whose = "" if member_id is None else encode(MEMBER, member_id)
        raise KantorError("not-found", f"There is no member {whose} in this organisation.")
    return NewKey(**_key(row).model_dump(), secret=secret)


def rotate(conn: Database, who: Principal, key_id: UUID, *, overlap: float, settings: Settings) -> NewKey:
    """A new key in the place of an old one, which goes on working for ``overlap`` seconds.

    Raises:
        KantorError: ``not-found``; ``conflict``: it is revoked, has expired, or was replaced already; ``forbidden``: it
            is an owner's or another member's key, and no owner asks.
    """
    secret = new_secret()
    with conn.transaction():
        old = conn.execute(
            "SELECT revoked_at IS NOT NULL OR expires_at <= now(), replaced_by, scopes, member_id FROM api_key"
            " WHERE project_id = %s AND id = %s FOR UPDATE",
            (who.project_id, key_id),
        ).fetchone()
        if old is None:
            raise KantorError("not-found", f"There is no key {encode(KEY, key_id)} in this project.")
        who.require_at_most(old[2], old[3])
        if old[0] or old[1] is not None:
            why = "was replaced already" if old[1] is not None else "is revoked or has expired"
            raise KantorError("conflict", f"Key {encode(KEY, key_id)} {why}.")
        row = conn.execute(
            "INSERT INTO api_key (id, project_id, name, secret_hmac, last4, scopes, expires_at, member_id)"  # noqa: S608
            " SELECT %s, project_id, name, %s, %s, scopes, expires_at, member_id FROM api_key WHERE id = %s"
            f" RETURNING {_FIELDS}",
            (new_uuid(), _digest(secret, settings), secret[-4:], key_id),
        ).fetchone()
        assert row is not None
        conn.execute(
            "UPDATE api_key SET replaced_by = %s, expires_at = least(expires_at, now() + %s) WHERE id = %s",
            (row[0], timedelta(seconds=overlap), key_id),
        )
    _forget_key(key_id)
    return NewKey(**_key(row).model_dump(), secret=secret)


def recall(secret: str, settings: Settings) -> Principal | None:
    """What this process knows of a key without asking the database; None: ask by ``authenticate``."""
    entry = _cache.get(_digest(secret, settings))
    return entry[1] if entry is not None and entry[0] > time.monotonic() else None


def authenticate(conn: Database, secret: str, settings: Settings) -> Principal:
    """The owner of a secret. A process remembers it for ``key_cache_seconds``: a revoked key works at most that longer.

    Raises:
        KantorError: ``unauthenticated``: malformed, unknown, revoked or expired (which of the last three is not said).
    """
    known = recall(secret, settings)
    if known is not None:
        return known
    if not well_formed(secret):
        raise KantorError(
            "unauthenticated",
            "This is not an API key: a key is kt_ and 43 letters with a checksum. Was it copied whole?",
        )
    digest = _digest(secret, settings)
    row = conn.execute(_LOOK_UP, {"digest": digest}, prepare=True).fetchone() or _moved(conn, secret, digest, settings)
    if row is None:
        raise KantorError("unauthenticated", "This API key is unknown, revoked or expired.")
    project_id, key_id, scopes, left, organisation_id, member_id, role, project_role, *quotas = row
    allowed = frozenset(scopes)
    if member_id is not None:
        allowed &= {*ROLE_SCOPES.get(role, ()), *ROLE_SCOPES.get(project_role, ())}
    principal = Principal(project_id, key_id, allowed, organisation_id, member_id, Limits(*quotas))
    seconds = settings.key_cache_seconds if left is None else min(settings.key_cache_seconds, left)
    with _lock:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        _cache[digest] = (time.monotonic() + seconds, principal)
    return principal


def _moved(conn: Database, secret: str, digest: bytes, settings: Settings) -> tuple[Any, ...] | None:
    """What is known of a key that was hashed with the pepper before; from now on it is hashed with the new one."""
    for pepper in settings.peppers[1:]:
        before = hmac.digest(pepper, secret.encode(), hashlib.sha256)
        row = conn.execute(_LOOK_UP, {"digest": before}, prepare=True).fetchone()
        if row is not None:
            conn.execute("UPDATE api_key SET secret_hmac = %s WHERE secret_hmac = %s", (digest, before))
            return row
    return None


def revoke(conn: Database, project_id: UUID, key_id: UUID) -> Key:
    """End a key for good. Revoking twice is the same as once.

    Raises:
        KantorError: ``not-found``.
    """
    row = conn.execute(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, now())"  # noqa: S608
        f" WHERE project_id = %s AND id = %s RETURNING {_FIELDS}",
        (project_id, key_id),
    ).fetchone()
    if row is None:
        raise KantorError("not-found", f"There is no key {encode(KEY, key_id)} in this project.")
    _forget_key(key_id)
    return _key(row)


def _forget_key(key_id: UUID) -> None:
    with _lock:
        for digest in [digest for digest, entry in _cache.items() if entry[1].key_id == key_id]:
            del _cache[digest]


def list_keys(conn: Database, project_id: UUID) -> list[Key]:
    """The project's keys, newest first, without secrets."""
    rows = conn.execute(
        f"SELECT {_FIELDS} FROM api_key WHERE project_id = %s ORDER BY id DESC",  # noqa: S608
        (project_id,),
    ).fetchall()
    return [_key(row) for row in rows]


def forget() -> None:
    """Empty this process's cache."""
    with _lock:
        _cache.clear()


def _key(row: tuple[object, ...]) -> Key:
    names = [name.strip() for name in _FIELDS.split(",")]
    values = dict(zip(names, row, strict=True))
    key_id = values.pop("id")
    assert isinstance(key_id, UUID)
    for name, prefix in (("member_id", MEMBER), ("replaced_by", KEY)):
        other = values.pop(name)
        values[name.removesuffix("_id")] = encode(prefix, other) if isinstance(other, UUID) else None
    return Key.model_validate({"id": encode(KEY, key_id), **values})


def _digest(secret: str, settings: Settings) -> bytes:
    return hmac.digest(settings.pepper, secret.encode(), hashlib.sha256)
