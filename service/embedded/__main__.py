"""``python -m service.embedded up | down | status | doctor | tenants``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from service.embedded import doctor
from service.embedded.binaries import MissingBinaryError
from service.embedded.guardian import identity
from service.embedded.home import AlreadyRunningError, Home, Running
from service.settings import Settings, SettingsError

ALREADY_RUNNING = 3
"""Exit status of ``up`` when the home's server runs already."""


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit status: 0 fine, 1 failed, 2 wrong arguments, 3 already running."""
    parser = argparse.ArgumentParser(prog="python -m service.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and keep it running until Ctrl-C")
    up.add_argument("--port", type=int, default=8000, help="port of the API; 0: any free one (default 8000)")
    up.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)")
    up.add_argument("--grpc", type=int, metavar="PORT", help="speak gRPC too, at this port (usually 50051)")
    up.add_argument("--workers", type=int, default=0, help="jobs at once (default: one for each core)")
    up.add_argument("--ephemeral", action="store_true", help="delete the home at the end")
    up.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    for name, words in (
        ("down", "end the running server"),
        ("status", "say whether one runs"),
        ("doctor", "look for trouble"),
    ):
        commands.add_parser(name, help=words)
    for command in commands.choices.values():
        command.add_argument(
            "--home", type=Path, help="folder of data, secrets and logs (default: KANTOR_HOME or ~/.kantor)"
        )
        command.add_argument("--json", action="store_true", help="print JSON lines")
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["tenants"]:
        return _tenants(arguments[1:])
    commands.add_parser("tenants", help="organisations and quotas (kantor tenants --help)")
    chosen = parser.parse_args(arguments)
    try:
        home: Path = chosen.home or Settings.load().home
        if chosen.command == "up":
            return _up(chosen, home)
        if chosen.command == "doctor":
            return doctor.run(home, as_json=chosen.json)
        return _down(home) if chosen.command == "down" else _status(home, chosen.json)
    except (SettingsError, OSError) as error:
        _say(str(error))
        return 1


def _up(chosen: argparse.Namespace, home: Path) -> int:
    from service.embedded.server import Options, Server, StartError

    options = Options(home, chosen.host, chosen.port, chosen.workers, chosen.ephemeral, chosen.with_parent, chosen.grpc)
    try:
        server = Server(options, _say)
    except AlreadyRunningError:
        running = _wait_for(home)
        if chosen.json:
            _print(json.dumps({**(asdict(running) if running else {}), "already_running": True}))
        where = f" at {running.url} (process {running.pid})" if running else ", but isn't ready yet"
        _say(f"Kantor is already running{where}. End it with Ctrl-C there, or: kantor down")
        return ALREADY_RUNNING
    try:
        grpc = f"{chosen.host}:{chosen.grpc}" if chosen.grpc is not None else None
        server.run(lambda running: _announce(running, home, as_json=chosen.json, grpc=grpc))
    except (StartError, MissingBinaryError, RuntimeError) as error:
        _say(str(error))
        return 1
    return 0


def _announce(running: Running, home: Path, *, as_json: bool, grpc: str | None) -> None:
    if as_json:
        _print(json.dumps(asdict(running)))
    else:
        # After the number sign: no server and no proxy ever sees it. What is no terminal may be kept, as by a journal.
        browser = (
            f"Watch it in a browser, signed in: {running.url}/#key={running.api_key}"
            if sys.stdout.isatty()
            else f"Watch it in a browser: {running.url} (sign in with the key of {home / 'server.json'})"
        )
        _print(
            f"Kantor is ready at {running.url} (its key: {home / 'server.json'}, found by itself). "
            "Now, elsewhere: kantor solve MODEL.mps    End: Ctrl-C\n" + browser
        )
        if grpc is not None:
            _print(f'By gRPC: KANTOR_GRPC_TARGET={grpc}, then kantor.Client(transport="grpc")')


def _wait_for(home: Path, seconds: float = 10.0) -> Running | None:
    deadline = time.monotonic() + seconds
    while True:
        running = Home(home).running()
        if running is not None or time.monotonic() > deadline:
            return running
        time.sleep(0.05)


def _down(home: Path) -> int:
    running = Home(home).running() if home.exists() else None
    if running is None:
        _say("Kantor is not running.")
        return 0
    began = identity(running.pid)
    os.kill(running.pid, signal.SIGTERM)
    while identity(running.pid) == began:
        time.sleep(0.05)
    _say("Kantor has ended.")
    return 0


def _tenants(arguments: list[str]) -> int:
    """Organisations and quotas: of the installation that ``KANTOR_DATABASE_URL`` names, or of a running home."""
    from service.tenants.__main__ import main as tenants

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--home", type=Path)
    given, rest = parser.parse_known_args(arguments)
    chosen: Path | None = given.home

    def load() -> Settings:
        if chosen is None and os.environ.get("KANTOR_DATABASE_URL"):
            return Settings.load()
        path: Path = chosen or Settings.load().home
        home = Home(path) if path.exists() else None
        if home is None or home.running() is None:
            raise SettingsError(
                f"No Kantor runs in {path}. Start it (kantor up), or set KANTOR_DATABASE_URL and KANTOR_API_KEY_PEPPER "
                "of the installation that is meant."
            )
        from service.embedded.postgres import Postgres

        return Settings.load(database_url=Postgres(path).url(), home=path, api_key_pepper=home.recall("pepper"))

    return tenants(rest, load, "kantor tenants")


def _status(home: Path, as_json: bool) -> int:
    running = Home(home).running() if home.exists() else None
    if as_json:
        _print(json.dumps({"running": running is not None, "url": running.url if running else None}))
    else:
        _print(f"Kantor runs at {running.url} (process {running.pid})." if running else "Kantor is not running.")
    return 0 if running else 1


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def _print(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
