"""A table of changes to one base program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.programs.problem import Program

#: The parts of a program that scenarios may change, and what they belong to.
TABLES = {
    "objective": "variables",
    "row_lower": "rows",
    "row_upper": "rows",
    "lower": "variables",
    "upper": "variables",
}


@dataclass(frozen=True)
class Change:
    """New values at the same places for each scenario: ``values[k, i]`` replaces entry ``indices[i]`` in scenario k.

    Attributes:
        indices: k1 different places.
        values: K by k1; infinite bounds are allowed, NaN is not.
    """

    indices: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Scenarios:
    """K scenarios. What a table does not name stays as in the base program.

    Attributes:
        count: K.
        objective: changed coefficients of the linear objective.
        row_lower, row_upper, lower, upper: changed sides of rows and bounds of variables.
        names: one for each scenario, or None.
    """

    count: int
    objective: Change | None = None
    row_lower: Change | None = None
    row_upper: Change | None = None
    lower: Change | None = None
    upper: Change | None = None
    names: tuple[str, ...] | None = None

    def checked(self, problem: Program) -> Scenarios:
        """The same with arrays in their final form.

        Raises:
            InvalidProblem: places outside the program, shapes that do not fit, NaN, a lower above its upper bound.
        """
        if self.count < 1:
            raise InvalidProblem(f"{self.count} scenarios", pointer="/scenarios/count", hint="at least 1")
        if self.names is not None and len(self.names) != self.count:
            words = f"{len(self.names)} names for {self.count} scenarios"
            raise InvalidProblem(words, pointer="/scenarios/names")
        tables: dict[str, Any] = {}
        for name, what in TABLES.items():
            change = getattr(self, name)
            if change is not None:
                tables[name] = _checked(change, name, what, problem.n if what == "variables" else problem.m, self.count)
        if not tables:
            words = f"no change is given: set at least one of {', '.join(TABLES)}"
            raise InvalidProblem(words, pointer="/scenarios")
        found = replace(self, **tables)
        for low, high in (("row_lower", "row_upper"), ("lower", "upper")):
            _require_order(found, problem, low, high)
        return found

    def data(self, problem: Program, k: int) -> dict[str, np.ndarray]:
        """The changed arrays of scenario k, by the names of ``Program``'s attributes."""
        arrays: dict[str, np.ndarray] = {}
        for name in TABLES:
            change: Change | None = getattr(self, name)
            if change is not None:
                attribute = "c" if name == "objective" else name
                array = getattr(problem, attribute).copy()
                array[change.indices] = change.values[k]
                arrays[attribute] = array
        return arrays

    def program(self, problem: Program, k: int) -> Program:
        """The base program with the changes of scenario k."""
        changes: dict[str, Any] = dict(self.data(problem, k))
        return replace(problem, **changes)


def _checked(change: Change, name: str, what: str, size: int, count: int) -> Change:
    pointer = f"/scenarios/{name}"
    indices = np.asarray(change.indices)
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        raise InvalidProblem("indices must be whole numbers", pointer=f"{pointer}/indices")
    indices = indices.astype(np.int64)
    outside = (indices < 0) | (indices >= size)
    if outside.any():
        i = int(np.argmax(outside))
        raise InvalidProblem(
            f"there is no entry {indices[i]} among {size} {what}",
            pointer=f"{pointer}/indices/{i}",
            hint=f"0 to {size - 1}",
        )
    if np.unique(indices).size != indices.size:
        raise InvalidProblem("a place is named twice", pointer=f"{pointer}/indices")
    values = np.asarray(change.values, dtype=np.float64)
    if values.shape != (count, indices.size):
        raise InvalidProblem(
            f"values has shape {values.shape}", pointer=f"{pointer}/values", hint=f"{(count, indices.size)}"
        )
    bad = np.isnan(values) | (np.isinf(values) & (name == "objective"))
    if bad.any():
        k, i = (int(part) for part in np.argwhere(bad)[0])
        raise InvalidProblem(f"the value is {values[k, i]}", pointer=f"{pointer}/values/{k}/{i}", hint="a number")
    if name != "objective":
        values = np.where(np.abs(values) >= 1e20, np.copysign(np.inf, values), values)
    return Change(indices, values)


def _require_order(scenarios: Scenarios, problem: Program, low: str, high: str) -> None:
    lows: Change | None = getattr(scenarios, low)
    highs: Change | None = getattr(scenarios, high)
    if lows is None and highs is None:
        return
    for k in range(scenarios.count):
        data = scenarios.data(problem, k)
        below, above = data.get(low, getattr(problem, low)), data.get(high, getattr(problem, high))
        if (below > above).any():
            i = int(np.argmax(below > above))
            raise InvalidProblem(
                f"in scenario {k}, the lower side {below[i]:.17g} of entry {i} is above its upper side {above[i]:.17g}",
                pointer=f"/scenarios/{low if lows is not None else high}/values/{k}",
            )
