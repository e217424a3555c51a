"""Stopping of studies: what the next trial is expected to gain against its cost, and a bound on the regret."""

from __future__ import annotations

import math

import numpy as np

from solvers.studies.acquisition.composite import LogImprovement
from solvers.studies.acquisition.maximise import Effort, maximise, whole_region
from solvers.studies.analysis.fitted import Fitted
from solvers.studies.encoding import Array
from solvers.studies.engines.config import Optimism
from solvers.studies.sampling import around, generator, sobol
from solvers.studies.stopping.verdict import Verdict

_EFFORT = Effort(candidates=512, starts=4, iterations=50)


def expected_gain(fitted: Fitted, *, cost: float = 0.0, worth: float = 1.0, seed: int = 0) -> Verdict:
    """Stop if the largest expected improvement of the next trial, times ``worth``, is less than its ``cost``.

    Args:
        cost: of one trial.
        worth: of an improvement of the first objective by one of its units, in the unit of ``cost``. With ``cost`` 0
            the study is stopped when less than a thousandth of the standard deviation of the values is to be gained.
    """
    outcomes, surrogate = fitted.outcomes, fitted.surrogate
    best = outcomes.best()
    if best is None:
        return Verdict(False, "No feasible trial yet.")
    objective, scale = surrogate.objectives[0], surrogate.scales[0]
    features = fitted.encoding.features(outcomes.rows[outcomes.feasible])
    target = float(objective.mean_at(features).min())
    acquisition = LogImprovement(fitted.encoding, (objective,), surrogate.slacks, surrogate.limits, target=target)
    region = whole_region(fitted.encoding, {}, frozenset())
    found = maximise(acquisition, fitted.encoding, region, _starts(fitted, best, seed), _EFFORT)
    gain = math.exp(found[0][1]) * scale.spread if found else 0.0
    threshold = cost / worth if cost > 0 else 1e-3 * scale.spread
    text = f"The next trial is expected to gain {gain:.3g}; it is worth its cost from {threshold:.3g} on."
    return Verdict(gain < threshold, text, {"expected_improvement": gain, "threshold": threshold})


def regret_bound(fitted: Fitted, *, tolerance: float, confidence: float = 0.95, seed: int = 0) -> Verdict:
    """Stop if the best trial is within ``tolerance`` (in the objective's units) of the best possible value.

    Bound: the lowest upper confidence bound of feasible trials minus the lowest lower bound anywhere, of width
    sqrt(2 log(d n^2 pi^2/(6 delta))) (Makarova et al., Automatic Termination for Hyperparameter Optimization, AutoML
    2022, eq. 4). It holds with the given confidence if the function is one that the model expects.
    """
    outcomes, surrogate = fitted.outcomes, fitted.surrogate
    best = outcomes.best()
    if best is None:
        return Verdict(False, "No feasible trial yet.")
    count, d = outcomes.count, max(fitted.encoding.groups, 1)
    width = math.sqrt(2.0 * math.log(d * count * count * math.pi**2 / (6.0 * (1.0 - confidence))))
    objective, scale = surrogate.objectives[0], surrogate.scales[0]
    mean, std = objective.predict(fitted.encoding.features(outcomes.rows[outcomes.feasible]))
    upper = float((mean + width * std).min())
    optimism = Optimism(fitted.encoding, objective, surrogate.slacks, surrogate.limits, width)
    region = whole_region(fitted.encoding, {}, frozenset())
    found = maximise(optimism, fitted.encoding, region, _starts(fitted, best, seed), _EFFORT)
    lower = -found[0][1] if found else upper
    bound = max(upper - lower, 0.0) * scale.spread
    text = f"The best trial is within {bound:.3g} of the best possible with {confidence:.0%} confidence of the model."
    return Verdict(bound <= tolerance, text, {"bound": bound, "tolerance": tolerance, "standard_deviations": width})


def _starts(fitted: Fitted, best: int, seed: int) -> Array:
    centre = np.nan_to_num(fitted.outcomes.rows[best], nan=0.5)
    spread = np.nan_to_num(sobol(fitted.encoding, _EFFORT.candidates, seed), nan=0.5)
    return np.vstack([spread, around(centre, 256, generator(seed, 41))])
