"""Bayesian optimization by comparisons: a Gaussian process of a hidden utility, expected improvement over its best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from solvers.core.engine import EngineSpec, Option
from solvers.studies.acquisition.composite import LogImprovement
from solvers.studies.acquisition.maximise import Effort, maximise
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.gp.preference import Compared, compared, preference_posterior
from solvers.studies.observations import Comparison
from solvers.studies.parameters import Value


class Preference(Base):
    """The advisor of the engine ``preference``. A study with an objective and no comparisons compares its values."""

    def _compared(self) -> Compared:
        if self.observations.comparisons or not self.study.objectives or not self.outcomes.count:
            return compared(self.observations)
        order = np.argsort(self.outcomes.y[:, 0], kind="stable")
        ranked = Comparison(tuple(self.outcomes.trials[int(i)].number for i in order))
        return compared(replace(self.observations, comparisons=(ranked,)))

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        seen = self._compared()
        numbers, places = seen.numbers, self.encoding.places(seen.points)
        if len(seen.pairs) < int(self.options["initial"]):
            return super()._model(count, fixed, rows)
        posterior = preference_posterior(self.encoding.features(places), seen.pairs)
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
                self.candidates(effort.candidates, places[[best]], len(rows)),
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
        version="3",
        title="Bayesian optimization by comparisons",
        summary="For people who can say which of two results is better, but not by how much.",
        solves=(ALL_FEATURES - {"objectives", "constraints"}) | {"comparisons"},
        capabilities=frozenset({"deterministic", "pending", "predict"}),
        options=(Option("initial", "integer", 3, "pairs before the model is asked", minimum=1, maximum=1000),),
        citation="Chu, Ghahramani 2005; Brochu, de Freitas, Ghosh 2007",
    ),
    Preference,
)
