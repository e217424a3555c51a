"""Bayesian optimization in a trust region: for many parameters, and for rugged functions.

After TuRBO (Eriksson et al., NeurIPS 2019, arXiv:1910.01739), with expected improvement instead of Thompson samples: a
box about the best point, stretched by the lengthscales, doubles after three successes and halves after max(4, d)
failures; below a side of 2^-7 the search starts again elsewhere. The state of the box is replayed from the trials, so
nothing is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.acquisition.composite import LogImprovement
from solvers.studies.acquisition.maximise import Effort, maximise
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.outcomes import Outcomes
from solvers.studies.parameters import Value
from solvers.studies.sampling import around
from solvers.studies.study import Study

_FIRST, _LONGEST, _SHORTEST = 0.8, 1.6, 2.0**-7
_SUCCESSES = 3
#: A local model sees at most this many trials: the ones nearest to the centre.
_LOCAL = 300


@dataclass(frozen=True)
class Box:
    """Where the search stands: the trials since the last start, the best of them, the side of the box, starts made."""

    since: int
    centre: int
    length: float
    restarts: int


class TrustRegion(Base):
    """The advisor of the engine ``trust-region``."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        if len(study.objectives) != 1:
            raise UnsupportedProblem("trust-region takes one objective", pointer="/objectives", hint="gp or tpe")
        self.initial = options["initial"] or max(5, min(20, self.encoding.groups))

    def _merit(self) -> Array:
        """Objective of feasible trials; behind them the others by their violation."""
        y = self.outcomes.y[:, 0].copy()
        bad = ~self.outcomes.feasible
        slack = np.nan_to_num(np.maximum(self.outcomes.slack, 0.0), nan=1e3).sum(axis=1)
        y[bad] = 1e6 + slack[bad]
        return y

    def box(self) -> Box:
        """Replays successes and failures in the order of the trials."""
        merit, tolerance = self._merit(), max(4, self.encoding.groups)
        since, restarts, length, wins, losses = 0, 0, _FIRST, 0, 0
        for i in range(len(merit)):
            if i - since < self.initial:
                continue
            best = merit[since:i].min()
            if merit[i] < best - 1e-3 * abs(best):
                wins, losses = wins + 1, 0
            else:
                wins, losses = 0, losses + 1
            if wins == _SUCCESSES:
                length, wins = min(2 * length, _LONGEST), 0
            elif losses == tolerance:
                length, losses = length / 2, 0
            if length < _SHORTEST:
                since, restarts, length, wins, losses = i + 1, restarts + 1, _FIRST, 0, 0
        centre = since + int(np.argmin(merit[since:])) if since < len(merit) else -1
        return Box(since, centre, length, restarts)

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        box, outcomes = self.box(), self.outcomes
        missing = self.initial - (outcomes.count - box.since) - len(outcomes.pending)
        if box.centre < 0 or missing > 0:
            text = f"The trust region has shrunk away: start {box.restarts + 1} begins elsewhere."
            return [
                Suggestion(self.encoding.point(row), {"text": text, "method": "initial"})
                for row in self.design(count, fixed, rows)
            ]
        centre = np.nan_to_num(outcomes.rows[box.centre], nan=0.5)
        surrogate = Surrogate.of(self.study, self.encoding, self._local(centre, box.since))
        rows, chosen = list(rows), []
        low, high = self._walls(surrogate, centre, box.length)
        for _ in range(count):
            belief = surrogate.believing(np.array([*outcomes.pending, *rows]).reshape(-1, len(centre)))
            target = float(belief.objectives[0].mean_at(self.encoding.features(outcomes.rows[[box.centre]]))[0])
            acquisition = LogImprovement(self.encoding, belief.objectives, belief.slacks, belief.limits, target=target)
            region = replace(self.region(fixed, rows), low=low, high=high)
            rng = self.rng(6, len(rows))
            spread = low + (high - low) * rng.random((256, len(low)))
            found = maximise(
                acquisition,
                self.encoding,
                region,
                np.vstack([spread, around(centre, 256, rng)]),
                Effort(starts=3, iterations=40),
            )
            if not found:
                break
            row = self.encoding.complete(found[0][0][None])[0]
            rows.append(row)
            why = {
                "text": f"Expected improvement within a box of side {box.length:.3g} about the best point.",
                "method": "model",
                "predicted": belief.predicted(row),
                "acquisition": found[0][1],
                "box": {
                    "length": box.length,
                    "restarts": box.restarts,
                    "centre_trial": outcomes.trials[box.centre].number,
                },
            }
            chosen.append(Suggestion(self.encoding.point(row), why))
            if self.context.should_stop():
                break
        if len(chosen) < count:
            chosen += super()._model(count - len(chosen), fixed, rows)
        return chosen

    def _local(self, centre: Array, since: int) -> Outcomes:
        outcomes = self.outcomes
        distance = np.linalg.norm(np.nan_to_num(outcomes.rows, nan=0.5) - centre, axis=1)
        distance[since:] -= 1.0  # those of this start first
        keep = np.sort(np.argsort(distance, kind="stable")[:_LOCAL])
        return replace(
            outcomes,
            trials=tuple(outcomes.trials[i] for i in keep),
            rows=outcomes.rows[keep],
            values=outcomes.values[keep],
            y=outcomes.y[keep],
            known=outcomes.known[keep],
            slack=outcomes.slack[keep],
            feasible=outcomes.feasible[keep],
        )

    def _walls(self, surrogate: Surrogate, centre: Array, length: float) -> tuple[Array, Array]:
        """The box: sides in proportion to lengthscales, of the given geometric mean. Categories stay free."""
        scale = surrogate.objectives[0].scale
        sides = np.ones(len(centre))
        varying = np.flatnonzero(self.encoding.levels != 1)
        first = [int(np.argmax(self.encoding.group == g)) for g in range(self.encoding.groups)]
        lengthscales = 1.0 / scale[first]
        weights = lengthscales / math.exp(float(np.log(lengthscales).mean()))
        sides[varying] = np.clip(weights, 0.1, 10.0) * length
        free = np.setdiff1d(np.arange(len(centre)), self.encoding.smooth)
        sides[free] = 2.0
        return np.clip(centre - sides / 2, 0.0, 1.0), np.clip(centre + sides / 2, 0.0, 1.0)


ENGINE = StudyEngine(
    EngineSpec(
        id="trust-region",
        family="study",
        version="3",
        title="Trust-region Bayesian optimization",
        summary="For more than thirty parameters or rugged functions: models only the neighbourhood of the best point.",
        solves=ALL_FEATURES - {"objectives"},
        capabilities=frozenset({"deterministic", "pending", "predict"}),
        options=(
            Option(
                "initial", "integer", None, "trials of each start before the model is asked", minimum=2, maximum=1000
            ),
        ),
        citation="Eriksson, Pearce, Gardner, Turner, Poloczek 2019",
    ),
    TrustRegion,
)
