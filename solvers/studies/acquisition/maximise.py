"""The search for the point with the highest acquisition in any space: sample widely, climb by gradients, step through
levels.

Work: one batch of ``candidates`` evaluations, then ``starts`` runs of L-BFGS-B over the smooth columns, alternating
with the best single change of a discrete column (all its levels up to 16, otherwise steps of 1, 2, 4... levels; in a
space of levels alone also the best change of two) until none helps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from scipy.optimize import minimize

from solvers.studies.encoding import Array, Encoding, Indices, Mask
from solvers.studies.parameters import Value

#: Columns and the places that they are moved to, at once.
Move: TypeAlias = tuple[tuple[int, float], ...]
#: More changes of two columns than this are not looked at.
_PAIRS = 1500


class Acquisition(Protocol):
    """A function of complete rows, to be maximised."""

    def values(self, rows: Array) -> Array:
        """(q,) values of (q, parameters) rows."""
        ...

    def slopes(self, rows: Array) -> tuple[Array, Array]:
        """(q,) values and (q, smooth) derivatives with respect to the places of smooth columns."""
        ...


@dataclass(frozen=True)
class Effort:
    """How much is spent on one search."""

    candidates: int = 512
    starts: int = 4
    iterations: int = 60
    rounds: int = 3


@dataclass(frozen=True)
class Region:
    """Where to look: a box of places, fixed columns, points to stay away from, a test for constraints on the inputs.

    Attributes:
        low, high: (parameters,) places.
        fixed: places by column.
        taken: keys (``Encoding.keys``) of points that must not be returned.
        allowed: tells for complete rows whether they may be returned, or None if all may.
        margins: (q, constraints) of the constraints on the inputs at complete rows, at most 0 where met; None if there
            are none.
    """

    low: Array
    high: Array
    fixed: Mapping[int, float]
    taken: frozenset[bytes]
    allowed: Callable[[Array], Mask] | None = None
    margins: Callable[[Array], Array] | None = None

    def admit(self, encoding: Encoding, rows: Array) -> Mask:
        """Mask of complete rows that may be returned."""
        mask = np.array([key not in self.taken for key in encoding.keys(rows)], dtype=bool)
        if self.allowed is not None and mask.any():
            mask[mask] = self.allowed(rows[mask])
        return mask

    def pin(self, rows: Array) -> Array:
        """Rows with the fixed columns put in, clipped to the box."""
        rows = np.clip(rows, self.low, self.high)
        for column, place in self.fixed.items():
            rows[:, column] = place
        return rows


def whole_region(encoding: Encoding, fixed: Mapping[str, Value], taken: frozenset[bytes]) -> Region:
    """All of the space, with fixed values."""
    space = encoding.space
    width = len(encoding.names)
    places = {encoding.column[name]: space.by_name[name].unit(value) for name, value in fixed.items()}
    everywhere = Region(np.zeros(width), np.ones(width), places, taken)
    if not space.constraints:
        return everywhere

    spoken = set().union(*(constraint.names() for constraint in space.constraints))

    def margins(rows: Array) -> Array:
        columns = encoding.columns(rows, spoken)
        found = [constraint.margins(columns, len(rows)) for constraint in space.constraints]
        return np.clip(np.column_stack(found), -1e6, 1e6)

    def allowed(rows: Array) -> Mask:
        return np.asarray(np.all(margins(rows) <= 0.0, axis=1))

    return replace(everywhere, allowed=allowed, margins=margins)


def maximise(
    acquisition: Acquisition,
    encoding: Encoding,
    region: Region,
    places: Array,
    effort: Effort,
) -> list[tuple[Array, float]]:
    """The best distinct points found, best first, as (place row without NaN, value); empty if the region has none left.

    Args:
        places: (candidates, parameters) rows without NaN to begin with.
    """
    places = region.pin(places)
    rows = encoding.complete(places)
    mask = region.admit(encoding, rows)
    places, rows = places[mask], rows[mask]
    if len(rows) == 0:
        return []
    values = acquisition.values(rows)
    found: dict[bytes, tuple[Array, float]] = {}
    climbing = [(places[i], float(values[i])) for i in _starts(rows, values, effort.starts)]
    for _ in range(effort.rounds):
        climbed = _climb(acquisition, encoding, region, climbing, effort.iterations)
        for place, value in climbed:
            found[encoding.keys(encoding.complete(place[None]))[0]] = (place, value)
        if len(encoding.discrete) == 0:
            break
        climbing = []
        ended: set[bytes] = set()
        for place, value in climbed:
            moved, higher = _step(acquisition, encoding, region, place, value, ended)
            if higher > value:
                found[encoding.keys(encoding.complete(moved[None]))[0]] = (moved, higher)
                climbing.append((moved, higher))
        if not climbing or len(encoding.smooth) == 0:
            break
    for i in np.argsort(-values, kind="stable")[: 2 * effort.starts]:
        found.setdefault(encoding.keys(rows[i : i + 1])[0], (places[i], float(values[i])))
    return sorted(found.values(), key=lambda pair: -pair[1])


def _starts(rows: Array, values: Array, count: int) -> list[int]:
    """The best row, then rows that trade their value against the distance to those chosen."""
    filled = np.nan_to_num(rows, nan=-0.5)
    order = np.argsort(-values, kind="stable")[: max(32, 8 * count)]
    chosen = [int(order[0])]
    spread = max(float(values[order[0]] - values[order[-1]]), 1e-12)
    distance = np.linalg.norm(filled[order] - filled[order[0]], axis=1)
    while len(chosen) < min(count, len(order)):
        score = (values[order] - values[order[0]]) / spread + 0.5 * np.minimum(distance / (distance.max() + 1e-12), 0.5)
        score[distance < 1e-6] = -np.inf
        best = int(np.argmax(score))
        if not np.isfinite(score[best]):
            break
        chosen.append(int(order[best]))
        distance = np.minimum(distance, np.linalg.norm(filled[order] - filled[order[best]], axis=1))
    return chosen


def _climb(
    acquisition: Acquisition,
    encoding: Encoding,
    region: Region,
    starts: list[tuple[Array, float]],
    iterations: int,
) -> list[tuple[Array, float]]:
    """L-BFGS-B over the active smooth columns; discrete ones among them are relaxed and then snapped. All starts climb
    at once, as one function that is their sum: what Python does for an evaluation is then shared by all."""
    rows = encoding.complete(np.array([place for place, _ in starts]))
    smooth = encoding.smooth
    movable = np.array([int(i) not in region.fixed and region.high[i] > region.low[i] for i in smooth], dtype=bool)
    free = movable & ~np.isnan(rows[:, smooth])
    if not free.any():
        return starts
    ends = rows[:, smooth].copy()
    if region.margins is None:
        inner = free.any(axis=1)
        before = np.array([value for _, value in starts])[inner]
        ends[inner] = _together(acquisition, rows[inner], before, smooth, free[inner], region, iterations)
    else:
        for k in np.flatnonzero(free.any(axis=1)):
            ends[k, free[k]] = _within(acquisition, encoding, region, rows[k], smooth, free[k], iterations)
    return [
        _arrive(acquisition, encoding, region, start, smooth[free[k]], ends[k, free[k]])
        for k, start in enumerate(starts)
    ]


def _arrive(
    acquisition: Acquisition,
    encoding: Encoding,
    region: Region,
    start: tuple[Array, float],
    columns: Indices,
    end: Array,
) -> tuple[Array, float]:
    """The end of a climb, or a place on the way there that is allowed and better than the start, or the start."""
    place, value = start
    for shrink in (1.0, 0.5, 0.25, 0.1, 0.03) if len(columns) else ():
        moved = place.copy()
        moved[columns] = place[columns] + shrink * (end - place[columns])
        row = encoding.complete(moved[None])
        if region.admit(encoding, row)[0]:
            new = float(acquisition.values(row)[0])
            if new > value:
                return moved, new
    return place, value


def _together(
    acquisition: Acquisition,
    rows: Array,
    before: Array,
    smooth: Indices,
    free: Mask,
    region: Region,
    iterations: int,
) -> Array:
    """(starts, smooth) where the climbs from complete rows end; ``free`` (starts, smooth) may move. Gains over the
    values ``before`` are added up: a hopeless start must not hide the others' digits."""
    base = rows.copy()
    inner = np.nonzero(free)
    row, column = inner[0], smooth[inner[1]]

    def negative(x: Array) -> tuple[float, Array]:
        base[row, column] = x
        f, slope = acquisition.slopes(base)
        return -float((f - before).sum()), -slope[inner]

    result = minimize(
        negative,
        rows[row, column],
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(region.low[column], region.high[column], strict=True)),
        options={"maxiter": iterations, "ftol": 1e-9, "gtol": 1e-6},
    )
    base[row, column] = result.x
    return base[:, smooth]


