"""Early stopping of trials: by the median of others, by successive halving, by extrapolating the learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from solvers.studies.encoding import Array
from solvers.studies.observations import Trial
from solvers.studies.stopping.verdict import Verdict, minimised
from solvers.studies.study import Objective


def median(
    trial: Trial, others: Sequence[Trial], objective: Objective, *, grace: float = 0.0, startup: int = 5
) -> Verdict:
    """Stop if the trial's best value so far is worse than the median of the others' means up to the same step
    (Golovin et al., Google Vizier, KDD 2017, sec. 3.2.1).

    Args:
        grace: never before this step.
        startup: never with fewer others that got as far.
    """
    curve = minimised(trial, objective)
    if not curve or curve[-1][0] < grace:
        return Verdict(False, "Too early to say.")
    if not math.isfinite(curve[-1][1]):
        return Verdict(True, f"{objective.name} is not finite at step {curve[-1][0]:g}.")
    step, best = curve[-1][0], min(value for _, value in curve)
    means = []
    for other in others:
        points = minimised(other, objective)
        if other.number != trial.number and points and points[-1][0] >= step:
            values = [value for at, value in points if at <= step and math.isfinite(value)]
            if values:
                means.append(float(np.mean(values)))
    if len(means) < startup:
        return Verdict(False, f"Only {len(means)} other trials got as far.")
    middle = float(np.median(means))
    evidence = {"step": step, "best": objective.sign * best, "median": objective.sign * middle, "others": len(means)}
    if best <= middle:
        return Verdict(False, f"Its best is no worse than the median of {len(means)} other trials.", evidence)
    return Verdict(
        True, f"Its best until step {step:g} is worse than the median of {len(means)} other trials.", evidence
    )


def successive_halving(
    trial: Trial, others: Sequence[Trial], objective: Objective, *, first: float = 1.0, factor: int = 3
) -> Verdict:
    """Asynchronous successive halving (Li et al., MLSys 2020, algorithm 2): at the rungs first, first * factor, ...
    only the best 1/factor of all that ever reached the rung goes on. With fewer than ``factor`` at a rung, the best
    one does.
    """
    curve = minimised(trial, objective)
    if not curve or curve[-1][0] < first:
        return Verdict(False, "The first rung is not reached.")
    if not math.isfinite(curve[-1][1]):
        return Verdict(True, f"{objective.name} is not finite at step {curve[-1][0]:g}.")
    rung = first * factor ** math.floor(math.log(curve[-1][0] / first, factor) + 1e-12)
    mine = _at_rung(curve, rung)
    rivals = [
        value
        for other in others
        if other.number != trial.number
        for value in [_at_rung(minimised(other, objective), rung)]
        if math.isfinite(value)
    ]
    allowed = max(1, (len(rivals) + 1) // factor)
    rank = 1 + sum(value < mine for value in rivals)
    evidence = {"rung": rung, "rank": rank, "promoted": allowed, "trials": len(rivals) + 1}
    if rank <= allowed:
        return Verdict(False, f"Number {rank} of {len(rivals) + 1} at rung {rung:g}: goes on.", evidence)
    return Verdict(True, f"Number {rank} of {len(rivals) + 1} at rung {rung:g}; the best {allowed} go on.", evidence)


def _at_rung(curve: Sequence[tuple[float, float]], rung: float) -> float:
    """The first value from the rung on; inf if the rung was not reached or the value is not finite."""
    value = next((value for step, value in curve if step >= rung), math.inf)
    return value if math.isfinite(value) else math.inf


def extrapolate(curve: Sequence[tuple[float, float]], horizon: float) -> tuple[float, float]:
    """Mean and standard deviation of a curve's value at ``horizon``.

    Power laws a + b s^-c (Domhan, Springenberg, Hutter, IJCAI 2015, "pow3"), a and b by least squares for each c of a
    grid, averaged with the weights of their likelihood; the noise is estimated from second differences. At least five
    finite points.
    """
    steps = np.array([step for step, value in curve if math.isfinite(value)])
    values = np.array([value for _, value in curve if math.isfinite(value)])
    scale = (steps - steps[0] + 1.0), horizon - steps[0] + 1.0
    noise = max(float(np.std(np.diff(values, 2))) / math.sqrt(6.0), 1e-6 * (float(np.ptp(values)) + 1e-12))
    powers = np.geomspace(0.05, 3.0, 24)
    means, variances, logs = np.empty(24), np.empty(24), np.empty(24)
    for k, power in enumerate(powers):
        design = np.column_stack([np.ones(len(steps)), scale[0] ** -power])
        far = np.array([1.0, scale[1] ** -power])
        # a weak prior (a ridge far below the noise) keeps nearly collinear designs finite
        inverse = np.linalg.inv(design.T @ design + 1e-9 * np.eye(2))
        weights: Array = inverse @ design.T @ values
        residual = values - design @ weights
        means[k] = far @ weights
        variances[k] = noise**2 * (1.0 + float(far @ inverse @ far))
        logs[k] = -0.5 * float(residual @ residual) / noise**2
    share = np.exp(logs - logs.max())
    share /= share.sum()
    mean = float(share @ means)
    return mean, math.sqrt(float(share @ (variances + (means - mean) ** 2)))


def learning_curve(
    trial: Trial,
    others: Sequence[Trial],
    objective: Objective,
    *,
    horizon: float,
    chance: float = 0.05,
    grace: float = 0.0,
) -> Verdict:
    """Stop if the chance that the curve ends below the best final value so far is less than ``chance``.

    Args:
        horizon: the step at which a trial ends.
    """
    curve = minimised(trial, objective)
    finals = [objective.sign * other.values[objective.name] for other in others if other.measured([objective.name])]
    finite = [point for point in curve if math.isfinite(point[1])]
    if len(finite) < 5 or curve[-1][0] < grace or not finals:
        return Verdict(False, "Too early to say.")
    mean, std = extrapolate(curve, max(horizon, curve[-1][0]))
    probability = float(ndtr((min(finals) - mean) / std))
    evidence = {
        "predicted": objective.sign * mean,
        "std": std,
        "best": objective.sign * min(finals),
        "chance": probability,
    }
    text = f"The chance to end better than the best so far is {probability:.1%}."
    return Verdict(probability < chance, text, evidence)
