"""Request headers that need reading: Prefer, Last-Event-ID, Accept, If-None-Match, Range, Idempotency-Key."""

from __future__ import annotations

import re

from starlette.requests import Request

from api_schemas.errors import FieldError, KantorError

LONGEST_WAIT = 60.0
"""Seconds that one request may wait for a job; who wants longer asks again."""

_WAIT = re.compile(r"\d{1,9}(\.\d{1,6})?$")
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})$")


def refuse(name: str, detail: str, hint: str) -> KantorError:
    """The error for a header (or query parameter) that cannot be read."""
    return KantorError(
        "invalid-request", f"{name}: {detail}", errors=[FieldError(pointer=name, detail=detail, hint=hint)]
    )


def prefer_wait(header: str | None) -> float | None:
    """Seconds of ``Prefer: wait=N`` (RFC 7240), at most ``LONGEST_WAIT``; None if absent. Other preferences pass.

    Raises:
        KantorError: N is not a number of seconds.
    """
    for preference in (header or "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            text = value.strip().strip('"')
            if not _WAIT.match(text):
                raise refuse("Prefer", "wait needs a number of seconds", "Prefer: wait=10")
            return min(float(text), LONGEST_WAIT)
    return None


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false; absent: false.

    Raises:
        KantorError: another value.
    """
    text = request.query_params.get(name, "false") if request.scope["query_string"] else "false"
    if text not in {"true", "false"}:
        raise refuse(name, "must be true or false", f"{name}=true")
    return text == "true"


def applied(wait: float) -> str:
    """Value of ``Preference-Applied`` for the wait that was granted."""
    return f"wait={wait:g}"


def last_event_id(header: str | None) -> int | None:
    """The number of the last event that a client has seen.

    Raises:
        KantorError: not a number.
    """
    text = (header or "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:20]) >= 2**31:
        raise refuse("Last-Event-ID", "must be the id of an event", "the number that stood in the last id: line")
    return int(text)


def idempotency_key(header: str | None) -> str | None:
    """The idempotency key, if one is given.

    Raises:
        KantorError: empty, longer than 255, or with characters that are not printable ASCII.
    """
    if header is None:
        return None
    if not 1 <= len(header) <= 255 or not header.isascii() or not header.isprintable():
        raise refuse("Idempotency-Key", "must have 1 to 255 printable ASCII characters", "a UUID, or a name of the run")
    return header


def accepted(header: str | None, offered: list[str]) -> str:
    """The media type to send: the client's most preferred of those offered; the first for ``*/*`` or no header.

    Raises:
        KantorError: ``not-acceptable``.
    """
    best, best_rank = "", 0.0
    for part in (header or "*/*").split(","):
        kind, _, parameters = part.partition(";")
        kind = kind.strip().lower()
        quality = re.search(r"\bq=([01](?:\.\d{0,3})?)\s*$", parameters.strip())
        rank = float(quality[1]) if quality else 1.0
        match = next((offer for offer in offered if kind in {offer, "*/*", offer.partition("/")[0] + "/*"}), None)
        if match is not None and rank > best_rank:
            best, best_rank = match, rank
    if not best:
        raise KantorError("not-acceptable", f"This address sends {' or '.join(offered)}.")
    return best


def matches(if_none_match: str | None, etag: str) -> bool:
    """True if the client has this version already (weak comparison, RFC 9110)."""
    tags = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and past-the-last byte of ``Range``; None to send everything (no range, several, or another unit).

    Raises:
        KantorError: ``range-not-satisfiable``.
    """
    match = _RANGE.match((header or "").strip())
    if match is None or (not match[1] and not match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        start, end = max(0, size - length), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < int(match[1]):
            return None
    if start >= size or start >= end:
        raise KantorError(
            "range-not-satisfiable", f"The content has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, end


def content_disposition(filename: str) -> str:
    """``attachment`` with a file name that no browser or shell can misread (RFC 6266)."""
    from urllib.parse import quote

    name = filename.replace("\\", "/").rpartition("/")[2].strip(". ") or "artifact"
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
