"""Each solver as its own users call it, with the options that Kantor's engines set by default."""

from __future__ import annotations

import gzip
import importlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from solvers.programs.problem import Program

#: Kantor's defaults (solvers/programs/options.py), given to both sides.
RELATIVE_GAP, ABSOLUTE_GAP, TOLERANCE = 1e-4, 1e-6, 1e-6


@dataclass(frozen=True)
class Outcome:
    """What a solver said by itself.

    Attributes:
        status: ``optimal``, ``infeasible``, ``unbounded``, ``limit`` or ``other``.
        seconds: from the model in memory to the solution in memory.
        work: iterations (of the simplex method, in branch and bound of all nodes): the same number on both sides means
            the same path; None where the solver does not say.
    """

    status: str
    objective: float | None
    seconds: float
    work: int | None = None


Solve = Callable[[], Outcome]


class Direct(Protocol):
    """One solver. Each call of what ``load`` and ``same_model`` return solves anew, on one thread."""

    def load(self, path: str, time_limit: float) -> Solve:
        """Read a file with what the solver offers for it."""
        ...

    def same_model(self, problem: Program, time_limit: float) -> Solve:
        """Take the model as Kantor's engine builds it, where else the search would take another path."""
        ...


def direct(engine: str) -> Direct:
    """The solver under an engine."""
    module: Any = importlib.import_module(f"benchmarks.direct.{engine.replace('-', '_')}")
    return cast(Direct, module)


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
