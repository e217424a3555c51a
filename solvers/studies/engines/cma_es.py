"""Covariance matrix adaptation, by the package ``cmaes``: for thousands of cheap evaluations of numbers.

The distribution is replayed from the trials in the order of their numbers, a generation at a time; any trials will do,
also guesses and those of other engines. Failed and infeasible trials are told as worse than all of their generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from cmaes import CMA

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.outcomes import reached
from solvers.studies.parameters import Value
from solvers.studies.study import Study


class CovarianceAdaptation(Base):
    """The advisor of the engine ``cma-es``."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        self._columns = self.encoding.smooth
        left_out = set(np.flatnonzero(self.encoding.levels != 1)) - {int(i) for i in self._columns}
        if len(study.objectives) != 1 or study.space.conditional or left_out or len(self._columns) < 2:
            raise UnsupportedProblem(
                "cma-es takes one objective and two or more numbers, none of them conditional",
                pointer="/space",
                hint="tpe or gp",
            )

    def _merits(self) -> list[tuple[Array, float]]:
        """(places, value to be minimised) of all trials that came to an end, in order; nan: no value."""
        objective = self.study.objectives[0]
        found = []
        ended = [trial for trial in self.observations.trials if trial.state != "pending"]
        for row, trial in zip(self.outcomes.tried, ended, strict=True):
            values = reached(trial, self.study)
            slack = sum(max(0.0, c.slack(trial.constraints.get(c.name, np.nan))) for c in self.study.constraints)
            bad = values is None or trial.state == "infeasible" or not np.isfinite(slack)
            merit = np.nan if values is None or bad else objective.sign * values[objective.name]
            found.append((row[self._columns], merit + 1e12 * slack if slack > 0 else merit))
        return found

    def _strategy(self) -> CMA:
        width = len(self._columns)
        strategy = CMA(
            mean=np.full(width, 0.5),
            sigma=float(self.options["sigma"]),
            bounds=np.column_stack([np.zeros(width), np.ones(width)]),
            seed=int(self.rng(13).integers(2**31 - 1)),
            population_size=self.options["population"],
        )
        merits = self._merits()
        size = strategy.population_size
        for start in range(0, len(merits) - size + 1, size):
            block = merits[start : start + size]
            finite = [value for _, value in block if np.isfinite(value)]
            worst = max(finite) + 1.0 if finite else 0.0
            strategy.tell([(x, value if np.isfinite(value) else worst) for x, value in block])
            if strategy.should_stop():
                break
        return strategy

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        strategy = self._strategy()
        region = self.region(fixed, rows)
        taken = set(region.taken)
        found: list[Array] = []
        for _ in range(50 * count):
            place = np.full((1, len(self.encoding.names)), 0.5)
            place[0, self._columns] = strategy.ask()
            self.admit(place, region, taken, found, count)
            if len(found) == count:
                break
        text = f"Drawn from the distribution of generation {strategy.generation}."
        chosen = [Suggestion(self.encoding.point(row), {"text": text, "method": "model"}) for row in found]
        if len(chosen) < count:
            chosen += super()._model(count - len(chosen), fixed, [*rows, *found])
        return chosen


ENGINE = StudyEngine(
    EngineSpec(
        id="cma-es",
        family="study",
        version="1",
        title="Covariance matrix adaptation",
        summary="For thousands of cheap evaluations over numbers, also where they depend on each other.",
        solves=frozenset({"constraints", "discrete", "fidelity", "input-constraints", "noise"}),
        capabilities=frozenset({"deterministic", "pending"}),
        options=(
            Option("population", "integer", None, "trials of a generation", minimum=3, maximum=10_000),
            Option("sigma", "float", 0.25, "first step size, as a share of the ranges", minimum=1e-6, maximum=1.0),
        ),
        requires=("cmaes",),
        citation="Hansen 2016, The CMA Evolution Strategy: A Tutorial; Nomura, Shibata 2024 (cmaes)",
    ),
    CovarianceAdaptation,
)
