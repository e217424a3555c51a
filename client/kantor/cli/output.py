"""Where words go: results to stdout, everything else to stderr. With ``--json``, stdout gets one JSON document and
nothing else."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class State:
    """Of this run of the command: set by the commands' options, read when an error is reported."""

    json = False
    url: str | None = None
    api_key: str | None = None


@cache
def stdout() -> Console:
    from rich.console import Console

    # a pipe has no width: nothing there is cut or wrapped
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 250
    return Console(highlight=False, width=width)


@cache
def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def show(renderable: Any) -> None:
    """To stdout, for people."""
    stdout().print(renderable)


def say(text: str, style: str = "") -> None:
    """To stderr, for people; nothing with ``--json``."""
    if not State.json:
        from rich.text import Text

        stderr().print(Text(text, style=style))


def print_json(value: Any) -> None:
    """The one JSON document. Infinities and NaN are the strings "Infinity", "-Infinity" and "NaN"."""
    from pydantic_core import to_json

    sys.stdout.write(to_json(value, indent=2, inf_nan_mode="strings").decode() + "\n")
    sys.stdout.flush()


def table(*columns: str, title: str = "") -> Table:
    """An empty table; columns whose name ends with ``>`` are numbers."""
    from rich.table import Table

    made = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", title=title or None, title_justify="left"
    )
    for column in columns:
        if column.endswith(">"):
            made.add_column(column[:-1], justify="right", no_wrap=True)
        else:
            made.add_column(column, overflow="fold")
    return made


def families(engines: Iterable[str]) -> str:
    """How many engines of each family there are, of their "family:id"."""
    counts = Counter(engine.partition(":")[0] for engine in engines)
    return ", ".join(f"{family} {count}" for family, count in sorted(counts.items())) or "none"


def ago(moment: datetime | None) -> str:
    """How long ago, in words."""
    if moment is None:
        return "-"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def fail(error: BaseException) -> int:
    """Report an error; returns the exit code."""
    from kantor.cli.codes import of_error

    if State.json:
        print_json({"error": _details(error)})
    from rich.text import Text

    stderr().print(Text.assemble(("Error: ", "bold red"), str(error) or type(error).__name__))
    return of_error(error)


def _details(error: BaseException) -> dict[str, Any]:
    """Problem details of an error, also of those that no server saw."""
    from kantor.errors import APIError

    if not isinstance(error, APIError):
        return {"code": _code(error), "detail": str(error)}
    details: dict[str, Any] = {
        "code": error.code,
        "detail": error.detail,
        "errors": [item.model_dump() for item in error.errors],
    }
    if error.status is not None:
        details["status"] = error.status
    if error.request_id:
        details["request_id"] = error.request_id
    return details


def _code(error: BaseException) -> str:
    """Of errors that are the client's own."""
    from kantor.errors import ConnectionFailed, JobCancelled, Timeout

    names = {
        ConnectionFailed: "not-reachable",
        Timeout: "timeout",
        JobCancelled: "cancelled",
        FileNotFoundError: "no-such-file",
    }
    return next((name for kind, name in names.items() if isinstance(error, kind)), "client-error")
