"""The steps of a conversation. A flow yields them and is sent what they gave; it never touches the network or a clock
itself."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        path: below the server's address, beginning with ``/``.
        body: bytes, or a file that is streamed anew at each try.
        hold: seconds that the server may keep the reply back on purpose; added to the read timeout.
        repeatable: sending it twice does no harm.
        silence: instead of the client's timeout: seconds without a byte after which the connection counts as broken.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path | None = None
    hold: float = 0.0
    repeatable: bool = True
    silence: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Do the request; gives a ``Reply`` whatever its status.

    Raises:
        BrokenConnection: nothing (whole) came back.
    """

    call: Call


@dataclass(frozen=True, slots=True)
class Save:
    """As ``Send``, but a body of status 200 goes to ``target``, and the reply's content is empty."""

    call: Call
    target: Path


@dataclass(frozen=True, slots=True)
class Open:
    """Begin to read a stream; closes the one before. Gives a ``Reply``; its content is empty for status 200."""

    call: Call


@dataclass(frozen=True, slots=True)
class Read:
    """The next bytes of the open stream, or None when it is over.

    Raises:
        BrokenConnection: it broke, or was silent for too long.
    """


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a value to whoever iterates over the flow."""

    value: Any


Step = Send | Save | Open | Read | Sleep | Emit
Flow = Generator[Step, Any, T]


class BrokenConnection(Exception):
    """Seen by flows only.

    Attributes:
        sent: the server may have seen the request.
        timed_out: the connection stood, but nothing came in time.
    """

    def __init__(self, detail: str, *, sent: bool, timed_out: bool) -> None:
        super().__init__(detail)
        self.sent = sent
        self.timed_out = timed_out
