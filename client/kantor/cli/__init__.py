"""The command ``kantor``."""

from __future__ import annotations


def main() -> None:
    """Entry point. Errors become a line on stderr (with ``--json`` problem details on stdout) and an exit code, never
    a traceback."""
    from kantor.cli.app import run

    run()
