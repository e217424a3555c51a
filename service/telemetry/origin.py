"""Where work comes from: the request's id and its place in a trace (W3C Trace Context), kept with every job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from uuid import UUID

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a request, or of the job that went before.

    Attributes:
        traceparent: the span that what follows belongs to; None: there is no trace.
        key_id: the API key that asks, once it is known; None in workers.
    """

    request_id: str = ""
    traceparent: str | None = None
    key_id: UUID | None = None


_NONE = Origin()
_current: ContextVar[Origin] = ContextVar("kantor.origin", default=_NONE)


def current() -> Origin:
    """Of the request or job at work here."""
    return _current.get()


def enter(origin: Origin) -> None:
    """From now on, in this task."""
    _current.set(origin)


def asks(key_id: UUID) -> None:
    """From now on, in this task, it is this key that asks."""
    _current.set(replace(_current.get(), key_id=key_id))


@contextmanager
def within(origin: Origin) -> Iterator[None]:
    """Within the block."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)


def traceparent(header: str | None) -> str | None:
    """The header if it is one of version 00; what cannot be read is as if it were not there (W3C, section 3.2)."""
    return header if header is not None and _TRACEPARENT.match(header) else None
