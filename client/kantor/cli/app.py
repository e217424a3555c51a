"""The command line: every command in one place, each in a file of its own."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Annotated, NoReturn

import typer

from kantor.cli import codes, output
from kantor.cli.output import State

app = typer.Typer(
    name="kantor",
    help="Kantor: optimization as a service, with a certificate on every answer.",
    epilog=codes.HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from kantor._version import __version__

        typer.echo(f"kantor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    url: Annotated[str | None, typer.Option(help="Server (else KANTOR_URL, else a running `kantor up`).")] = None,
    api_key: Annotated[str | None, typer.Option(help="API key (else KANTOR_API_KEY).", show_default=False)] = None,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    State.url, State.api_key = url, api_key


def _register() -> None:
    from kantor.cli import (
        admin,
        engines,
        inspect,
        jobs,
        keys,
        schedules,
        server,
        solve,
        status,
        studies,
        transport,
        webhooks,
    )

    app.command("solve")(solve.solve)
    app.command("transport")(transport.transport)
    app.command("inspect")(inspect.inspect)
    app.add_typer(jobs.app, name="jobs")
    app.command("engines")(engines.engines)
    app.command("up", context_settings=server.PASS_ON)(server.up)
    app.command("serve", hidden=True, context_settings=server.PASS_ON)(server.up)
    app.command("down")(server.down)
    app.command("doctor")(server.doctor)
    app.command("tenants", context_settings=server.PASS_ON | {"help_option_names": []})(server.tenants)
    app.command("status")(status.status)
    app.add_typer(keys.app, name="keys")
    app.add_typer(webhooks.app, name="webhooks")
    app.add_typer(admin.app, name="admin")
    app.add_typer(studies.app, name="studies")
    app.add_typer(schedules.app, name="schedules")
    app.command("version")(status.version)
    app.command("completion")(status.completion)


def run() -> NoReturn:
    """Runs the command and exits."""
    from kantor.errors import KantorError

    State.json = "--json" in sys.argv[1:]
    # an embedded server and its folder must go even if the command is told to end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    warnings.formatwarning = lambda message, *_: f"Warning: {message}\n"
    _register()
    if "_KANTOR_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        app(prog_name="kantor")
    except (KantorError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # the reader went away (`kantor jobs list | head`): so do we, without a word
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(codes.ANSWER)
        sys.exit(output.fail(error))
    except KeyboardInterrupt:
        sys.exit(codes.INTERRUPTED)
    except Exception as mistake:
        if os.environ.get("KANTOR_DEBUG"):
            raise
        words = f"the command made a mistake: {type(mistake).__name__}: {mistake}; with KANTOR_DEBUG=1 it shows where"
        sys.exit(output.fail(KantorError(words)))
    sys.exit(codes.ANSWER)
