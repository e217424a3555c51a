"""Uniform draws from the space: the null hypothesis of every study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solvers.core.engine import EngineSpec
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine
from solvers.studies.engines.base import ENUMERABLE, Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.parameters import Value
from solvers.studies.sampling import every_row, generator


class Random(Base):
    """The advisor of the engine ``random``."""

    def _text(self) -> str:
        return "Drawn uniformly from the space."

    def design(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Array]:
        region = self.region(fixed, rows)
        found: list[Array] = []
        taken = set(region.taken)
        start = len(self.observations.trials) + len(rows)
        for attempt in range(8):
            block = generator(self.seed, 21, start, attempt).random(
                (max(count, 8) << attempt, len(self.encoding.names))
            )
            self.admit(block, region, taken, found, count)
            if len(found) == count:
                return found
        every = every_row(self.encoding, ENUMERABLE)
        if every is not None:
            self.admit(np.asarray(self.rng(3).permutation(every)), region, taken, found, count)
        return found


ENGINE = StudyEngine(
    EngineSpec(
        id="random",
        family="study",
        version="1",
        title="Random search",
        summary="Draws uniformly; for comparison.",
        solves=ALL_FEATURES,
        capabilities=frozenset({"deterministic", "pending"}),
        citation="Bergstra, Bengio 2012",
    ),
    Random,
)
