"""Optimistic constrained optimization (CONFIG), which can say that a study is infeasible.

At each step: the lowest lower confidence bound of the objective among the points whose constraints' lower bounds are
all met (Xu, Jiang, Svetozarevic, Jones, ICML 2023, Algorithm 1). If there is no such point, then under the model's
assumptions no point meets all constraints, with probability 1 - ``confidence``'s complement: that is the finding.
sqrt(beta) is given, or sqrt(2 log(m t^2 pi^2 / (6 delta))) for m models after t trials (Srinivas et al. 2010, Theorem
1, for one point).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.acquisition.maximise import Effort, maximise
from solvers.studies.encoding import Array, Encoding
from solvers.studies.engine import Finding, StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.gp.posterior import Posterior
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.parameters import Value
from solvers.studies.study import Study

#: Violations of lower bounds weigh this much against the objective's bound, both in standard deviations of the values.
_PENALTY = 100.0


@dataclass(frozen=True)
class Optimism:
    """-(lower bound of the objective) - penalty * sum of positive lower bounds of the slacks; without objective, minus
    the largest of the latter."""

    encoding: Encoding
    objective: Posterior | None
    slacks: tuple[Posterior, ...]
    limits: tuple[float, ...]
    width: float

    def values(self, rows: Array) -> Array:
        features = self.encoding.features(rows)
        lower = self._lower(features)
        if self.objective is None:
            return np.asarray(-lower.max(axis=1))
        mean, std = self.objective.predict(features)
        return np.asarray(-(mean - self.width * std) - _PENALTY * np.maximum(lower, 0.0).sum(axis=1))

    def _lower(self, features: Array) -> Array:
        """Lower bounds of the slacks, (q, constraints); met at or below 0."""
        moments = [model.predict(features) for model in self.slacks]
        columns = [m - self.width * s - limit for (m, s), limit in zip(moments, self.limits, strict=True)]
        return np.column_stack(columns) if columns else np.full((len(features), 1), -np.inf)

    def slopes(self, rows: Array) -> tuple[Array, Array]:
        features = self.encoding.features(rows)
        parts = [model.slopes(features) for model in self.slacks]
        lower = [m - self.width * s - limit for (m, s, _, _), limit in zip(parts, self.limits, strict=True)]
        slope = np.zeros_like(features)
        if self.objective is None:
            worst = np.argmax(np.column_stack(lower), axis=1)
            for k, (_, _, mean_slope, std_slope) in enumerate(parts):
                slope -= (worst == k)[:, None] * (mean_slope - self.width * std_slope)
            return -np.column_stack(lower).max(axis=1), self.encoding.pull(rows, slope)
        mean, std, mean_slope, std_slope = self.objective.slopes(features)
        total = -(mean - self.width * std)
        slope -= mean_slope - self.width * std_slope
        for bound, (_, _, mean_slope, std_slope) in zip(lower, parts, strict=True):
            total = total - _PENALTY * np.maximum(bound, 0.0)
            slope -= _PENALTY * (bound > 0)[:, None] * (mean_slope - self.width * std_slope)
        return total, self.encoding.pull(rows, slope)


class Config(Base):
    """The advisor of the engine ``config``."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        if len(study.objectives) != 1:
            raise UnsupportedProblem("config takes one objective", pointer="/objectives", hint="gp")
        self.initial = options["initial"] or max(5, self.encoding.groups + 1)

    def _width(self, models: int) -> float:
        if self.options["beta"] is not None:
            return math.sqrt(float(self.options["beta"]))
        delta, t = 1.0 - float(self.options["confidence"]), max(self.outcomes.count, 1)
        return math.sqrt(2.0 * math.log(models * t * t * math.pi**2 / (6.0 * delta)))

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        surrogate = Surrogate.of(self.study, self.encoding, self.outcomes)
        width = self._width(1 + len(surrogate.slacks))
        effort = Effort(candidates=512, starts=4, iterations=50)
        rows, chosen = list(rows), []
        for _ in range(count):
            known = np.array([*self.outcomes.pending, *rows]).reshape(-1, len(self.encoding.names))
            belief = surrogate.believing(known)
            order = np.argsort(self.outcomes.y[:, 0] + 1e3 * ~self.outcomes.feasible, kind="stable")[:3]
            starts = self.candidates(effort.candidates, self.outcomes.rows[order], len(rows))
            optimism = Optimism(self.encoding, belief.objectives[0], belief.slacks, belief.limits, width)
            found = maximise(optimism, self.encoding, self.region(fixed, rows), starts, effort)
            if not found:
                break
            row = self.encoding.complete(found[0][0][None])[0]
            if belief.slacks and optimism._lower(self.encoding.features(row[None])).max() > 0.0:
                doubt = Optimism(self.encoding, None, belief.slacks, belief.limits, width)
                hardest = maximise(doubt, self.encoding, self.region(fixed, rows), starts, effort)
                if hardest and hardest[0][1] < 0.0:
                    self._finding = self._infeasible(belief, self.encoding.complete(hardest[0][0][None])[0], width)
                    row = self.encoding.complete(hardest[0][0][None])[0]
            rows.append(row)
            why = {
                "text": "The best that the objective may still be where the constraints may still hold.",
                "method": "model",
                "predicted": belief.predicted(row),
                "acquisition": found[0][1],
                "standard_deviations": width,
            }
            if belief.slacks:
                why["feasible"] = float(belief.feasibility(row[None])[0])
            chosen.append(Suggestion(self.encoding.point(row), why))
            if self.context.should_stop():
                break
        return chosen

    def _infeasible(self, belief: Surrogate, row: Array, width: float) -> Finding:
        features = self.encoding.features(row[None])
        bounds = {}
        for constraint, model, limit, scale in zip(
            self.study.constraints, belief.slacks, belief.limits, belief.slack_scales, strict=False
        ):
            mean, std = model.predict(features)
            bounds[constraint.name] = float((mean[0] - width * std[0] - limit) * scale.spread)
        return Finding(
            "infeasible",
            f"Even where the constraints are closest to being met, one is violated by more than {width:.2f} standard "
            "deviations of the model: probably no point meets all of them.",
            {"parameters": self.encoding.point(row), "lower_bounds_of_violation": bounds, "standard_deviations": width},
        )


ENGINE = StudyEngine(
    EngineSpec(
        id="config",
        family="study",
        version="3",
        title="Optimistic constrained optimization",
        summary="For hard constraints: says so when they probably cannot all be met.",
        solves=ALL_FEATURES - {"objectives"},
        capabilities=frozenset({"deterministic", "pending", "predict", "infeasibility"}),
        options=(
            Option("initial", "integer", None, "measured trials before the model is asked", minimum=1, maximum=10_000),
            Option("beta", "float", None, "squared width of the confidence bounds", minimum=0.0),
            Option("confidence", "float", 0.95, "of the bounds, if beta is not given", minimum=0.5, maximum=0.9999),
        ),
        citation="Xu, Jiang, Svetozarevic, Jones, Constrained Efficient Global Optimization, ICML 2023",
    ),
    Config,
)
