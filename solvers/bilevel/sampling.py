"""Both objectives on random rows of the data, for stochastic engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from solvers.bilevel.problem import Function
from solvers.expression.function import Function as Compiled
from solvers.expression.layout import Layout
from solvers.expression.program import Program

if TYPE_CHECKING:
    from solvers.bilevel.sources import Which


class Sampler:
    """Draws mini-batches. Data of the same length are drawn together: row i of one stays with row i of the other.

    Attributes:
        rows: by name of the data, how many rows a batch has.
    """

    def __init__(
        self,
        program: Program,
        data: Mapping[str, np.ndarray],
        rows: Mapping[str, int],
        layouts: Mapping[Which, Layout],
        objectives: Mapping[Which, tuple[str, float]],
    ) -> None:
        """``program`` is that of the problem with the shapes of a batch."""
        self.rows = dict(rows)
        self._program, self._data, self._layouts, self._objectives = program, data, layouts, objectives

    def draws(self, seed: int) -> Draws:
        """Epochs of batches without replacement, each epoch in a new order."""
        return Draws(self, np.random.default_rng(seed))

    def functions(self, batch: Mapping[str, np.ndarray]) -> tuple[Function, Function]:
        """F and f, both minimized, on a batch."""
        data = {**self._data, **batch}
        upper, lower = self._layouts["upper"], self._layouts["lower"]
        found = []
        for which in ("upper", "lower"):
            output, sign = self._objectives[which]
            compiled = Compiled(self._program, [output], data, torch.device("cpu"))

            def value(
                x: torch.Tensor, y: torch.Tensor, compiled: Compiled = compiled, sign: float = sign
            ) -> torch.Tensor:
                result: torch.Tensor = sign * compiled({**upper.split(x), **lower.split(y)})
                return result

            found.append(value)
        return found[0], found[1]

    def lengths(self) -> dict[int, int]:
        """By length of the sampled axis, the rows of a batch."""
        return {self._data[name].shape[0]: rows for name, rows in self.rows.items()}

    def taken(self, places: Mapping[int, np.ndarray]) -> dict[str, np.ndarray]:
        """The sampled data at these rows of each length."""
        return {name: self._data[name][places[self._data[name].shape[0]]] for name in self.rows}


class Draws:
    """The batches of one solve; the same seed draws the same."""

    def __init__(self, sampler: Sampler, random: np.random.Generator) -> None:
        self._sampler, self._random = sampler, random
        self._left: dict[int, np.ndarray] = {}

    def __call__(self) -> tuple[Function, Function]:
        """F and f on the next batch."""
        places = {}
        for length, rows in self._sampler.lengths().items():
            left = self._left.get(length, np.zeros(0, dtype=np.int64))
            if len(left) < rows:
                left = self._random.permutation(length)
            places[length], self._left[length] = left[:rows], left[rows:]
        return self._sampler.functions(self._sampler.taken(places))
