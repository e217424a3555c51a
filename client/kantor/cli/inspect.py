"""``kantor inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
    from kantor.cli.solve import _program

    program = _program(file, "auto")
    with session(embedded) as client:
        found = client.inspect(program)
    if json:
        output.print_json(found)
    else:
        report(found)


def report(found: Inspection) -> None:
    """To stdout: the words, then a table for each part, then the warnings."""
    from rich.text import Text

    output.show(Text(found.summary))
    for title, part in found.details.items():
        if part in (None, {}, [], ""):
            continue
        output.show(Text(f"\n{_words(title)}", "bold"))
        output.show(_part(part))
    for warning in found.warnings:
        output.show(Text.assemble(("! ", "bold yellow"), warning))


def _part(part: Any) -> Any:
    """Whatever a family has to say: mappings become two columns, lists of mappings a table."""
    from rich.text import Text

    if isinstance(part, dict):
        flat = {key: value for key, value in part.items() if value not in (None, {}, [])}
        if flat and all(isinstance(value, dict) for value in flat.values()):
            return _records([{"": _words(key), **value} for key, value in flat.items()])
        table = output.table("", "")
        table.show_header = False
        for key, value in flat.items():
            table.add_row(Text(f"  {_words(key)}", "dim"), Text(_cell(value)))
        return table
    if isinstance(part, list) and part and all(isinstance(item, dict) for item in part):
        return _records(part)
    return Text(f"  {_cell(part)}")


def _records(records: list[dict[str, Any]]) -> Any:
    from rich.text import Text

    columns = list(dict.fromkeys(key for record in records for key in record))
    numeric = {
        key for key in columns if all(isinstance(record.get(key), (int, float, type(None))) for record in records)
    }
    table = output.table(*(f"{_words(key)}>" if key in numeric else _words(key) for key in columns))
    for record in records:
        table.add_row(*(Text(_cell(record.get(key))) for key in columns))
    return table


def _words(key: str) -> str:
    return key.replace("_", " ").replace("-", " ")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{_words(str(key))} {_cell(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        shown = [_cell(item) for item in value[:12]]
        return ", ".join(shown) + (f" and {len(value) - 12} more" if len(value) > 12 else "")
    return str(value)
