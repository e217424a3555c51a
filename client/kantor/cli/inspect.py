"""``kantor inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kantor.cli import output
from kantor.cli.session import EmbeddedServer, Json, session

if TYPE_CHECKING:
    from api_schemas.jobs import Inspection


def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A model file; - for stdin.")],
    embedded: EmbeddedServer = False,
    json: Json = False,
) -> None:
    """Size, structure, numerics and the kind of every constraint, before anything is solved."""
    from kantor.cli.solve import _problem

    program = _problem(file, "auto")
    with session(embedded) as client:
        found = client.inspect(program)
    if json:
        output.print_json(found)
    else:
        report(found)


def report(found: Inspection) -> None:
    """To stdout: the words, the figures, the warnings."""
    from rich.text import Text

    from kantor.cli import details

    output.show(Text(found.summary))
    details.show(found.details)
    if found.warnings:
        output.show(Text(""))
    for warning in found.warnings:
        output.show(Text.assemble(("! ", "bold yellow"), warning))
