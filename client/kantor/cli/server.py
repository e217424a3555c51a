"""``kantor up``, ``kantor down`` and ``kantor doctor``: the embedded server, which another distribution brings."""

from __future__ import annotations

import json as json_module
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from kantor.cli import codes, output
from kantor.cli.session import Json

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

Home = Annotated[
    Path | None, typer.Option("--home", help="Folder of data, secrets and logs (else KANTOR_HOME, else ~/.kantor).")
]


def up(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the API; 0: any free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Jobs at once (default: one for each core).")
    ] = None,
    grpc: Annotated[
        int | None, typer.Option("--grpc", min=1, max=65535, help="Speak gRPC too, at this port (usually 50051).")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Start PostgreSQL, Valkey, API, dispatcher and workers, all embedded; Ctrl-C ends all."""
    arguments = ["up", "--port", str(port), "--host", host]
    arguments += ["--workers", str(workers)] if workers is not None else []
    arguments += ["--grpc", str(grpc)] if grpc is not None else []
    arguments += ["--json"] if json else []
    _replace([*arguments, *_home(home), *context.args])


def down(home: Home = None) -> None:
    """End the server that `kantor up` started."""
    _replace(["down", *_home(home)])


def tenants(context: typer.Context, home: Home = None) -> None:
    """Organisations and quotas, for the operator: create, list, quota.

    Works on the database itself: of the installation that KANTOR_DATABASE_URL names, else of the running `kantor up`.
    """
    _replace(["tenants", *_home(home), *(context.args or ["--help"])])


def _home(home: Path | None) -> list[str]:
    return [] if home is None else ["--home", str(home)]


def _replace(arguments: list[str]) -> None:
    """Become the server: signals reach it directly, and its exit code is ours."""
    from kantor.embedded import command

    line = command(*arguments)
    sys.stdout.flush()
    os.execv(line[0], line)  # noqa: S606


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``ok`` False: this will not work; None: worth knowing."""

    name: str
    ok: bool | None
    detail: str
    hint: str = ""


def doctor(home: Home = None, json: Json = False) -> None:
    """What is set up, what is missing, what to do."""
    client = _client_findings()
    server, healthy = _server_findings(home)
    fine = healthy and all(finding.ok is not False for finding in client)
    if json:
        output.print_json(
            {
                "ok": fine,
                "client": [asdict(finding) for finding in client],
                "server": [asdict(finding) for finding in server],
            }
        )
    else:
        _show("Client", client)
        _show("Embedded server", server)
    raise typer.Exit(0 if fine else codes.FAILED)


def _show(title: str, findings: list[Finding]) -> None:
    from rich.text import Text

    output.show(Text(title, "bold"))
    signs = {True: ("ok  ", "green"), False: ("BAD ", "bold red"), None: ("note", "yellow")}
    for finding in findings:
        output.show(Text.assemble("  ", signs[finding.ok], f" {finding.name}: {finding.detail}"))
        if finding.hint:
            output.show(Text(f"       {finding.hint}", "cyan"))


def _client_findings() -> list[Finding]:
    from importlib import metadata

    from kantor._version import __version__

    findings = [Finding("kantor", True, f"{__version__} on Python {platform.python_version()}")]
    for name, use in (
        ("numpy", "answers as arrays instead of lists"),
        ("scipy", "sparse matrices"),
        ("pandas", "tables of answers"),
    ):
        try:
            findings.append(Finding(name, True, f"{metadata.version(name)} ({use})"))
        except metadata.PackageNotFoundError:
            findings.append(Finding(name, None, f"not installed ({use})", f"pip install {name}"))
    return [*findings, *_connection()]


def _connection() -> list[Finding]:
    """The server that commands would speak to."""
    from kantor.cli.output import State
    from kantor.client import Client
    from kantor.errors import ConnectionFailed, KantorError, Unauthenticated

    try:
        client = Client(State.url, State.api_key, timeout=5.0, max_retries=0)
    except KantorError as error:
        return [Finding("server", False, str(error))]
    with client:
        endpoint = client.endpoint
        where = f"{endpoint.url} (from {endpoint.url_source})"
        try:
            status = client.status()
        except ConnectionFailed:
            return [
                Finding(
                    "server",
                    None,
                    f"none at {where}",
                    "Start one with `kantor up`, or set KANTOR_URL and KANTOR_API_KEY.",
                )
            ]
        except Unauthenticated as error:
            return [
                Finding(
                    "server",
                    False,
                    f"{where}: {error.detail}",
                    "Set KANTOR_API_KEY; an administrator of the project makes a key by `kantor keys create NAME`.",
                )
            ]
        except KantorError as error:
            return [Finding("server", False, f"{where}: {error}")]
        findings = [
            Finding("server", True, f"{where}, version {status.version}"),
            Finding(
                "key", True, f"from {endpoint.key_source}, project {status.project}, may {', '.join(status.scopes)}"
            ),
        ]
        engines = [f"{engine.family}:{engine.id}" for engine in client.engines()] if status.workers else []
        if status.workers:
            findings.append(Finding("workers", True, f"{status.workers}, with engines: {output.families(engines)}"))
        else:
            findings.append(
                Finding(
                    "workers",
                    False,
                    "none: jobs are accepted but wait",
                    "Start a worker; see its log if there should be one.",
                )
            )
        return findings


def _server_findings(home: Path | None) -> tuple[list[Finding], bool]:
    import subprocess

    from kantor.embedded import HOW_TO_INSTALL, command, server_installed

    if not server_installed():
        return [
            Finding(
                "kantor-server", None, "not installed here; not needed to speak to a server elsewhere", HOW_TO_INSTALL
            )
        ], True
    done = subprocess.run(
        command("doctor", "--json", *_home(home)), capture_output=True, text=True, timeout=120, check=False
    )
    try:
        report: dict[str, Any] = json_module.loads(done.stdout)
        findings = [Finding(item["name"], item["ok"], item["detail"], item["hint"]) for item in report["findings"]]
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or ["no words"]
        return [Finding("kantor-server", False, f"it cannot examine itself: {last[0]}", "Install it again.")], False
    return findings, bool(report["ok"])
