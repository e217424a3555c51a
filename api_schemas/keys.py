"""API keys: ``kt_``, 37 random base-62 letters, 6 letters of checksum: a typing error is found without the server."""

from __future__ import annotations

import secrets
import zlib
from typing import Annotated, Literal

from pydantic import Field

from api_schemas.base import Model, Name, Reply, Time

PREFIX = "kt_"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Scope = Literal["read", "write", "admin", "owner"]
"""read: see jobs and artifacts; write: submit, cancel, delete; admin: manage keys and webhooks of the project; owner:
manage projects and members of the organisation."""


def new_secret() -> str:
    """A new key's secret; 220 random bits."""
    body = "".join(secrets.choice(_BASE62) for _ in range(37))
    return f"{PREFIX}{body}{_checksum(body)}"


def well_formed(secret: str) -> bool:
    """True if prefix, length, alphabet and checksum fit."""
    body, check = secret[len(PREFIX) : -6], secret[-6:]
    return (
        secret.startswith(PREFIX) and len(body) == 37 and body.isalnum() and body.isascii() and _checksum(body) == check
    )


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    letters = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        letters.append(_BASE62[digit])
    return "".join(reversed(letters))


class KeyRequest(Model):
    """A new key for the project of the key that asks."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=16)] = ["read", "write"]
    expires_in: Annotated[float, Field(gt=0, le=100 * 366 * 86400)] | None = None
    """Seconds; None: until revoked."""
    member: Annotated[str, Field(pattern=r"^mem_[0-7][0-9a-hjkmnp-tv-z]{25}$")] | None = None
    """Whose key it is: it does no more than the member's role allows, and goes with the member. None: a machine's."""
    project: Annotated[str, Field(pattern=r"^prj_[0-7][0-9a-hjkmnp-tv-z]{25}$")] | None = None
    """Of the same organisation; other than the project of the key that asks only for the scope "owner"."""


class KeyRotation(Model):
    """A new secret for a key."""

    overlap: Annotated[float, Field(ge=0, le=90 * 86400)] = 86400.0
    """Seconds that the old key goes on working."""


class Key(Reply):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    last4: str
    created_at: Time
    expires_at: Time | None = None
    revoked_at: Time | None = None
    last_used_at: Time | None = None
    """To the minute."""
    member: str | None = None
    replaced_by: str | None = None
    """The key that takes its place; this one works until ``expires_at``."""


class NewKey(Key):
    """A key just made: the only time that its secret is shown."""

    secret: str


class KeyList(Reply):
    keys: list[Key]
