"""Bayesian optimization by comparisons: a Gaussian process of a hidden utility, expected improvement over its best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from solvers.core.engine import EngineSpec, Option
from solvers.studies.acquisition.composite import LogImprovement
from solvers.studies.acquisition.maximise import Effort, maximise
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.gp.preference import preference_posterior
from solvers.studies.parameters import Value

#: Comparisons beyond this many pairs are left out, oldest first: the cost grows with the cube of the trials.
_MAX_PAIRS = 2000


class Preference(Base):
    """The advisor of the engine ``preference``. A study with an objective and no comparisons compares its values."""

    def _pairs(self) -> tuple[Array, list[tuple[int, int]], list[int]]:
        """Rows of compared trials, pairs of their indices, their numbers."""
        pairs = [pair for comparison in self.observations.comparisons for pair in comparison.pairs()]
        if not pairs and self.study.objectives and self.outcomes.count:
            order = np.argsort(self.outcomes.y[:, 0], kind="stable")
            numbers = [self.outcomes.trials[int(i)].number for i in order]
            pairs = list(itertools.pairwise(numbers))
        pairs = pairs[-_MAX_PAIRS:]
        numbers = sorted({number for pair in pairs for number in pair})
        index = {number: i for i, number in enumerate(numbers)}
        points = {trial.number: trial.parameters for trial in self.observations.trials}
        rows = self.encoding.places([points[number] for number in numbers])
        return rows, [(index[a], index[b]) for a, b in pairs], numbers

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        seen, pairs, numbers = self._pairs()
        if len(pairs) < int(self.options["initial"]):
            return super()._model(count, fixed, rows)
        posterior = preference_posterior(self.encoding.features(seen), pairs)
        best = int(np.argmin(posterior.y))
        effort = Effort(candidates=512, starts=4, iterations=50)
        rows, chosen = list(rows), []
        for _ in range(count):
            known = np.array([*self.outcomes.pending, *rows]).reshape(-1, len(self.encoding.names))
            features = self.encoding.features(known)
            belief = posterior.given(features, posterior.mean_at(features), noise=1e-6) if len(known) else posterior
            target = float(belief.y.min())
            found = maximise(
                LogImprovement(self.encoding, (belief,), target=target),
                self.encoding,
                self.region(fixed, rows),
                self.candidates(effort.candidates, seen[[best]], len(rows)),
                effort,
            )
            if not found:
                break
            row = self.encoding.complete(found[0][0][None])[0]
            rows.append(row)
            mean, std = posterior.predict(self.encoding.features(row[None]))
            why = {
                "text": f"Expected to be preferred to trial {numbers[best]}; compare the two.",
                "method": "model",
                "compare_with": numbers[best],
                "predicted": {"utility": {"mean": -float(mean[0]), "std": float(std[0])}},
                "acquisition": found[0][1],
            }
            chosen.append(Suggestion(self.encoding.point(row), why))
            if self.context.should_stop():
                break
        return chosen


ENGINE = StudyEngine(
    EngineSpec(
        id="preference",
        family="study",
        version="1",
        title="Bayesian optimization by comparisons",
        summary="For people who can say which of two results is better, but not by how much.",
        solves=(ALL_FEATURES - {"objectives", "constraints"}) | {"comparisons"},
        capabilities=frozenset({"deterministic", "pending", "predict"}),
        options=(Option("initial", "integer", 3, "pairs before the model is asked", minimum=1, maximum=1000),),
        citation="Chu, Ghahramani 2005; Brochu, de Freitas, Ghosh 2007",
    ),
    Preference,
)
