"""``kantor inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kantor.cli import output
from kantor.cli.session import EmbeddedServer, Json, session

if TYPE_CHECKING:
    from api_schemas.jobs import Inspection


def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A model file; - for stdin.")],
    aux: Annotated[
        Path | None,
        typer.Option("--aux", help="MibS' auxiliary file: the MPS file is then a bilevel problem.", exists=True),
    ] = None,
    embedded: EmbeddedServer = False,
    json: Json = False,
) -> None:
    """Size, structure, numerics and the kind of every constraint, before anything is solved."""
    from kantor.cli.solve import read_problem

    problem = read_problem(file, "auto", aux)
    with session(embedded) as client:
        found = client.inspect(problem)
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
