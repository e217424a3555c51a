"""Several variables as one flat vector, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from solvers.expression.program import Input, Shape


class Layout:
    """Variables one after the other, each row-major.

    Attributes:
        names: of the variables, in order.
        shapes: of each.
        size: length of the vector.
    """

    def __init__(self, variables: Iterable[Input]) -> None:
        self.names: tuple[str, ...] = ()
        self.shapes: dict[str, Shape] = {}
        self.slices: dict[str, slice] = {}
        begin = 0
        for given in variables:
            end = begin + math.prod(given.shape)
            self.names += (given.name,)
            self.shapes[given.name] = given.shape
            self.slices[given.name] = slice(begin, end)
            begin = end
        self.size = begin

    def split(self, flat: Any) -> dict[str, Any]:
        """Views into a flat torch tensor or numpy array, each in its variable's shape. Differentiable."""
        if len(self.names) == 1 and len(self.shapes[self.names[0]]) == 1:
            return {self.names[0]: flat}
        return {name: flat[self.slices[name]].reshape(self.shapes[name]) for name in self.names}

    def join(self, values: Mapping[str, Any]) -> np.ndarray:
        """One flat float64 vector of arrays by name; a number fills its variable."""
        flat = np.empty(self.size)
        for name in self.names:
            value = np.asarray(values[name], dtype=np.float64)
            flat[self.slices[name]] = np.broadcast_to(value, self.shapes[name]).reshape(-1)
        return flat

    def label(self, position: int) -> str:
        """For people: ``w[3]``, ``W[2, 0]``, or ``x`` of a scalar."""
        for name in self.names:
            part = self.slices[name]
            if part.start <= position < part.stop:
                shape = self.shapes[name]
                if not shape:
                    return name
                return f"{name}[{', '.join(map(str, np.unravel_index(position - part.start, shape)))}]"
        raise IndexError(position)
