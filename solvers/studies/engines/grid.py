"""Every combination of the levels of a space, in an order that covers it early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.parameters import Value
from solvers.studies.sampling import generator, level_places
from solvers.studies.study import Study

#: Larger grids are refused.
_MAX_GRID = 1_000_000


class Grid(Base):
    """The advisor of the engine ``grid``: continuous parameters get ``resolution`` places, ends included."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        resolution = int(options["resolution"])
        self._axes: list[Array] = []
        for parameter in study.space.parameters:
            if parameter.levels is None:
                self._axes.append(np.linspace(0.0, 1.0, resolution))
            else:
                self._axes.append(level_places(parameter) if parameter.levels <= _MAX_GRID else np.zeros(_MAX_GRID + 1))
        total = float(np.prod([float(len(axis)) for axis in self._axes]))
        if total > _MAX_GRID:
            raise UnsupportedProblem(
                f"the grid has {total:.3g} points, more than {_MAX_GRID}",
                pointer="/space",
                hint="lower the resolution, or use quasi-random",
            )
        self._order = np.arange(int(total))
        if options["shuffled"]:
            self._order = generator(seed, 31).permutation(self._order)

    def _text(self) -> str:
        return "The next point of the grid."

    def design(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Array]:
        region = self.region(fixed, rows)
        found: list[Array] = []
        taken = set(region.taken)
        for block in self._blocks():
            self.admit(block, region, taken, found, count)
            if len(found) == count:
                break
        return found

    def _blocks(self) -> Iterator[Array]:
        shape = [len(axis) for axis in self._axes]
        for start in range(0, len(self._order), 1024):
            indices = np.unravel_index(self._order[start : start + 1024], shape)
            yield np.column_stack([axis[index] for axis, index in zip(self._axes, indices, strict=True)])


ENGINE = StudyEngine(
    EngineSpec(
        id="grid",
        family="study",
        version="1",
        title="Grid search",
        summary="Tries every combination of levels once, and says when it is done.",
        solves=ALL_FEATURES,
        capabilities=frozenset({"deterministic", "pending", "exhaustive"}),
        options=(
            Option("resolution", "integer", 5, "places for each continuous parameter", minimum=2, maximum=1000),
            Option("shuffled", "boolean", True, "in random order, so that an early end leaves an even cover"),
        ),
    ),
    Grid,
)
