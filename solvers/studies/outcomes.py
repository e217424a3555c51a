"""What models learn from: observations as arrays, standardised, every objective minimised, every constraint a slack."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.studies.encoding import Array, Encoding
from solvers.studies.observations import Observations, Trial
from solvers.studies.study import Study


@dataclass(frozen=True)
class Scale:
    """y = sign (value - centre) / spread."""

    sign: float
    centre: float
    spread: float

    def forward(self, values: Array) -> Array:
        return np.asarray(self.sign * (values - self.centre) / self.spread)

    def value(self, y: float) -> float:
        """Back to the user's units."""
        return self.centre + self.sign * self.spread * y

    @classmethod
    def of(cls, values: Array, sign: float) -> Scale:
        size = float(np.abs(values).max(initial=0.0)) or 1.0
        share = values / size  # squares of large values would overflow
        spread = float(share.std()) if len(values) > 1 else 0.0
        if spread <= 1e-12:
            return cls(sign, float(share.mean()) * size if len(values) else 0.0, 1.0)
        return cls(sign, float(share.mean()) * size, spread * size)


@dataclass(frozen=True)
class Outcomes:
    """Arrays over the trials with measured objectives (n of them), in the order of their numbers.

    Attributes:
        trials: those trials; a stopped one without values counts with the last value of its curve.
        rows: (n, parameters) complete place rows.
        values: (n, objectives) in the user's units.
        y: (n, objectives) standardised and minimised, values that are worse beyond all measure drawn in; ``scales`` by
            objective.
        known: (n, objectives) given noise variances of y; 0 where unknown.
        slack: (n, constraints) in the user's units: at most 0 where met; NaN where not measured.
        feasible: (n,) all constraints measured and met, and not called infeasible.
        pending: (p, parameters) rows of trials that are under way.
        tried: (t, parameters) rows of all trials that came to an end, ``usable`` (t,) whether they gave values.
    """

    trials: tuple[Trial, ...]
    rows: Array
    values: Array
    y: Array
    scales: tuple[Scale, ...]
    known: Array
    slack: Array
    feasible: NDArray[np.bool_]
    pending: Array
    tried: Array
    usable: NDArray[np.bool_]

    @property
    def count(self) -> int:
        return len(self.trials)

    def best(self) -> int | None:
        """The index of the best feasible trial of the first objective, or None."""
        allowed = np.flatnonzero(self.feasible)
        return int(allowed[np.argmin(self.y[allowed, 0])]) if len(allowed) else None


def reached(trial: Trial, study: Study) -> dict[str, float] | None:
    """The values that count for a trial, or None if it has none: measured, or for a stopped one the curve's last."""
    if trial.state not in ("complete", "stopped", "infeasible"):
        return None
    values = {}
    for name in study.names:
        value = trial.values.get(name, math.nan)
        if not math.isfinite(value) and trial.state == "stopped" and trial.curves.get(name):
            value = trial.curves[name][-1][1]
        if not math.isfinite(value):
            return None
        values[name] = value
    return values


def _tamed(values: Array, sign: float) -> Array:
    """Values of which the worst are at most five times as far from the ninth decile as that is from the best: one run
    that diverged to 1e30 must not make all others look alike."""
    if len(values) < 5:
        return values
    y = sign * values
    edge = float(np.quantile(y, 0.9))
    return np.asarray(sign * np.minimum(y, edge + 5.0 * (edge - float(y.min()))))


def collect(study: Study, encoding: Encoding, observations: Observations) -> Outcomes:
    """Arrays of all observations."""
    scaled = bool(study.objectives)
    measured: list[tuple[Trial, dict[str, float]]] = []
    tried, gave, usable = [], [], []
    for trial in observations.trials:
        if trial.state == "pending":
            continue
        found = reached(trial, study)
        tried.append(trial.parameters)
        gave.append(found is not None)
        usable.append(found is not None and trial.state != "infeasible")
        if found is not None:
            measured.append((trial, found))
    trials = tuple(trial for trial, _ in measured)
    places = encoding.places(tried)
    values = np.array([[v[name] for name in study.names] for _, v in measured]).reshape(len(trials), len(study.names))
    slack = np.array(
        [[c.slack(trial.constraints.get(c.name, math.nan)) for c in study.constraints] for trial in trials]
    ).reshape(len(trials), len(study.constraints))
    tamed = (
        np.column_stack([_tamed(values[:, i], o.sign) for i, o in enumerate(study.objectives)]) if scaled else values
    )
    scales = tuple(Scale.of(tamed[:, i], objective.sign) for i, objective in enumerate(study.objectives))
    noise = np.array([[trial.noise.get(name, 0.0) for name in study.names] for trial in trials])
    spreads = np.array([scale.spread for scale in scales])
    allowed = np.array([trial.state != "infeasible" for trial in trials], dtype=bool)
    with np.errstate(invalid="ignore"):
        met = np.all(slack <= 0.0, axis=1)
    return Outcomes(
        trials=trials,
        rows=places[np.array(gave, dtype=bool)],
        values=values,
        y=np.column_stack([scale.forward(tamed[:, i]) for i, scale in enumerate(scales)])
        if scales
        else np.zeros((len(trials), 0)),
        scales=scales,
        known=(noise.reshape(values.shape) / spreads) ** 2 if len(scales) else np.zeros(values.shape),
        slack=slack,
        feasible=met & allowed,
        pending=encoding.places([trial.parameters for trial in observations.pending]),
        tried=places,
        usable=np.array(usable, dtype=bool),
    )
