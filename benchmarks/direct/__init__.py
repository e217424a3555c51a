"""Each solver as its own users call it, with the options that Kantor's engines set by default."""

from __future__ import annotations

import gzip
import importlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Kantor's defaults (solvers/programs/options.py), given to both sides.
RELATIVE_GAP, ABSOLUTE_GAP, TOLERANCE = 1e-4, 1e-6, 1e-6


@dataclass(frozen=True)
class Outcome:
    """What a solver said by itself.

    Attributes:
        status: ``optimal``, ``infeasible``, ``unbounded``, ``limit`` or ``other``.
        seconds: from the model in memory to the solution in memory.
        work: branch-and-bound nodes, or iterations: the same number on both sides means the same path.
    """

    status: str
    objective: float | None
    seconds: float
    work: int | None = None


Solve = Callable[[], Outcome]
Load = Callable[[str, float], Solve]


def loader(engine: str) -> Load:
    """What reads a file with what the solver offers for it; each call of *its* result solves anew, on one thread."""
    module = importlib.import_module(f"benchmarks.direct.{engine.replace('-', '_')}")
    function: Load = module.load
    return function


@contextmanager
def plain_file(path: str) -> Iterator[str]:
    """The file without compression: highspy 1.14 and MathOpt read no .gz."""
    if not path.endswith(".gz"):
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=Path(path).with_suffix("").suffix) as file:
        file.write(gzip.decompress(Path(path).read_bytes()))
        file.flush()
        yield file.name
