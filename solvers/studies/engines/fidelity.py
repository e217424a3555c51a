"""Several fidelities: where to look is decided at full fidelity, how thoroughly by information for its cost.

The model spans parameters and fidelities (their kernels multiply), so that cheap trials inform about full ones. The
place x of the next trial has the highest expected improvement at full fidelity. Its fidelity s has the most information
about f(x, full) for its cost: -log(1 - rho^2)/cost(s), rho the posterior correlation of an observation at s with
f(x, full). This is the augmented expected improvement of Huang, Allen, Notz, Miller (Sequential kriging optimization
using multiple-fidelity evaluations, Struct. Multidisc. Optim. 32, 2006) with mutual information (Takeno et al.,
Multi-fidelity Bayesian Optimization with Max-value Entropy Search, ICML 2020) for correlation.

As soon as cheap trials have cost as much as full ones and one more, a full trial follows: of the most promising place
that has none, if the model prefers it to the best full trial. So never more than half of the cost, and one trial's, is
spent on what is no result in itself, however wrong the model is.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from solvers.studies.encoding import Array, Encoding, Mask
from solvers.studies.gp.surrogate import Surrogate
from solvers.studies.observations import Trial
from solvers.studies.outcomes import Outcomes
from solvers.studies.parameters import Value
from solvers.studies.sampling import level_places

#: More information than this cannot be had: otherwise one exact observation would be worth any cost.
_ENOUGH = math.log(10.0)
#: A trial costs at least this share of a full one, whatever its fidelity.
_LEAST = 0.01
#: What costs more than this share of a full trial may as well be one.
_DEAR = 0.6
_GRID = 9


@dataclass(frozen=True)
class Fidelities:
    """Which columns are free to be cheaper, and what cheaper trials cost."""

    encoding: Encoding
    columns: tuple[int, ...]
    powers: tuple[float, ...]

    @classmethod
    def of(cls, encoding: Encoding, outcomes: Outcomes, fixed: dict[str, Value]) -> Fidelities:
        """``fixed``: what the user has fixed stays. Costs are powers of the share of the range, fitted to the trials'
        own if these differ, and in proportion otherwise."""
        columns = tuple(
            int(i) for i in encoding.fidelities if encoding.names[i] not in fixed and encoding.levels[i] != 1
        )
        return cls(encoding, columns, _powers(encoding, columns, outcomes.trials))

    def cost(self, rows: Array) -> Array:
        """(q,) the cost of trials at complete rows, as shares of a full one."""
        total = np.ones(len(rows))
        for i, power in zip(self.columns, self.powers, strict=True):
            shares = np.array([_share(self.encoding, i, float(place)) for place in rows[:, i]])
            total *= shares**power
        return np.maximum(total, _LEAST)

    def full(self, rows: Array) -> Array:
        """The rows at full fidelity."""
        raised = rows.copy()
        if self.columns:
            raised[:, self.columns] = 1.0
        return self.encoding.complete(raised)

    def is_full(self, rows: Array) -> Mask:
        return np.asarray(np.all(np.abs(rows - self.full(rows))[:, list(self.columns)] < 1e-9, axis=1))

    def overdue(self, rows: Array) -> bool:
        """Whether so much was spent on cheap trials that a full one is due."""
        if len(rows) == 0:
            return False
        cost, full = self.cost(rows), self.is_full(rows)
        return bool(cost[~full].sum() >= cost[full].sum() + 1.0)

    def choices(self, row: Array) -> Array:
        """The row at various fidelities, full ones last."""
        axes = []
        for i in self.columns:
            levels = int(self.encoding.levels[i])
            few = 0 < levels <= _GRID
            axes.append(level_places(self.encoding.parameters[i]) if few else np.linspace(0.0, 1.0, _GRID))
        combinations = list(itertools.islice(itertools.product(*axes), _GRID**2))
        rows = np.repeat(row[None], len(combinations), axis=0)
        rows[:, list(self.columns)] = combinations
        return self.encoding.complete(np.vstack([rows, self.full(row[None])]))

    def most_informative(self, belief: Surrogate, row: Array, taken: frozenset[bytes]) -> tuple[Array, float]:
        """The row at the fidelity that says most about it at full fidelity for the cost, and that cost."""
        rows = self.choices(row)
        model = belief.objectives[0]
        covariance = model.covariance(belief.encoding.features(rows))
        variance = np.maximum(np.diagonal(covariance), 1e-12 * model.signal)
        square = covariance[:, -1] ** 2 / ((variance + model.noise) * variance[-1])
        information = np.minimum(-np.log1p(-np.clip(square, 0.0, 1.0 - 1e-9)), _ENOUGH)
        cost = self.cost(rows)
        worth = information / cost
        worth[:-1][(cost[:-1] > _DEAR) & ~self.is_full(rows)[:-1]] = -np.inf
        worth[[key in taken for key in self.encoding.keys(rows)]] = -np.inf
        best = int(np.argmax(worth))
        return rows[best], float(cost[best])

    def promotion(self, belief: Surrogate, rows: Array, allowed: Mask) -> Array | None:
        """The most promising place that was tried at low fidelity only, raised; None if the model prefers the best of
        the full trials."""
        raised = self.full(rows)
        means = belief.objectives[0].mean_at(self.encoding.features(raised))
        means = np.where(allowed, means, np.inf)
        done = set(self.encoding.keys(rows[self.is_full(rows)]))
        had = np.array([key in done for key in self.encoding.keys(raised)])
        if had.all() or not np.isfinite(means[~had]).any():
            return None
        best = int(np.argmin(np.where(had, np.inf, means)))
        return None if had.any() and means[had].min() <= means[best] else raised[best]

    def spread(self, rows: list[Array], start: int) -> list[Array]:
        """An initial design: of four rows one in full, one half way, two at the lowest fidelity."""
        places = (1.0, 0.0, 0.5, 0.0)
        spread = []
        for k, row in enumerate(rows, start=start):
            cheaper = row.copy()
            cheaper[list(self.columns)] = places[k % 4]
            spread.append(self.encoding.complete(cheaper[None])[0])
        return spread


def _share(encoding: Encoding, column: int, place: float) -> float:
    """Of the highest value of a fidelity."""
    parameter = encoding.parameters[column]
    high = float(parameter.at(1.0))
    return max(float(parameter.at(place)) / high, 1e-6) if high > 0 else max(place, 1e-6)


def _powers(encoding: Encoding, columns: tuple[int, ...], trials: tuple[Trial, ...]) -> tuple[float, ...]:
    known = [trial for trial in trials if trial.cost is not None and trial.cost > 0.01]
    plain = (1.0,) * len(columns)
    if len(known) < 4 or len(columns) != 1:
        return plain
    (column,) = columns
    rows = encoding.places([trial.parameters for trial in known])
    x = np.log([_share(encoding, column, float(place)) for place in rows[:, column]])
    y = np.log([float(trial.cost or 1.0) for trial in known])
    x, y = x - x.mean(), y - y.mean()
    if float(x @ x) < 1e-3 * len(x):
        return plain
    return (min(max(float(x @ y) / float(x @ x), 0.0), 3.0),)
