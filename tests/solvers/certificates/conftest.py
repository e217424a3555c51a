"""Says once which instances were used."""

from __future__ import annotations

from typing import Any

from tests.solvers.formats.instances import collection


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if collection() is None:
        terminalreporter.write_line(
            "certificates: the collection of instances is not there; tested on the repository's own"
        )
