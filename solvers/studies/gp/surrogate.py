"""The models of a study: a Gaussian process for every objective, every constraint, and for success itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.fit import FIT_LIMIT, Hyperparameters, Prior, fit, spread_subset
from solvers.studies.gp.kernel import GAUSSIAN, MATERN52, Kernel
from solvers.studies.gp.posterior import Posterior
from solvers.studies.gp.warp import Warp, better, candidate
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
        warps, slack_warps: between standardised values and those of the posteriors.
    """

    study: Study
    encoding: Encoding
    objectives: tuple[Posterior, ...]
    slacks: tuple[Posterior, ...]
    limits: tuple[float, ...]
    scales: tuple[Scale, ...]
    slack_scales: tuple[Scale, ...]
    warps: tuple[Warp, ...] = ()
    slack_warps: tuple[Warp, ...] = ()

    @classmethod
    def of(cls, study: Study, encoding: Encoding, outcomes: Outcomes, *, warped: bool = False) -> Surrogate:
        """Fit hyperparameters and condition on all that was measured. Needs at least one measured trial.

        Args:
            warped: outcomes may be transformed where that makes them more likely: for searching. Several objectives
                stay as they are: hypervolume is measured in the user's units.
        """
        features = encoding.features(outcomes.rows)
        # on spaces of choices alone there is no valley whose bottom is to be found, and it did not help
        alone = outcomes.y.shape[1] == 1 and len(encoding.smooth) > 0
        kind = "log" if warped and study.noise != "high" and alone else "none"
        # feasible regions are looked for beyond the points, valleys between them: for these a choice won nothing
        fitting = (MATERN52, GAUSSIAN) if study.constraints and len(encoding.smooth) > 0 else (MATERN52,)
        both = [
            warped_model(encoding, features, outcomes.y[:, k], study.noise, outcomes.known[:, k], kind, kernels=fitting)
            for k in range(outcomes.y.shape[1])
        ]
        slacks, limits, slack_scales, slack_warps = [], [], [], []
        for k in range(len(study.constraints)):
            known = np.isfinite(outcomes.slack[:, k])
            values = outcomes.slack[known, k]
            if len(values) == 0:  # never measured: as likely met as not, wherever
                known, values = np.arange(len(known)) == 0, np.zeros(1)
            scale = Scale.of(values, 1.0)
            zero = float(scale.forward(np.zeros(1))[0])
            kind = "signed" if warped and study.noise != "high" else "none"
            slack, warp = warped_model(
                encoding, features[known], scale.forward(values), study.noise, kind=kind, zero=zero, kernels=fitting
            )
            slacks.append(slack)
            limits.append(float(warp.forward(np.array([zero]))[0]))
            slack_scales.append(scale)
            slack_warps.append(warp)
        if not outcomes.usable.all():
            labels = np.where(outcomes.usable, -1.0, 1.0)
            slacks.append(model(encoding, encoding.features(outcomes.tried), labels, "labels"))
            limits.append(0.0)
        return cls(
            study,
            encoding,
            tuple(posterior for posterior, _ in both),
            tuple(slacks),
            tuple(limits),
            outcomes.scales,
            tuple(slack_scales),
            tuple(warp for _, warp in both),
            tuple(slack_warps),
        )

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
        plain = (Warp(),) * len(self.slacks)
        for objective, posterior, scale, warp in zip(
            self.study.objectives, self.objectives, self.scales, self.warps or (Warp(),) * 16, strict=False
        ):
            mean, std = warp.moments(*_first(posterior.predict(features)))
            told[objective.name] = {"mean": scale.value(mean), "std": std * scale.spread}
        for constraint, posterior, scale, warp in zip(
            self.study.constraints, self.slacks, self.slack_scales, self.slack_warps or plain, strict=False
        ):
            mean, std = warp.moments(*_first(posterior.predict(features)))
            slack = scale.value(mean)
            value = constraint.bound + (slack if constraint.sense == "<=" else -slack)
            told[constraint.name] = {"mean": value, "std": std * scale.spread}
        return told

    def objective_value(self, k: int, z: float) -> float:
        """Of an objective's posterior, back to the user's units."""
        y = float(self.warps[k].inverse(np.array([z]))[0]) if self.warps else z
        return self.scales[k].value(y)

    def objective_z(self, k: int, value: float) -> float:
        """The other way round."""
        y = self.scales[k].forward(np.array([value]))
        return float((self.warps[k].forward(y) if self.warps else y)[0])


def _first(moments: tuple[Array, Array]) -> tuple[float, float]:
    return float(moments[0][0]), float(moments[1][0])


def warped_model(
    encoding: Encoding,
    features: Array,
    y: Array,
    noise: str,
    known: Array | None = None,
    kind: str = "none",
    zero: float = 0.0,
    kernels: tuple[Kernel, ...] = (MATERN52,),
) -> tuple[Posterior, Warp]:
    """As ``model``; of plain and transformed values those that are more likely, by the kernel under which the plain
    ones are. On smooth functions the Matern kernel finds thin feasible regions much later than the Gaussian one: it
    forgets the slope on the way there."""
    if len(y) > POSTERIOR_LIMIT:
        chosen = spread_subset(y, POSTERIOR_LIMIT)
        features, y, known = features[chosen], y[chosen], None if known is None else known[chosen]
    prior = Prior.for_dimensions(encoding.groups, noise, encoding.fidelity_groups)
    used = spread_subset(y, FIT_LIMIT) if len(y) > FIT_LIMIT else np.arange(len(y))
    known = np.zeros(len(y)) if known is None else known

    def fitted(
        z: Array, variances: Array, start: Hyperparameters | None = None, kernel: Kernel = MATERN52
    ) -> Hyperparameters:
        return fit(
            features[used],
            encoding.group,
            encoding.groups,
            z[used],
            known=variances[used],
            prior=prior,
            start=start,
            kernel=kernel,
        )

    hyper = fitted(y, known, kernel=kernels[0])
    for kernel in kernels[1:]:
        hyper = min(hyper, fitted(y, known, hyper, kernel), key=lambda found: found.misfit)
    warp = candidate(y, kind, zero)
    if warp is not None:
        z, variances = warp.forward(y), known * warp.slope(y) ** 2
        other = fitted(z, variances, hyper, hyper.kernel)
        if better(warp, y[used], hyper.misfit, other.misfit):
            return Posterior.of(features, encoding.group, z, other, variances), warp
    return Posterior.of(features, encoding.group, y, hyper, known), Warp()


def model(
    encoding: Encoding,
    features: Array,
    y: Array,
    noise: str,
    known: Array | None = None,
    kernels: tuple[Kernel, ...] = (MATERN52,),
) -> Posterior:
    """Hyperparameters and posterior of one outcome."""
    return warped_model(encoding, features, y, noise, known, kernels=kernels)[0]
