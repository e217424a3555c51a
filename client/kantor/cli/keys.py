"""``kantor keys``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from kantor.cli import output
from kantor.cli.session import Json, session

app = typer.Typer(help="API keys of the project (needs the scope admin).", no_args_is_help=True)


class Scope(StrEnum):
    """See jobs; submit, cancel and delete them; manage keys and webhooks; manage projects and members."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    OWNER = "owner"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[Scope] | None, typer.Option("--scope", help="By default read and write.")] = None,
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", metavar="AGE", help="12h, 30d...; by default never.")
    ] = None,
    member: Annotated[str | None, typer.Option("--member", metavar="ID", help="Whose key it is.")] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="ID", help="Another project (needs the scope owner).")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown this once."""
    from kantor.cli.jobs import seconds

    life = None if expires_in is None else seconds(expires_in, "--expires-in")
    with session() as client:
        scopes: list[Any] = [item.value for item in scope or (Scope.READ, Scope.WRITE)]
        key = client.keys.create(name, scopes, expires_in=life, member=member, project=project)
    if json:
        output.print_json(key)
        return
    output.say(f"The key {key.name!r} ({', '.join(key.scopes)}) is shown this once; keep it safe:")
    typer.echo(key.secret)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    overlap: Annotated[str, typer.Option("--overlap", metavar="AGE", help="How long the old one works too.")] = "1d",
    json: Json = False,
) -> None:
    """Replace a key. The new one is shown this once."""
    from kantor.cli.jobs import seconds

    with session() as client:
        key = client.keys.rotate(key_id, overlap=seconds(overlap, "--overlap"))
    if json:
        output.print_json(key)
        return
    output.say(f"{key.id} takes the place of {key_id}, which works for {overlap} more; it is shown this once:")
    typer.echo(key.secret)


@app.command("list")
def list_keys(json: Json = False) -> None:
    """All keys, without their secrets."""
    from rich.text import Text

    with session() as client:
        found = client.keys.list()
    if json:
        output.print_json(found)
        return
    table = output.table("id", "name", "scopes", "ends with", "created", "last used", "state")
    for key in found:
        state = "revoked" if key.revoked_at else f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "valid"
        used = output.ago(key.last_used_at) if key.last_used_at else "never"
        table.add_row(
            Text(key.id, no_wrap=True),
            Text(key.name),
            ", ".join(key.scopes),
            key.last4,
            output.ago(key.created_at),
            used,
            state,
        )
    output.show(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")], json: Json = False) -> None:
    """From now on the key opens nothing."""
    with session() as client:
        client.keys.revoke(key_id)
    if json:
        output.print_json({"revoked": key_id})
    else:
        output.say(f"{key_id} opens nothing any more.")
