"""Long benchmarks in parts: what was measured is kept in a file, and a run that was cut goes on where it ended."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.statistics import plain


class Cut(Exception):
    """The time granted to this part is over."""


class Kept:
    """Results by name. Without a path nothing is kept; without ``seconds`` there is no end."""

    def __init__(self, path: Path | None = None, seconds: float | None = None) -> None:
        self.path = path
        self.end = math.inf if seconds is None else time.monotonic() + seconds
        self.results: dict[str, Any] = json.loads(path.read_text()) if path is not None and path.exists() else {}

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The result of this name, made now if it is not there yet: plain JSON.

        Raises:
            Cut: it is not there, and the time is over.
        """
        if name not in self.results:
            if time.monotonic() > self.end:
                raise Cut
            self.results[name] = plain(make())
            if self.path is not None:
                beside = self.path.with_name(self.path.name + ".new")
                beside.write_text(json.dumps(self.results) + "\n")
                beside.replace(self.path)
        return self.results[name]

    @contextmanager
    def part(self) -> Iterator[None]:
        """What is cut in here says how to go on."""
        try:
            yield
        except Cut:
            print(f"\nCut: {len(self.results)} results are in {self.path}; the same command again goes on.", flush=True)
