"""Models and acquisition functions of BoTorch, built from the arrays of a study."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from botorch.acquisition import (
    AnalyticExpectedUtilityOfBestOption,
    InverseCostWeightedUtility,
    PosteriorMean,
    qKnowledgeGradient,
    qLogNoisyExpectedImprovement,
    qLowerBoundMaxValueEntropy,
    qMultiFidelityMaxValueEntropy,
)
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.acquisition.objective import GenericMCObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, PairwiseGP, PairwiseLaplaceMarginalLogLikelihood, SingleTaskGP
from botorch.models.cost import AffineFidelityCostModel
from botorch.models.gp_regression_fidelity import SingleTaskMultiFidelityGP
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood

from solvers.core.errors import EngineFailure
from solvers.studies.acquisition.maximise import Region
from solvers.studies.encoding import Array, Encoding
from solvers.studies.gp.preference import compared
from solvers.studies.observations import Observations
from solvers.studies.outcomes import Outcomes
from solvers.studies.sampling import sobol
from solvers.studies.study import Study

# BoTorch would compile a kernel in C++ at first use, and wait for ever on the lock that a killed compiler left. Workers
# are killed at limits, and have no compiler: the plain version does the same.
logei._load_attempted = True
_SAMPLES = 64
_FANTASIES = 16
_CANDIDATES = 512


@dataclass(frozen=True)
class Fitted:
    """A model of maximised, standardised outcomes: objectives, then slacks (met at or below 0).

    Attributes:
        seen: features of the trials, (n, features).
        best_rows: around which to look.
        reference: of the maximised objectives, for hypervolume.
        signs: of each outcome's column with the study's scale: (name, centre, factor), for predictions.
    """

    study: Study
    encoding: Encoding
    model: Any
    seen: torch.Tensor
    best_rows: Array
    reference: list[float]
    units: tuple[tuple[str, float, float], ...]

    def predicted(self, row: Array) -> dict[str, dict[str, float]]:
        with torch.no_grad():
            posterior = self.model.posterior(torch.from_numpy(self.encoding.features(row[None])))
        means, deviations = posterior.mean[0].tolist(), posterior.variance[0].clamp_min(0).sqrt().tolist()
        return {
            name: {"mean": centre + factor * mean, "std": abs(factor) * std}
            for (name, centre, factor), mean, std in zip(self.units, means, deviations, strict=False)
        }


def fit(method: str, study: Study, encoding: Encoding, outcomes: Outcomes, observations: Observations) -> Fitted:
    """The model of a method.

    Raises:
        EngineFailure: BoTorch could not fit one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if method == "preference":
                return _pairwise(study, encoding, observations)
            return _regression(method, study, encoding, outcomes)
    except (RuntimeError, ValueError) as error:
        raise EngineFailure(f"BoTorch could not fit a model: {error}") from error


def _regression(method: str, study: Study, encoding: Encoding, outcomes: Outcomes) -> Fitted:
    x = torch.from_numpy(encoding.features(outcomes.rows))
    columns = [-outcomes.y[:, k] for k in range(outcomes.y.shape[1])]
    units = [(o.name, s.centre, -s.sign * s.spread) for o, s in zip(study.objectives, outcomes.scales, strict=True)]
    for k, constraint in enumerate(study.constraints):
        slack = outcomes.slack[:, k]
        known = np.where(np.isfinite(slack), slack, np.nanmax(slack, initial=1.0))
        spread = float(known.std()) or 1.0
        columns.append(known / spread)
        units.append((constraint.name, constraint.bound, spread if constraint.sense == "<=" else -spread))
    targets = [torch.from_numpy(np.ascontiguousarray(column))[:, None] for column in columns]
    if method == "multi-fidelity":
        place = _fidelity_feature(encoding)
        single = SingleTaskMultiFidelityGP(x, targets[0], data_fidelities=[place])
        fit_gpytorch_mll(ExactMarginalLogLikelihood(single.likelihood, single))
        model: Any = single
    else:
        parts = [SingleTaskGP(x, target) for target in targets]
        model = parts[0] if len(parts) == 1 else ModelListGP(*parts)
        likelihood = ExactMarginalLogLikelihood if len(parts) == 1 else SumMarginalLogLikelihood
        fit_gpytorch_mll(likelihood(model.likelihood, model))
    y = outcomes.y
    order = np.argsort(np.where(outcomes.feasible, y[:, 0], y[:, 0] + 1e3), kind="stable")[:4]
    reference = [float(-(y[:, k].max() + 0.1)) for k in range(y.shape[1])]
    for k, (objective, scale) in enumerate(zip(study.objectives, outcomes.scales, strict=True)):
        if objective.reference is not None:
            reference[k] = -float(scale.forward(np.array([objective.reference]))[0])
    return Fitted(study, encoding, model, x, outcomes.rows[order], reference, tuple(units))


