"""The models of a study: a Gaussian process for every objective, every constraint, and for success itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.fit import Prior, fit, spread_subset
from solvers.studies.gp.posterior import Posterior
from solvers.studies.outcomes import Outcomes, Scale
from solvers.studies.study import Study

#: A posterior of more trials than this is over the best third and an even choice of the rest.
POSTERIOR_LIMIT = 2000


@dataclass(frozen=True)
class Surrogate:
    """Posteriors over the feature rows of ``encoding``.

    Attributes:
        objectives: one for each objective, of its standardised, minimised values.
        slacks: one for each constraint, and a last one for failures where there were any: standardised slacks, met
            at or below ``limits``.
        scales: of objectives; ``slack_scales`` of the constraints (not of failures).
    """

    study: Study
    encoding: Encoding
    objectives: tuple[Posterior, ...]
    slacks: tuple[Posterior, ...]
    limits: tuple[float, ...]
    scales: tuple[Scale, ...]
    slack_scales: tuple[Scale, ...]

    @classmethod
    def of(cls, study: Study, encoding: Encoding, outcomes: Outcomes) -> Surrogate:
        """Fit hyperparameters and condition on all that was measured. Needs at least one measured trial."""
        features = encoding.features(outcomes.rows)
        objectives = tuple(
            model(encoding, features, outcomes.y[:, k], study.noise, outcomes.known[:, k])
            for k in range(outcomes.y.shape[1])
        )
        slacks, limits, slack_scales = [], [], []
        for k in range(len(study.constraints)):
            known = np.isfinite(outcomes.slack[:, k])
            values = outcomes.slack[known, k]
            if len(values) == 0:  # never measured: as likely met as not, wherever
                known, values = np.arange(len(known)) == 0, np.zeros(1)
            scale = Scale.of(values, 1.0)
            slack_scales.append(scale)
            slacks.append(model(encoding, features[known], scale.forward(values), study.noise))
            limits.append(float(scale.forward(np.zeros(1))[0]))
        if not outcomes.usable.all():
            labels = np.where(outcomes.usable, -1.0, 1.0)
            slacks.append(model(encoding, encoding.features(outcomes.tried), labels, "labels"))
            limits.append(0.0)
        return cls(study, encoding, objectives, tuple(slacks), tuple(limits), outcomes.scales, tuple(slack_scales))

    def believing(self, rows: Array) -> Surrogate:
        """As if the rows had been evaluated with the predicted values (kriging believer, Ginsbourger et al. 2010): the
        mean stays, the uncertainty about them goes."""
        if len(rows) == 0:
            return self
        features = self.encoding.features(rows)

        def sure(models: tuple[Posterior, ...]) -> tuple[Posterior, ...]:
            return tuple(m.given(features, m.mean_at(features)) for m in models)

        return replace(self, objectives=sure(self.objectives), slacks=sure(self.slacks))

    def feasibility(self, rows: Array) -> Array:
        """(q,) the probability that all constraints hold and the evaluation succeeds."""
        features = self.encoding.features(rows)
        probability = np.ones(len(rows))
        for posterior, limit in zip(self.slacks, self.limits, strict=True):
            mean, std = posterior.predict(features)
            probability *= ndtr((limit - mean) / std)
        return probability

    def success(self, rows: Array) -> Array:
        """(q,) the probability that the evaluation itself succeeds; 1 if none ever failed."""
        if len(self.slacks) == len(self.study.constraints):
            return np.ones(len(rows))
        mean, std = self.slacks[-1].predict(self.encoding.features(rows))
        return np.asarray(ndtr((self.limits[-1] - mean) / std))

    def predicted(self, row: Array) -> Mapping[str, Mapping[str, float]]:
        """Mean and standard deviation of every outcome at a complete row, in the user's units."""
        features = self.encoding.features(row[None])
        told = {}
        for objective, posterior, scale in zip(self.study.objectives, self.objectives, self.scales, strict=True):
            mean, std = posterior.predict(features)
            told[objective.name] = {"mean": scale.value(float(mean[0])), "std": float(std[0]) * scale.spread}
        for constraint, posterior, scale in zip(self.study.constraints, self.slacks, self.slack_scales, strict=False):
            mean, std = posterior.predict(features)
            slack = scale.value(float(mean[0]))
            value = constraint.bound + (slack if constraint.sense == "<=" else -slack)
            told[constraint.name] = {"mean": value, "std": float(std[0]) * scale.spread}
        return told


def model(encoding: Encoding, features: Array, y: Array, noise: str, known: Array | None = None) -> Posterior:
    """Hyperparameters and posterior of one outcome."""
    if len(y) > POSTERIOR_LIMIT:
        chosen = spread_subset(y, POSTERIOR_LIMIT)
        features, y, known = features[chosen], y[chosen], None if known is None else known[chosen]
    prior = Prior.for_dimensions(encoding.groups, noise)
    hyper = fit(features, encoding.group, encoding.groups, y, known=known, prior=prior)
    return Posterior.of(features, encoding.group, y, hyper, known)
