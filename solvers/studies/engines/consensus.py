"""Consensus-based optimization: particles drift to a weighted mean of their places and shake in proportion to the
distance.

x <- x - lambda dt (x - v) + sigma sqrt(dt) |x - v| * N(0, 1) by component, v = sum x e^(-a f) / sum e^(-a f)
(Pinnau et al. 2017; anisotropic noise after Carrillo et al. 2021; Riedl et al., arXiv:2306.09778, for its descent
property). Trial number k moves particle k mod N, so that the particles are in the trials. Values enter by their scale
only: a is divided by their standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from solvers.core.engine import EngineSpec, Option
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.parameters import Value


class Consensus(Base):
    """The advisor of the engine ``consensus``."""

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        outcomes, particles = self.outcomes, int(self.options["particles"])
        places: dict[int, Array] = {}
        values: dict[int, float] = {}
        for trial, row, y, allowed in zip(
            outcomes.trials, np.nan_to_num(outcomes.rows, nan=0.5), outcomes.y[:, 0], outcomes.feasible, strict=True
        ):
            places[trial.number % particles] = row
            values[trial.number % particles] = float(y) if allowed else np.inf
        if len(values) < particles or not np.isfinite(list(values.values())).any():
            return super()._model(count, fixed, rows)
        f = np.array([values[i] for i in range(particles)])
        finite = f[np.isfinite(f)]
        weights = np.exp(-float(self.options["alpha"]) * (f - finite.min()) / max(float(finite.std()), 1e-12))
        here = np.array([places[i] for i in range(particles)])
        consensus = weights @ here / weights.sum()
        start = max((trial.number for trial in self.observations.trials), default=-1) + 1 + len(rows)
        region, taken = self.region(fixed, rows), set(self.taken(rows))
        found: list[Array] = []
        dt, drift, noise = (float(self.options[key]) for key in ("step", "drift", "noise"))
        for number in range(start, start + count):
            rng = self.rng(14, number)
            x = here[number % particles]
            for _ in range(20):
                away = x - consensus
                moved = x - drift * dt * away + noise * np.sqrt(dt) * np.abs(away) * rng.standard_normal(len(x))
                before = len(found)
                self.admit(moved[None], region, taken, found, before + 1)
                if len(found) > before:
                    break
        text = f"Particle moved to the consensus of {particles}, with noise in proportion to its distance."
        chosen = [Suggestion(self.encoding.point(row), {"text": text, "method": "model"}) for row in found]
        if len(chosen) < count:
            chosen += super()._model(count - len(chosen), fixed, [*rows, *found])
        return chosen


ENGINE = StudyEngine(
    EngineSpec(
        id="consensus",
        family="study",
        version="1",
        title="Consensus-based optimization",
        summary="A swarm for many parallel, cheap evaluations of one non-smooth objective.",
        solves=frozenset({"constraints", "discrete", "input-constraints", "noise", "fidelity"}),
        capabilities=frozenset({"deterministic", "pending"}),
        options=(
            Option("particles", "integer", 20, "size of the swarm", minimum=3, maximum=10_000),
            Option("alpha", "float", 10.0, "weight of the best, over the values' standard deviation", minimum=0.0),
            Option("step", "float", 0.1, "time step dt", minimum=1e-6, maximum=1.0),
            Option("drift", "float", 1.0, "lambda", minimum=0.0),
            Option("noise", "float", 1.0, "sigma", minimum=0.0),
        ),
        citation="Pinnau, Totzeck, Tse, Martin 2017; Riedl, Klock, Geldhauser, Fornasier 2023",
    ),
    Consensus,
)