def _pairwise(study: Study, encoding: Encoding, observations: Observations) -> Fitted:
    seen = compared(observations)
    rows = encoding.places(seen.points)
    x = torch.from_numpy(encoding.features(rows))
    model = PairwiseGP(x, torch.tensor(seen.pairs, dtype=torch.long))
    fit_gpytorch_mll(PairwiseLaplaceMarginalLogLikelihood(model.likelihood, model))
    with torch.no_grad():
        utilities = model.posterior(x).mean.squeeze(-1).numpy()
    best = np.argsort(-utilities, kind="stable")[:4]
    return Fitted(study, encoding, model, x, rows[best], [], (("utility", 0.0, 1.0),))


def acquisition(method: str, fitted: Fitted, pending: Array, seed: int) -> Any:
    """The acquisition function, to be maximised over (b, 1, features)."""
    encoding, model = fitted.encoding, fitted.model
    waiting = torch.from_numpy(encoding.features(pending)) if len(pending) else None
    sampler = SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=seed)
    count = len(fitted.study.objectives)
    slacks = [(lambda samples, k=count + i: samples[..., k]) for i in range(len(fitted.study.constraints))] or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "log-nei":
            first = GenericMCObjective(lambda samples, X=None: samples[..., 0])  # noqa: ARG005
            return qLogNoisyExpectedImprovement(
                model, fitted.seen, sampler=sampler, objective=first, constraints=slacks, X_pending=waiting
            )
        if method == "nehvi":
            return qLogNoisyExpectedHypervolumeImprovement(
                model,
                fitted.reference,
                fitted.seen,
                sampler=sampler,
                objective=IdentityMCMultiOutputObjective(outcomes=list(range(count))),
                constraints=slacks,
                X_pending=waiting,
                prune_baseline=True,
            )
        if method == "knowledge-gradient":
            return qKnowledgeGradient(
                model,
                num_fantasies=_FANTASIES,
                sampler=SobolQMCNormalSampler(torch.Size([_FANTASIES]), seed=seed),
                X_pending=waiting,
            )
        if method == "preference":
            # beside a point that waits to be compared, the next one is to be better than that
            rival = _winner(fitted) if waiting is None else waiting[-1:]
            return AnalyticExpectedUtilityOfBestOption(model, previous_winner=rival)
        candidates = torch.from_numpy(
            encoding.features(encoding.complete(np.nan_to_num(sobol(encoding, _CANDIDATES, seed), nan=0.5)))
        )
        if method == "max-value-entropy":
            return qLowerBoundMaxValueEntropy(model, candidates, X_pending=waiting)
        place = _fidelity_feature(encoding)
        candidates[:, place] = 1.0
        cost = AffineFidelityCostModel(fidelity_weights={place: 1.0}, fixed_cost=0.05)
        utility = InverseCostWeightedUtility(cost_model=cost)

        def at_full(X: torch.Tensor) -> torch.Tensor:
            raised = X.clone()
            raised[..., place] = 1.0
            return raised

        return qMultiFidelityMaxValueEntropy(
            model, candidates, cost_aware_utility=utility, project=at_full, X_pending=waiting
        )


def one_shot(function: Any, encoding: Encoding, region: Region) -> tuple[Array, float]:
    """The place row (spaces of numbers: features are places) that a one-shot function likes best, and its value."""
    columns = [i for i in range(len(encoding.names)) if encoding.levels[i] != 1]
    bounds = torch.from_numpy(np.vstack([region.low[columns], region.high[columns]]))
    pinned = {k: float(region.fixed[i]) for k, i in enumerate(columns) if i in region.fixed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, value = optimize_acqf(
            function,
            bounds,
            q=1,
            num_restarts=3,
            raw_samples=64,
            fixed_features=pinned or None,
            options={"maxiter": 60, "batch_limit": 3},
        )
    places = np.full(len(encoding.names), 0.5)
    places[columns] = found[0].double().numpy()
    return places, float(value)


def posterior_mean(model: Any) -> Any:
    return PosteriorMean(model)


def _winner(fitted: Fitted) -> torch.Tensor:
    with torch.no_grad():
        best = int(fitted.model.posterior(fitted.seen).mean.squeeze(-1).argmax())
    return fitted.seen[best : best + 1]


def _fidelity_feature(encoding: Encoding) -> int:
    column = int(encoding.fidelities[0])
    group = int(np.count_nonzero(encoding.levels[:column] != 1))
    return int(np.argmax(encoding.group == group))
