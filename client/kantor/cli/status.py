"""``kantor status``, ``kantor version``, ``kantor completion``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from kantor.cli import output
from kantor.cli.session import Json, session


def status(json: Json = False) -> None:
    """The service at a glance: queues and workers."""
    from rich.text import Text

    with session() as client:
        found, workers, url = client.status(), client.workers(), client.url
    if json:
        output.print_json({"url": url, **found.model_dump(), "workers": workers})
        return
    output.show(
        Text(f"Kantor {found.version} at {url}, project {found.project} (this key may {', '.join(found.scopes)})")
    )
    queues = output.table("pool", "queued>", "running>", "oldest queued")
    for queue in found.queues:
        oldest = "-" if queue.oldest_queued_seconds is None else f"{queue.oldest_queued_seconds:.0f} s"
        queues.add_row(queue.pool, str(queue.queued), str(queue.running), oldest)
    if found.queues:
        output.show(Text(""))
        output.show(queues)
    output.show(Text(""))
    if not workers:
        output.show(Text("No worker is running: jobs are accepted and wait.", "yellow"))
        return
    table = output.table("worker", "host", "pools", "busy>", "engines", "heard of")
    for worker in workers:
        busy = f"{worker.running} of {worker.concurrency}"
        table.add_row(
            Text(worker.id, no_wrap=True),
            Text(worker.host),
            ", ".join(worker.pools),
            busy,
            output.families(worker.engines),
            output.ago(worker.heartbeat_at),
        )
    output.show(table)
    for worker in workers:
        left_open = [
            name for name in ("network", "files", "processes") if worker.resources.get(name, "closed") != "closed"
        ]
        if left_open:
            why = str(worker.resources[left_open[0]]).removeprefix("open: ")
            what = " and ".join(left_open)
            output.show(Text(f"{worker.id} does not cut solving off from {what}: {why}", "yellow"))


def version(json: Json = False) -> None:
    """Versions of this command and of the server, if one is reachable."""
    from kantor._version import __version__
    from kantor.errors import KantorError

    server = None
    try:
        with session() as client:
            server = client.status().version
    except KantorError:
        server = None
    if json:
        output.print_json({"kantor": __version__, "server": server})
    else:
        typer.echo(f"kantor {__version__}" + (f", server {server}" if server else ""))


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish", "powershell"], typer.Argument(help="Your shell.")],
) -> None:
    """Print the completion script for a shell: `source <(kantor completion bash)`."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name="kantor", complete_var="_KANTOR_COMPLETE", shell=shell))
