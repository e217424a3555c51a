"""The client of a command: of the server that is there, or of one started for this call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kantor.cli import output
from kantor.cli.output import State

if TYPE_CHECKING:
    from kantor.client import Client

Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
EmbeddedServer = Annotated[
    bool,
    typer.Option(
        "--embedded",
        help="Start a server for this call and stop it after; in KANTOR_HOME/embedded or a temporary folder.",
    ),
]


@contextmanager
def session(embedded: bool = False) -> Iterator[Client]:
    """A client, closed at the end."""
    from kantor.client import Client

    if not embedded:
        with Client(State.url, State.api_key) as client:
            yield client
        return
    from kantor.embedded import Embedded

    home = os.environ.get("KANTOR_HOME")
    output.say("Starting an embedded Kantor...", "dim")
    with Embedded(Path(home) / "embedded" if home else None) as server, Client(server.url, server.api_key) as client:
        yield client
