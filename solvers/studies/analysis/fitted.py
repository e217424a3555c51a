"""The models of a study, fitted once and shared by all analyses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.preference import compared, preference_posterior
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.observations import Observations
from solvers.studies.outcomes import Outcomes, Scale, collect
from solvers.studies.study import Objective, Study

#: Fewer measured trials than this say nothing.
FEWEST = 3
#: Of a hidden utility, which the model minimises with its sign turned.
UTILITY = Scale(-1.0, 0.0, 1.0)


@dataclass(frozen=True)
class Fitted:
    """Study, arrays and Gaussian processes. A study by comparisons has one objective here: ``utility``, to be high."""

    study: Study
    encoding: Encoding
    outcomes: Outcomes
    surrogate: Surrogate

    @classmethod
    def of(cls, study: Study, observations: Observations) -> Fitted:
        """Fit the models of the engine ``gp``; for a study without objectives that of ``preference``.

        Raises:
            InvalidProblem: fewer than ``FEWEST`` trials have values, or were compared.
        """
        encoding = Encoding(study.space)
        outcomes = collect(study, encoding, observations)
        if not study.objectives:
            return cls._compared(study, encoding, outcomes, observations)
        if outcomes.count < FEWEST:
            raise InvalidProblem(
                f"{outcomes.count} trials have values: too few for a model",
                pointer="/trials",
                hint=f"complete at least {FEWEST} trials",
            )
        return cls(study, encoding, outcomes, Surrogate.of(study, encoding, outcomes))

    @classmethod
    def _compared(cls, study: Study, encoding: Encoding, outcomes: Outcomes, observations: Observations) -> Fitted:
        seen = compared(observations)
        if len(seen.numbers) < FEWEST:
            raise InvalidProblem(
                f"{len(seen.numbers)} trials were compared: too few for a model",
                pointer="/comparisons",
                hint=f"compare at least {FEWEST} trials",
            )
        rows = encoding.places(seen.points)
        posterior = preference_posterior(encoding.features(rows), seen.pairs)
        trials = {trial.number: trial for trial in outcomes.trials}
        kept = replace(
            outcomes,
            trials=tuple(trials[number] for number in seen.numbers),
            rows=rows,
            values=-posterior.y[:, None],
            y=posterior.y[:, None],
            scales=(UTILITY,),
            known=np.zeros((len(rows), 1)),
            slack=np.zeros((len(rows), 0)),
            feasible=np.ones(len(rows), dtype=bool),
        )
        named = replace(study, objectives=(Objective("utility", "max"),))
        surrogate = Surrogate(named, encoding, (posterior,), (), (), kept.scales, ())
        return cls(named, encoding, kept, surrogate)

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
