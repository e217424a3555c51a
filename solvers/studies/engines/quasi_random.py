"""Sobol points with Owen scrambling: covers the space evenly, knows nothing, costs nothing."""

from __future__ import annotations

from solvers.core.engine import EngineSpec
from solvers.studies.engine import StudyEngine
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES


class QuasiRandom(Base):
    """The advisor of the engine ``quasi-random``: the initial design for ever."""

    def _text(self) -> str:
        return "The next point of a scrambled Sobol sequence."


ENGINE = StudyEngine(
    EngineSpec(
        id="quasi-random",
        family="study",
        version="1",
        title="Quasi-random search",
        summary="Covers the space evenly; for evaluations that cost next to nothing, and as a baseline.",
        solves=ALL_FEATURES,
        capabilities=frozenset({"deterministic", "pending"}),
        citation="Owen 1998, Scrambling Sobol' and Niederreiter-Xing points",
    ),
    QuasiRandom,
)
