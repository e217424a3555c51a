"""``kantor engines``."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kantor.cli import output
from kantor.cli.session import EmbeddedServer, Json, session

if TYPE_CHECKING:
    from api_schemas.engines import Engine, OptionSpec


def engines(
    engine_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show one engine in full; FAMILY:ID where several share an id.")
    ] = None,
    embedded: EmbeddedServer = False,
    json: Json = False,
) -> None:
    """What live workers offer, with options and defaults."""
    with session(embedded) as client:
        found = client.engines()
    if engine_id is not None:
        _one(found, engine_id, json=json)
    elif json:
        output.print_json(found)
    elif not found:
        output.say(
            "No worker is running, so there are no engines. `kantor status` shows workers; `kantor doctor` helps."
        )
    else:
        _all(found)


def _all(found: list[Engine]) -> None:
    from rich.text import Text

    table = output.table("engine", "family", "version", "workers>", "solves", "what for")
    for engine in found:
        table.add_row(
            Text(engine.id, "bold"),
            engine.family,
            engine.version,
            str(engine.workers),
            ", ".join(sorted(engine.solves)),
            Text(engine.summary),
        )
    output.show(table)
    for family in sorted({engine.family for engine in found}):
        shared = next(engine.shared_options for engine in found if engine.family == family)
        if shared:
            output.show(Text(f"\nOptions of every {family} engine", "bold"))
            output.show(_options(shared))
    output.show(Text("\n`kantor engines ID` shows the options of one engine.", "dim"))


def _one(found: list[Engine], engine_id: str, *, json: bool) -> None:
    from kantor.errors import UnknownEngine

    family, _, name = engine_id.rpartition(":")
    chosen = [item for item in found if item.id == name and family in ("", item.family)]
    if not chosen:
        near = difflib.get_close_matches(name, [item.id for item in found], n=1)
        known = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(item.id for item in found) or 'none'}"
        raise UnknownEngine(f"no live worker offers an engine {engine_id!r}; {known}")
    if json:
        output.print_json(chosen[0] if len(chosen) == 1 else chosen)
        return
    for k, engine in enumerate(chosen):
        if k:
            output.show("")
        _whole(engine)


def _whole(engine: Engine) -> None:
    from rich.text import Text

    output.show(Text.assemble((f"{engine.title} ", "bold"), f"{engine.version} ({engine.family}, pool {engine.pool})"))
    output.show(Text(engine.summary))
    output.show(Text(f"solves: {', '.join(sorted(engine.solves))}"))
    if engine.capabilities:
        output.show(Text(f"can: {', '.join(sorted(engine.capabilities))}"))
    if engine.citation:
        output.show(Text(engine.citation, "dim"))
    if engine.options:
        output.show(Text("\nIts own options (-o name=value)", "bold"))
        output.show(_options(engine.options))
    output.show(Text("\nOptions of every engine", "bold"))
    output.show(_options(engine.shared_options))


def _options(options: list[OptionSpec]) -> Any:
    from rich.text import Text

    table = output.table("option", "type", "default", "range", "")
    for option in options:
        default = (
            "engine's"
            if option.default is None
            else str(option.default).lower()
            if option.type == "boolean"
            else f"{option.default}"
        )
        unit = f" {option.unit}" if option.unit and option.default is not None else ""
        table.add_row(
            Text(option.name), option.type, Text(f"{default}{unit}"), Text(_range(option)), Text(option.description)
        )
    return table


def _range(option: OptionSpec) -> str:
    if option.choices:
        return " | ".join(option.choices)
    low, high = option.minimum, option.maximum
    if low is not None and high is not None:
        return f"{low:.10g} to {high:.10g}"
    return f">= {low:g}" if low is not None else f"<= {high:g}" if high is not None else ""
