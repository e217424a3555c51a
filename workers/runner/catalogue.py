"""What engines there are: ``python -m workers.runner.catalogue`` prints one JSON line for each, then ends.

Each engine is loaded in a process of its own: libraries that cannot live together meet nowhere, and one that breaks
while it is imported is reported and left out.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import orjson

from solvers.core import registry
from solvers.core.engine import EngineSpec, Option
from workers import families


def describe(kind: str, name: str) -> dict[str, Any]:
    """An engine's specification with the shared options of its family, as JSON has it."""
    spec: EngineSpec = registry.load(kind, name).spec
    shared = families.load(kind).shared_options
    return {
        "id": spec.id,
        "family": spec.family,
        "version": spec.version,
        "title": spec.title,
        "summary": spec.summary,
        "solves": sorted(spec.solves),
        "capabilities": sorted(spec.capabilities),
        "options": [_option(option) for option in spec.options],
        "shared_options": [_option(option) for option in shared],
        "pool": spec.pool,
        "citation": spec.citation,
        "process_group": spec.process_group,
    }


def _option(option: Option) -> dict[str, Any]:
    return {**dataclasses.asdict(option), "choices": list(option.choices)}


def main() -> None:
    """See the module."""
    pending: dict[int, tuple[str, str, int]] = {}
    for kind in registry.families():
        if kind not in families.FAMILIES:
            continue
        families.load(kind)
        for name in registry.names(kind):
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                _tell(kind, name, writer)
            os.close(writer)
            pending[pid] = (kind, name, reader)
    for pid, (kind, name, reader) in pending.items():
        with open(reader, "rb") as file:
            line = file.read()
        _, status = os.waitpid(pid, 0)
        if not line:
            line = (
                orjson.dumps({"family": kind, "id": name, "error": f"its process ended with status {status}"}) + b"\n"
            )
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _tell(kind: str, name: str, writer: int) -> None:
    try:
        entry = describe(kind, name)
    except BaseException as error:
        entry = {"family": kind, "id": name, "error": f"{type(error).__name__}: {error}"}
    os.write(writer, orjson.dumps(entry) + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main()
