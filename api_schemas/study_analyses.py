"""What workers find out about a study: importance, marginals, contours, calibration, progress, when to stop."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api_schemas.base import Model, Reply
from api_schemas.study_spaces import Point, Scalar


class PredictRequest(Model):
    """Points at which the model of the study is asked."""

    points: Annotated[list[Point], Field(min_length=1, max_length=1000)]


class Marginal(Reply):
    """What the model expects of an objective along one parameter."""

    parameter: str
    objective: str
    values: list[Scalar]
    """Of the parameter: all, or evenly spaced on its scale."""
    mean: list[float]
    std: list[float]
    """Of ``mean``: how sure the model is of the average, not how much trials differ."""
    trial: int | None = None
    """The other parameters are as in this trial; None: averaged over."""


class Contour(Reply):
    """What the model expects of an objective over two parameters."""

    parameters: Annotated[list[str], Field(min_length=2, max_length=2)]
    objective: str
    values: Annotated[list[list[Scalar]], Field(min_length=2, max_length=2)]
    """Along the first parameter, along the second."""
    mean: list[list[float]]
    """One row for each value of the second parameter."""
    std: list[list[float]]
    trial: int | None = None
    """The other parameters are as in this trial; None: averaged over."""


class Calibration(Reply):
    """Every trial's value, predicted by the model from all other trials."""

    trials: list[int]
    """Numbers; empty if the model holds only a part of them."""
    observed: list[float]
    mean: list[float]
    std: list[float]
    coverage: dict[str, float]
    """Level (0.5, 0.8, 0.9, 0.95) to the share of trials inside the central interval of that level: equal if the model
    knows what it does not know."""
    r2: float
    rank_correlation: float
    log_density: float
    """Mean logarithm of the density at standardised values: higher is better."""


class Progress(Reply):
    """How the study came along, trial by trial."""

    trials: list[int]
    """Numbers of trials with values."""
    best: list[float | None]
    """Of the first objective among feasible trials, so far."""
    hypervolume: list[float]
    """Dominated by the front so far, from ``reference`` on; of one objective the distance of the best from it."""
    reference: list[float] | None = None
    """By objective: the worst feasible value and a tenth of the range; None if no trial is feasible."""


class StudyStopping(Reply):
    """Whether more trials are worth while. Nothing is stopped by it."""

    expected_gain: float
    """What the next trial is expected to gain of the first objective."""
    regret_bound: float
    """The best trial is within this of the best possible value, with ``confidence``, if the model is right."""
    confidence: float
    spread: float
    """Standard deviation of the values: the unit in which the two are small or large."""
    stop: bool
    """The expected gain is below a thousandth of ``spread``."""
    text: str


class Utility(Reply):
    """A trial of a study by preference, as the model of the comparisons sees it."""

    trial: int
    mean: float
    """Utility: higher is better; its unit has no meaning."""
    std: float
    best: float
    """The probability that no other compared trial is better."""


class Findings(Reply):
    """What an analysis has found; the part that was asked for."""

    importance: dict[str, dict[str, float]] | None = None
    """Objective to parameter to its share of the variance, with all interactions (total effects)."""
    main_effects: dict[str, dict[str, float]] | None = None
    """The same without interactions (first-order effects)."""
    predictions: list[dict[str, dict[str, float]]] | None = None
    """For each point: metric to mean and standard deviation."""
    marginals: list[Marginal] | None = None
    """By parameter, in the order that was asked for."""
    contour: Contour | None = None
    calibration: dict[str, Calibration] | None = None
    """By objective."""
    progress: Progress | None = None
    stopping: StudyStopping | None = None
    utilities: list[Utility] | None = None
    """Best first."""
    replay: dict[str, Any] | None = None
    message: str = ""


class Analysis(Findings):
    """What a worker found out about a study."""

    watermark: int
    """The data that it was made of."""


__all__ = [
    "Analysis",
    "Calibration",
    "Contour",
    "Findings",
    "Marginal",
    "PredictRequest",
    "Progress",
    "StudyStopping",
    "Utility",
]
