"""The models of a study, fitted once and shared by all analyses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.observations import Observations
from solvers.studies.outcomes import Outcomes, collect
from solvers.studies.study import Study

#: Fewer measured trials than this say nothing.
FEWEST = 3


@dataclass(frozen=True)
class Fitted:
    """Study, arrays and Gaussian processes."""

    study: Study
    encoding: Encoding
    outcomes: Outcomes
    surrogate: Surrogate

    @classmethod
    def of(cls, study: Study, observations: Observations) -> Fitted:
        """Fit the models of the engine ``gp``.

        Raises:
            InvalidProblem: fewer than ``FEWEST`` trials have values, or there is no objective.
        """
        encoding = Encoding(study.space)
        outcomes = collect(study, encoding, observations)
        if outcomes.count < FEWEST or not study.objectives:
            raise InvalidProblem(
                f"{outcomes.count} trials have values of {len(study.objectives)} objectives: too few for a model",
                pointer="/trials",
                hint=f"complete at least {FEWEST} trials",
            )
        return cls(study, encoding, outcomes, Surrogate.of(study, encoding, outcomes))

    def column(self, name: str) -> int:
        """The column of a parameter; raises InvalidProblem for an unknown one."""
        if name not in self.encoding.column:
            raise InvalidProblem(
                f"no parameter is called {name!r}", pointer="/parameter", hint=", ".join(self.encoding.names)
            )
        return self.encoding.column[name]

    def objective(self, name: str | None) -> int:
        """The position of an objective, the first if None; raises InvalidProblem for an unknown one."""
        if name is None:
            return 0
        if name not in self.study.names:
            raise InvalidProblem(
                f"no objective is called {name!r}", pointer="/objective", hint=", ".join(self.study.names)
            )
        return self.study.names.index(name)

    def means(self, places: Array, objective: int) -> Array:
        """Predicted means in the user's units at place rows without NaN, (q,)."""
        scale = self.surrogate.scales[objective]
        features = self.encoding.features(self.encoding.complete(places))
        mean = self.surrogate.objectives[objective].mean_at(features)
        return np.asarray(scale.centre + scale.sign * scale.spread * mean)