def _within(
    acquisition: Acquisition,
    encoding: Encoding,
    region: Region,
    row: Array,
    smooth: Indices,
    free: Mask,
    iterations: int,
) -> Array:
    """Where a climb along the edges of what the constraints on the inputs allow ends: sequential quadratic
    programming."""
    margins, columns = region.margins, smooth[free]
    assert margins is not None
    base = row.copy()

    def negative(x: Array) -> tuple[float, Array]:
        base[columns] = x
        f, slope = acquisition.slopes(base[None])
        return -float(f[0]), -slope[0, free]

    def room(x: Array) -> Array:
        there = row.copy()
        there[columns] = np.clip(x, 0.0, 1.0)
        return np.asarray(-margins(encoding.complete(there[None]))[0])

    result = minimize(
        negative,
        row[columns],
        jac=True,
        method="SLSQP",
        bounds=list(zip(region.low[columns], region.high[columns], strict=True)),
        constraints=[{"type": "ineq", "fun": room}],
        options={"maxiter": iterations, "ftol": 1e-7},
    )
    return np.asarray(result.x)


def _step(
    acquisition: Acquisition, encoding: Encoding, region: Region, place: Array, value: float, ended: set[bytes]
) -> tuple[Array, float]:
    """The best chain of changes of one discrete column, each better than the last; in a space of levels alone, where
    nothing climbs, also of two columns at once where one alone passes through what is worse, unless another chain was
    there (``ended``)."""
    columns = [int(i) for i in encoding.discrete if int(i) not in region.fixed]
    for _ in range(2 * len(columns)):
        snapped = encoding.snap(place[None])[0]
        targets = [_targets(int(encoding.levels[i]), float(snapped[i])) for i in columns]
        moves: list[Move] = [((i, float(t)),) for i, ends in zip(columns, targets, strict=True) for t in ends]
        better = _best_move(acquisition, encoding, region, place, value, moves)
        if better is None and len(encoding.smooth) == 0:
            key = encoding.keys(encoding.complete(place[None]))[0]
            if key in ended:
                break
            ended.add(key)
            better = _best_move(acquisition, encoding, region, place, value, _pairs(columns, targets))
        if better is None:
            break
        place, value = better
    return place, value


