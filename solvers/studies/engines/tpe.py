"""Tree-structured Parzen estimator: cheap, robust, any space.

Trials are split into the best quantile and the rest; each parameter gets two densities (truncated normals about the
trials, counts of categories), and of the points drawn from the good one that with the highest ratio is taken (Bergstra
et al., NeurIPS 2011; settings after Watanabe, arXiv:2304.11127). A parameter is modelled over the trials in which it
was active, so that conditions need nothing special. Pending trials count as bad, failed and infeasible ones as the
worst.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from solvers.core.engine import Context, EngineSpec, Option
from solvers.studies.acquisition.hypervolume import nondominated
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.parameters import Categorical, Value
from solvers.studies.study import Study


class TreeParzen(Base):
    """The advisor of the engine ``tpe``."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        self.initial = options["initial"]

    def _split(self) -> tuple[Array, Array]:
        """Rows of good and bad trials."""
        outcomes = self.outcomes
        violation = np.nan_to_num(np.maximum(outcomes.slack, 0.0), nan=1e3).sum(axis=1)
        violation[~outcomes.feasible & (violation == 0.0)] = 1e9
        order = np.lexsort((_rank(outcomes.y), violation))
        good = min(math.ceil(0.1 * outcomes.count), 25)
        good = max(good, min(2, outcomes.count))
        lost = outcomes.tried[~outcomes.usable]
        bad = np.vstack([outcomes.rows[order[good:]], lost, outcomes.pending])
        return outcomes.rows[order[:good]], bad

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        good, bad = self._split()
        rows = list(rows)
        chosen: list[Suggestion] = []
        drawn_each = int(self.options["candidates"])
        for _ in range(count):
            rng = self.rng(8, len(rows))
            others = np.vstack([bad, *rows])
            places = np.empty((4 * drawn_each, len(self.encoding.names)))
            score = np.zeros(places.shape)
            for i, parameter in enumerate(self.encoding.parameters):
                levels = int(self.encoding.levels[i])
                sides = [side[:, i][~np.isnan(side[:, i])] for side in (good, others)]
                if isinstance(parameter, Categorical):
                    tables = [_counts(side, levels) for side in sides]
                    index = rng.choice(levels, size=len(places), p=tables[0])
                    places[:, i] = (index + 0.5) / levels
                    score[:, i] = np.log(tables[0][index] / tables[1][index])
                else:
                    kernels = [_kernels(side, levels) for side in sides]
                    places[:, i] = _draw(*kernels[0], len(places), rng)
                    snapped = self.encoding.snap(places)[:, i]
                    score[:, i] = _log_density(snapped, *kernels[0]) - _log_density(snapped, *kernels[1])
            region = self.region(fixed, rows)
            places = region.pin(places)
            complete = self.encoding.complete(places)
            total = np.where(np.isnan(complete), 0.0, score).sum(axis=1)
            allowed = np.flatnonzero(region.admit(self.encoding, complete))[:drawn_each]
            if len(allowed) == 0:
                chosen += super()._model(count - len(chosen), fixed, rows)
                break
            best = int(allowed[np.argmax(total[allowed])])
            rows.append(complete[best])
            why = {
                "text": f"The most typical of {len(good)} good trials against {len(others)} others.",
                "method": "model",
                "acquisition": float(total[best]),
            }
            chosen.append(Suggestion(self.encoding.point(complete[best]), why))
        return chosen


def _rank(y: Array) -> Array:
    """One objective: the value. Several: the front that a trial is on, and how crowded it is within."""
    if y.shape[1] == 1:
        return np.asarray(y[:, 0])
    rank, left, level = np.empty(len(y)), np.arange(len(y)), 0
    while len(left):
        front = left[nondominated(y[left])]
        distance = np.array([np.sort(np.abs(y[front] - y[i]).max(axis=1))[:2].max() for i in front])
        rank[front] = level + 0.5 / (1.0 + distance)
        left = np.setdiff1d(left, front)
        level += 1
    return rank


def _counts(column: Array, levels: int) -> Array:
    index = np.clip((column * levels).astype(int), 0, levels - 1)
    counts = np.bincount(index, minlength=levels) + 1.0 / levels
    return np.asarray(counts / counts.sum())


_BINS = 512
"""Trials beyond so many are counted in bins, at their means: no density changes by a percent."""


def _kernels(column: Array, levels: int) -> tuple[Array, Array, Array]:
    """Centres, widths and weights: one for each trial (or bin of trials), and a wide one for the prior."""
    count = len(column)
    width = 1.0 if count == 0 else max(1.06 * float(column.std()) * count**-0.2, 1.0 / min(100.0, 1.0 + count))
    if levels:
        width = max(width, 0.5 / levels)
    weights = np.ones(count)
    if count > _BINS:
        place = np.minimum((column * _BINS).astype(int), _BINS - 1)
        weights = np.bincount(place, minlength=_BINS).astype(float)
        column = np.bincount(place, column, _BINS)[weights > 0] / weights[weights > 0]
        weights = weights[weights > 0]
    widths = np.append(np.full(len(column), min(width, 1.0)), 1.0)
    return np.append(column, 0.5), widths, np.append(weights, 1.0) / (count + 1.0)


def _draw(centres: Array, widths: Array, weights: Array, count: int, rng: np.random.Generator) -> Array:
    pick = rng.choice(len(centres), size=count, p=weights / weights.sum())
    low, high = ndtr(-centres[pick] / widths[pick]), ndtr((1.0 - centres[pick]) / widths[pick])
    return np.asarray(np.clip(centres[pick] + widths[pick] * ndtri(low + rng.random(count) * (high - low)), 0.0, 1.0))


def _log_density(x: Array, centres: Array, widths: Array, weights: Array) -> Array:
    z = (x[:, None] - centres) / widths
    mass = ndtr((1.0 - centres) / widths) - ndtr(-centres / widths)
    density = np.exp(-0.5 * z * z) @ (weights / (widths * mass * math.sqrt(2 * math.pi)))
    return np.asarray(np.log(density + 1e-300))


ENGINE = StudyEngine(
    EngineSpec(
        id="tpe",
        family="study",
        version="2",
        title="Tree-structured Parzen estimator",
        summary="For cheap evaluations, very many trials, more than three objectives, or spaces of nested choices.",
        solves=ALL_FEATURES,
        capabilities=frozenset({"deterministic", "pending"}),
        options=(
            Option(
                "initial", "integer", 10, "measured trials before the densities are asked", minimum=2, maximum=10_000
            ),
            Option("candidates", "integer", 24, "points drawn for each suggestion", minimum=1, maximum=1000),
        ),
        citation="Bergstra, Bardenet, Bengio, Kegl 2011; Watanabe 2023",
    ),
    TreeParzen,
)
