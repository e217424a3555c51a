"""``kantor webhooks``."""

from __future__ import annotations

from typing import Annotated

import typer

from kantor.cli import output
from kantor.cli.session import Json, session

app = typer.Typer(help="Who is told when jobs end (needs the scope admin).", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="https address that takes signed POSTs.")],
    event: Annotated[
        list[str] | None, typer.Option("--event", help="job.succeeded, job.failed...; by default all.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a webhook and print its secret, which is shown this once."""
    with session() as client:
        made = client.webhooks.create(url, event)  # type: ignore[arg-type]  # the contract checks the names
    if json:
        output.print_json(made)
        return
    output.say(f"{made.id} tells {made.url}. Its secret is shown this once; deliveries are signed with it:")
    typer.echo(made.secret)


@app.command("list")
def list_webhooks(json: Json = False) -> None:
    """All webhooks, newest first."""
    from rich.text import Text

    with session() as client:
        found = client.webhooks.list()
    if json:
        output.print_json(found)
        return
    table = output.table("id", "address", "events", "state")
    for hook in found:
        state = "on" if hook.active else f"off: {hook.disabled_reason}".rstrip(": ")
        table.add_row(Text(hook.id, no_wrap=True), Text(hook.url), ", ".join(hook.events), Text(state))
    output.show(table)


@app.command()
def deliveries(webhook_id: Id, limit: Annotated[int, typer.Option("--limit", min=1)] = 20, json: Json = False) -> None:
    """What was delivered and what is tried again, newest first."""
    from rich.text import Text

    with session() as client:
        found = client.webhooks.deliveries(webhook_id, limit=limit)
    if json:
        output.print_json(found)
        return
    table = output.table("id", "type", "job", "made", "tries", "outcome")
    for item in found:
        if item.delivered_at:
            outcome = f"delivered {output.ago(item.delivered_at)}"
        else:
            again = "given up" if item.next_at is None else f"again {item.next_at:%Y-%m-%d %H:%M:%S}"
            outcome = f"{item.last_error or item.last_status or 'waiting'}; {again}"
        row = (item.type, item.job_id or "", output.ago(item.created_at), str(item.attempts), outcome)
        table.add_row(Text(item.id, no_wrap=True), *map(Text, row))
    output.show(table)


@app.command()
def replay(webhook_id: Id, delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY")], json: Json = False) -> None:
    """Deliver once more, under the same id."""
    with session() as client:
        found = client.webhooks.replay(webhook_id, delivery_id)
    output.print_json(found) if json else output.say(f"{found.id} is on its way again.")


@app.command()
def rotate(
    webhook_id: Id,
    overlap: Annotated[str, typer.Option("--overlap", metavar="AGE", help="How long both secrets sign.")] = "1d",
    json: Json = False,
) -> None:
    """A new secret, which is shown this once."""
    from kantor.cli.jobs import seconds

    with session() as client:
        made = client.webhooks.rotate(webhook_id, overlap=seconds(overlap, "--overlap"))
    if json:
        output.print_json(made)
        return
    output.say(f"The new secret of {made.id} is shown this once; for {overlap} the old one signs too:")
    typer.echo(made.secret)


@app.command("test")
def send_test(webhook_id: Id, json: Json = False) -> None:
    """Send an event of type webhook.test."""
    with session() as client:
        found = client.webhooks.test(webhook_id)
    output.print_json(found) if json else output.say(f"{found.id} is on its way; see: kantor webhooks deliveries")


@app.command()
def delete(webhook_id: Id, json: Json = False) -> None:
    """Delete it with its deliveries."""
    with session() as client:
        client.webhooks.delete(webhook_id)
    output.print_json({"deleted": webhook_id}) if json else output.say(f"{webhook_id} is gone.")
