"""Points as rows of numbers: places in the unit cube for searching, features for kernels.

A *place* row has one column in [0, 1] for each parameter of the space, in the space's order. A *complete* row is
snapped to the levels of discrete parameters and has NaN where a parameter is inactive.

Features: kernels see the Euclidean distance of feature rows, each parameter being one *group* with its own lengthscale.
A number is its own feature. A category is a one-hot row over sqrt(2): any two are at distance 1. A number that may be
inactive lies on a quarter of a circle of radius 2/pi about the origin, at which it lies when inactive: so every active
value is equally far from "inactive", and close active values are about as far apart as their places (after the arc
kernel of Swersky et al.,
arXiv:1409.4011). All of these are embeddings into a Euclidean space, hence any Matern kernel of the distance is valid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from solvers.studies.parameters import Categorical, Choices, Condition, Fidelity, Numeric, Parameter, Point, Value
from solvers.studies.space import Space

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]
_RADIUS = 2 / math.pi


class Encoding:
    """The coding of one space.

    Attributes:
        names: parameters by column.
        groups: number of lengthscales (parameters with more than one value).
        group: of each feature column.
        smooth: columns that gradients may move: numbers without levels, or with more than eight.
        discrete: columns with levels (more than one), smooth or not.
        fidelities: columns of fidelities; ``fidelity_groups`` their lengthscales.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.parameters: tuple[Parameter, ...] = space.parameters
        self.names = tuple(parameter.name for parameter in self.parameters)
        self.column = {name: i for i, name in enumerate(self.names)}
        self.levels = np.array([parameter.levels or 0 for parameter in self.parameters])
        varying = [i for i, parameter in enumerate(self.parameters) if parameter.levels != 1]
        self.groups = len(varying)
        self.smooth = np.array(
            [i for i in varying if isinstance(self.parameters[i], Numeric) and not 0 < self.levels[i] <= 8], dtype=int
        )
        uneven = [
            isinstance(p, Numeric) and p.log and bool(p.step) and n > 1
            for p, n in zip(self.parameters, self.levels, strict=True)
        ]
        self._uneven = np.flatnonzero(uneven)
        self._even = np.setdiff1d(np.flatnonzero(self.levels), self._uneven)
        self.discrete = np.array([i for i in varying if self.levels[i] > 0], dtype=int)
        self.fidelities = np.array([i for i, p in enumerate(self.parameters) if isinstance(p, Fidelity)], dtype=int)
        self.fidelity_groups = tuple(g for g, i in enumerate(varying) if isinstance(self.parameters[i], Fidelity))
        self._blocks: list[tuple[int, slice, str]] = []
        group: list[int] = []
        for g, i in enumerate(varying):
            parameter = self.parameters[i]
            if isinstance(parameter, Categorical) and (len(parameter.choices) > 2 or parameter.when):
                kind, width = "category", len(parameter.choices)
            elif isinstance(parameter, Categorical):
                kind, width = "binary", 1
            else:
                kind, width = ("arc", 2) if parameter.when else ("number", 1)
            self._blocks.append((i, slice(len(group), len(group) + width), kind))
            group += [g] * width
        self.group = np.array(group, dtype=int)
        self._numbers = self._of_kind("number")
        self._arcs = self._of_kind("arc")
        self._conditions = [
            self._condition(self.column[parameter.name], condition)
            for parameter in space.ordered
            for condition in parameter.when
        ]

    def _of_kind(self, kind: str) -> tuple[Indices, Indices]:
        """Columns of that kind and their first features."""
        found = [(i, block.start) for i, block, own in self._blocks if own == kind]
        return np.array([i for i, _ in found], dtype=int), np.array([start for _, start in found], dtype=int)

    def places(self, points: Sequence[Mapping[str, Value]]) -> Array:
        """Complete rows of points, (n, parameters)."""
        rows = np.full((len(points), len(self.parameters)), np.nan)
        for row, point in zip(rows, points, strict=True):
            for name, value in point.items():
                i = self.column[name]
                row[i] = self.parameters[i].unit(value)
        return rows

    def point(self, row: Array, fixed: Mapping[str, Value] | None = None) -> Point:
        """The point at a place row without NaN where parameters are active."""
        return self.space.at({name: float(row[i]) for i, name in enumerate(self.names)}, fixed)

    def columns(self, rows: Array, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Values of some parameters at complete rows: floats with NaN where inactive; objects with None if their
        choices are not all numbers."""
        return {name: self._column(self.column[name], rows[:, self.column[name]]) for name in names}

    def _column(self, i: int, places: Array) -> NDArray[Any]:
        parameter, levels = self.parameters[i], int(self.levels[i])
        if levels == 0:
            assert isinstance(parameter, Numeric)
            low, high = float(parameter.low), float(parameter.high)
            if parameter.log:
                share = np.clip(places, 0.0, 1.0)
                return np.asarray(np.exp((1.0 - share) * math.log(low) + share * math.log(high)))
            return np.asarray(low + np.clip(places, 0.0, 1.0) * (high - low))
        active = ~np.isnan(places)
        values = [parameter.at(float(place)) if there else None for place, there in zip(places, active, strict=True)]
        if any(isinstance(value, (str, bool)) for value in values):
            return np.array(values, dtype=object)
        return np.array([math.nan if value is None else float(value) for value in values])

    def snap(self, rows: Array) -> Array:
        """Places in the middle of the levels that they lie at; other columns as they are."""
        snapped = np.clip(rows, 0.0, 1.0)
        levels = self.levels[self._even]
        index = np.floor(snapped[:, self._even] * levels)
        snapped[:, self._even] = (np.clip(index, 0, levels - 1) + 0.5) / levels
        for i in self._uneven:
            parameter, count = self.parameters[i], self.levels[i]
            assert isinstance(parameter, Numeric)
            assert parameter.step is not None
            first, step = float(parameter.low), float(parameter.step)
            low, high = max(first - step / 2, first / 2), first + (count - 0.5) * step
            share, logs = snapped[:, i], (math.log(low), math.log(high))
            index = np.round((np.exp((1.0 - share) * logs[0] + share * logs[1]) - first) / step)
            value = first + np.clip(index, 0, count - 1) * step
            snapped[:, i] = np.clip((np.log(value) - logs[0]) / (logs[1] - logs[0]), 0, 1)
        return snapped

    def complete(self, rows: Array) -> Array:
        """Snapped rows with NaN in the columns of inactive parameters."""
        rows = self.snap(rows)
        for i, j, allowed, low, high in self._conditions:
            column = rows[:, j]
            if allowed is not None:
                holds = (np.abs(column[:, None] - allowed) < 1e-9).any(axis=1)
            else:  # false where the parent is inactive, a NaN
                holds = (column >= low) & (column <= high)
            rows[~holds, i] = np.nan
        return rows

    def _condition(self, i: int, condition: Condition) -> tuple[int, int, Array | None, float, float]:
        """Column, its parent's column, and where it is active: at these places of the parent, or between two."""
        j = self.column[condition.parent]
        parameter = self.parameters[j]
        if condition.values or isinstance(parameter, Choices):
            places = [parameter.unit(value) for value in condition.values if not parameter.fault(value)]
            return i, j, np.array(places), 0.0, 0.0
        assert isinstance(parameter, Numeric)
        if not (condition.low <= parameter.high and condition.high >= parameter.low):
            return i, j, np.empty(0), 0.0, 0.0
        low = parameter.unit(condition.low) - 1e-12 if condition.low > -math.inf else 0.0
        high = parameter.unit(condition.high) + 1e-12 if condition.high < math.inf else 1.0
        return i, j, None, low, high

    def features(self, rows: Array) -> Array:
        """Feature rows of complete rows, (n, features)."""
        out = np.zeros((len(rows), len(self.group)))
        out[:, self._numbers[1]] = rows[:, self._numbers[0]]
        if len(self._arcs[0]):
            angle = rows[:, self._arcs[0]] * (math.pi / 2)
            active = ~np.isnan(angle)
            out[:, self._arcs[1]] = np.where(active, _RADIUS * np.cos(angle), 0.0)
            out[:, self._arcs[1] + 1] = np.where(active, _RADIUS * np.sin(angle), 0.0)
        for i, block, kind in self._blocks:
            if kind == "binary":
                out[:, block.start] = rows[:, i] >= 0.5
            elif kind == "category":
                active = ~np.isnan(rows[:, i])
                index = np.clip(np.floor(rows[active, i] * self.levels[i]).astype(int), 0, self.levels[i] - 1)
                out[np.flatnonzero(active), block.start + index] = math.sqrt(0.5)
        return out

    def pull(self, rows: Array, slopes: Array) -> Array:
        """The chain rule: derivatives with respect to the places of smooth columns, (n, smooth), from those with
        respect to features, (n, features). Zero where a parameter is inactive."""
        whole = np.zeros((len(rows), len(self.names)))
        whole[:, self._numbers[0]] = slopes[:, self._numbers[1]]
        columns, first = self._arcs
        if len(columns):
            angle = rows[:, columns] * (math.pi / 2)
            turn = np.cos(angle) * slopes[:, first + 1] - np.sin(angle) * slopes[:, first]
            whole[:, columns] = np.where(np.isnan(angle), 0.0, turn)
        return whole[:, self.smooth]

    def keys(self, rows: Array) -> list[bytes]:
        """Equal for rows that mean the same point (to 1e-9 of a range), otherwise different."""
        return [row.tobytes() for row in np.round(np.nan_to_num(rows, nan=-1.0), 9) + 0.0]
