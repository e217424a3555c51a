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

from solvers.studies.parameters import Categorical, Choices, Fidelity, Numeric, Parameter, Point, Value
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
        self.discrete = np.array([i for i in varying if self.levels[i] > 0], dtype=int)
        self.fidelities = np.array([i for i, p in enumerate(self.parameters) if isinstance(p, Fidelity)], dtype=int)
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
        self._ordered = [self.column[parameter.name] for parameter in space.ordered]

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
        for i in np.flatnonzero(self.levels):
            parameter, levels = self.parameters[i], self.levels[i]
            if levels == 1:
                snapped[:, i] = 0.5
            elif isinstance(parameter, Numeric) and parameter.log and parameter.step:
                first, step = float(parameter.low), float(parameter.step)
                low, high = max(first - step / 2, first / 2), first + (levels - 0.5) * step
                share, logs = snapped[:, i], (math.log(low), math.log(high))
                index = np.round((np.exp((1.0 - share) * logs[0] + share * logs[1]) - first) / step)
                value = first + np.clip(np.nan_to_num(index), 0, levels - 1) * step
                snapped[:, i] = np.clip((np.log(value) - logs[0]) / (logs[1] - logs[0]), 0, 1)
            else:
                index = np.floor(np.nan_to_num(snapped[:, i]) * levels)
                snapped[:, i] = (np.clip(index, 0, levels - 1) + 0.5) / levels
        snapped[np.isnan(rows)] = np.nan
        return snapped

    def complete(self, rows: Array) -> Array:
        """Snapped rows with NaN in the columns of inactive parameters."""
        rows = self.snap(rows)
        if not self.space.conditional:
            return rows
        for i in self._ordered:
            for condition in self.parameters[i].when:
                j = self.column[condition.parent]
                rows[~self._holds(condition.parent, condition.values, condition.low, condition.high, rows[:, j]), i] = (
                    np.nan
                )
        return rows

    def _holds(
        self, parent: str, values: tuple[Value, ...], low: float, high: float, column: Array
    ) -> NDArray[np.bool_]:
        parameter = self.parameters[self.column[parent]]
        with np.errstate(invalid="ignore"):
            if values or isinstance(parameter, Choices):
                places = np.array([parameter.unit(value) for value in values if not parameter.fault(value)])
                return np.asarray((np.abs(column[:, None] - places[None, :]) < 1e-9).any(axis=1))
            inside = (column >= parameter.unit(low) - 1e-12) if low > -math.inf else column >= 0
            if high < math.inf:
                inside = inside & (column <= parameter.unit(high) + 1e-12)
        assert isinstance(parameter, Numeric)
        possible = low <= parameter.high and high >= parameter.low
        return inside & possible

    def features(self, rows: Array) -> Array:
        """Feature rows of complete rows, (n, features)."""
        out = np.zeros((len(rows), len(self.group)))
        for i, block, kind in self._blocks:
            column = rows[:, i]
            if kind in ("number", "binary"):
                out[:, block.start] = column if kind == "number" else column >= 0.5
                continue
            active = ~np.isnan(column)
            if kind == "arc":
                angle = column[active] * (math.pi / 2)
                out[active, block.start] = _RADIUS * np.cos(angle)
                out[active, block.start + 1] = _RADIUS * np.sin(angle)
            else:
                index = np.clip(np.floor(column[active] * self.levels[i]).astype(int), 0, self.levels[i] - 1)
                out[np.flatnonzero(active), block.start + index] = math.sqrt(0.5)
        return out

    def pull(self, rows: Array, slopes: Array) -> Array:
        """The chain rule: derivatives with respect to the places of smooth columns, (n, smooth), from those with
        respect to features, (n, features). Zero where a parameter is inactive."""
        by_column = {i: (block, kind) for i, block, kind in self._blocks}
        out = np.zeros((len(rows), len(self.smooth)))
        for k, i in enumerate(self.smooth):
            block, kind = by_column[int(i)]
            if kind == "number":
                out[:, k] = slopes[:, block.start]
            else:
                angle = rows[:, i] * (math.pi / 2)
                turn = np.cos(angle) * slopes[:, block.start + 1] - np.sin(angle) * slopes[:, block.start]
                out[:, k] = np.nan_to_num(turn)
        return out

    def keys(self, rows: Array) -> list[bytes]:
        """Equal for rows that mean the same point (to 1e-9 of a range), otherwise different."""
        return [row.tobytes() for row in np.round(np.nan_to_num(rows, nan=-1.0), 9) + 0.0]