def _targets(levels: int, now: float) -> Array:
    """Places that a column of so many levels may go to in one change from where it is now."""
    if levels <= 16:
        targets = (np.arange(levels) + 0.5) / levels
    else:
        steps = 2.0 ** np.arange(int(np.log2(levels)))
        targets = now + np.concatenate([-steps, steps]) / levels
    return np.asarray(targets[(targets >= 0) & (targets <= 1) & (np.abs(targets - now) > 1e-9)])


def _pairs(columns: list[int], targets: list[Array]) -> list[Move]:
    """All changes of two columns, or none if these are too many."""
    counts = [len(ends) for ends in targets]
    if sum(counts) ** 2 - sum(count * count for count in counts) > 2 * _PAIRS:
        return []
    return [
        ((columns[a], t), (columns[b], u))
        for a, b in itertools.combinations(range(len(columns)), 2)
        for t in targets[a]
        for u in targets[b]
    ]


def _best_move(
    acquisition: Acquisition, encoding: Encoding, region: Region, place: Array, value: float, moves: list[Move]
) -> tuple[Array, float] | None:
    """Where the best of the moves leads; None if none is better than staying."""
    if not moves:
        return None
    candidates = np.repeat(place[None], len(moves), axis=0)
    for candidate, move in zip(candidates, moves, strict=True):
        for i, target in move:
            candidate[i] = target
    candidates = region.pin(candidates)
    rows = encoding.complete(candidates)
    mask = region.admit(encoding, rows)
    if not mask.any():
        return None
    values = acquisition.values(rows[mask])
    best = int(np.argmax(values))
    if values[best] <= value + 1e-9 * max(1.0, abs(value)):
        return None
    return candidates[mask][best], float(values[best])
