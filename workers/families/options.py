"""Options of a request: which of them the engine is given, and where one stands that it refuses. For every family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from solvers.core.engine import Option
from workers.families import Refusal

_APART = frozenset({"start", "race", "engine_options", "include"})
"""What the worker, and not the engine, takes from the options as they are sent."""


class Options:
    """The rules of one family.

    Args:
        shared: options that every engine of the family has.
        apart: what the engine is not given, beside start, race, engine_options and include.
    """

    def __init__(self, shared: Iterable[Option], apart: Iterable[str] = ()) -> None:
        self._shared = frozenset(option.name for option in shared)
        self._apart = _APART | frozenset(apart)

    def settings(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the engine is given; names are checked by the engine, which alone knows its own options.

        Raises:
            Refusal: an option of every engine among those of one.
        """
        found = {name: value for name, value in options.items() if name not in self._apart and value is not None}
        for name, value in (options.get("engine_options") or {}).items():
            if name in self._shared:
                words, pointer = f"{name} is an option of every engine", f"/options/engine_options/{name}"
                raise Refusal("invalid-option", words, pointer=pointer, hint=f"give it as options.{name}")
            found[name] = value
        return found

    def pointer(self, pointer: str, settings: Mapping[str, Any]) -> str:
        """Where in the body an option is that an engine refuses as ``/name``; other pointers stay as they are."""
        name = pointer.split("/")[1] if pointer.startswith("/") else ""
        if name in self._shared or name in self._apart:
            return f"/options{pointer}"
        return f"/options/engine_options{pointer}" if name in settings else pointer


def limits(options: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of ``Work`` that are the same for every family."""
    race = options.get("race")
    return {
        "time_limit": options.get("time_limit"),
        "memory_limit": options.get("memory_limit"),
        "threads": options.get("threads") or 1,
        "race": None if race is None else tuple(race),
    }
