"""Descent by rankings alone (ZO-RankSGD): nobody needs to give numbers.

Each round asks for ``queries`` points x + mu xi around the current one; someone names the best of them in order. Every
known pair (better, worse) votes: g = 1/|E| sum (x_worse - x_better)/mu, and x <- x - eta g (Tang, Rybin, Chang,
arXiv:2303.03751, eq. 6). Rounds are replayed from the comparisons in their order. A study with an objective and no
comparisons ranks its values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from solvers.core.engine import EngineSpec, Option
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.observations import Comparison
from solvers.studies.parameters import Value


class Ranking(Base):
    """The advisor of the engine ``ranking``."""

    def _rounds(self) -> list[Comparison]:
        if self.observations.comparisons or not self.study.objectives:
            return list(self.observations.comparisons)
        outcomes, queries = self.outcomes, int(self.options["queries"])
        rounds = []
        for start in range(0, outcomes.count - queries + 1, queries):
            order = start + np.argsort(outcomes.y[start : start + queries, 0], kind="stable")
            rounds.append(Comparison(tuple(outcomes.trials[int(i)].number for i in order)))
        return rounds

    def _centre(self) -> tuple[Array, int]:
        """The current point and the number of rounds made."""
        names = {trial.number: i for i, trial in enumerate(self.observations.trials)}
        places = np.nan_to_num(self.encoding.places([t.parameters for t in self.observations.trials]), nan=0.5)
        x = np.full(places.shape[1], 0.5)
        if self.study.guesses:
            x = np.nan_to_num(self.encoding.places(self.study.guesses[:1])[0], nan=0.5)
        mu, eta = float(self.options["radius"]), float(self.options["step"])
        rounds = self._rounds()
        for i, comparison in enumerate(rounds):
            pairs = comparison.pairs()
            if not pairs:
                continue
            better = places[[names[a] for a, _ in pairs]]
            worse = places[[names[b] for _, b in pairs]]
            x = np.clip(x - eta / math.sqrt(1.0 + 0.1 * i) * (worse - better).mean(axis=0) / mu, 0.0, 1.0)
        return x, len(rounds)

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        x, rounds = self._centre()
        found: list[Array] = []
        taken = set(self.taken(rows))
        mu = float(self.options["radius"])
        for attempt in range(20):
            rng = self.rng(15, len(rows), attempt)
            block = x + mu * rng.standard_normal((max(count, 4), len(x)))
            self.admit(block, self.region(fixed, rows), taken, found, count)
            if len(found) == count:
                break
        text = f"One of the points to be ranked in round {rounds + 1}."
        return [
            Suggestion(self.encoding.point(row), {"text": text, "method": "model", "round": rounds + 1})
            for row in found
        ]


ENGINE = StudyEngine(
    EngineSpec(
        id="ranking",
        family="study",
        version="1",
        title="Descent by rankings",
        summary="For people who can say which of several results is best, in many dimensions.",
        solves=frozenset({"comparisons", "discrete", "input-constraints", "noise", "fidelity"}),
        capabilities=frozenset({"deterministic", "pending"}),
        options=(
            Option("queries", "integer", 8, "points of a round", minimum=2, maximum=1000),
            Option("radius", "float", 0.1, "mu, as a share of the ranges", minimum=1e-6, maximum=1.0),
            Option("step", "float", 0.1, "eta, as a share of the ranges", minimum=1e-6, maximum=10.0),
        ),
        citation="Tang, Rybin, Chang, Zeroth-Order Optimization Meets Human Feedback, ICLR 2024",
    ),
    Ranking,
)
