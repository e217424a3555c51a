"""Page tokens: the place where a list goes on, signed, and bound to its filters."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from uuid import UUID

import orjson

from api_schemas.errors import KantorError

_SIGNATURE = 16


def sign(last: UUID, filters: object, pepper: bytes) -> str:
    """A token for what follows ``last`` in a list with these filters (any JSON value)."""
    return urlsafe_b64encode(last.bytes + _mac(last, filters, pepper)).decode().rstrip("=")


def read(token: str, filters: object, pepper: bytes) -> UUID:
    """The id after which the page begins.

    Raises:
        KantorError: ``invalid-page-token``: not a token of this server, or of a list with other filters.
    """
    try:
        raw = urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except (Error, ValueError):
        raw = b""
    if len(raw) == 16 + _SIGNATURE:
        last = UUID(bytes=raw[:16])
        if hmac.compare_digest(raw[16:], _mac(last, filters, pepper)):
            return last
    raise KantorError(
        "invalid-page-token",
        "This page token does not belong to this query. Use next_page_token as it was given, with the same filters, "
        "or leave it out to begin anew.",
    )


def _mac(last: UUID, filters: object, pepper: bytes) -> bytes:
    canonical = orjson.dumps(filters, option=orjson.OPT_SORT_KEYS)
    return hmac.new(pepper, b"page\0" + last.bytes + canonical, hashlib.sha256).digest()[:_SIGNATURE]
