"""The problem's functions for the checker, in numpy: values and first derivatives. Nothing is shared with the
engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from solvers.bilevel.problem import Bilevel, Function, Level

Which = Literal["upper", "lower"]


@dataclass(frozen=True)
class Functions:
    """Objectives and constraints of a problem at numpy points."""

    problem: Bilevel

    def value(self, which: Which, x: np.ndarray, y: np.ndarray) -> float:
        """The minimized objective."""
        return float(_call(self._level(which).objective, x, y))

    def gradient(self, which: Which, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives by x and by y."""
        rows = jacobian(self._level(which).objective, x, y)
        return rows[0][0], rows[1][0]

    def inequalities(self, which: Which, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values that must be <= 0."""
        function = self._level(which).inequalities
        return np.zeros(0) if function is None else np.atleast_1d(_call(function, x, y))

    def equalities(self, which: Which, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values that must be 0."""
        function = self._level(which).equalities
        return np.zeros(0) if function is None else np.atleast_1d(_call(function, x, y))

    def jacobians(self, which: Which, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of inequalities, then equalities, by x (k, n) and by y (k, m)."""
        level = self._level(which)
        parts = [jacobian(f, x, y) for f in (level.inequalities, level.equalities) if f is not None]
        if not parts:
            return np.zeros((0, x.size)), np.zeros((0, y.size))
        return np.vstack([part[0] for part in parts]), np.vstack([part[1] for part in parts])

    def lower_hessian(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Of the lower objective by y, dense."""
        return lower_hessian(self.problem, x, y)

    def lower_product(self, x: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The lower objective's Hessian by y times a vector."""
        at, point = torch.tensor(x), torch.tensor(y, requires_grad=True)
        value = self.problem.lower.objective(at, point).reshape(())
        (slope,) = torch.autograd.grad(value, point, create_graph=True)
        (product,) = torch.autograd.grad(slope, point, torch.tensor(v))
        return np.asarray(product.numpy())

    def _level(self, which: Which) -> Level:
        return self.problem.upper if which == "upper" else self.problem.lower


def lower_hessian(problem: Bilevel, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of the lower objective by y, dense and symmetric. Reverse mode twice: forward mode would load much of torch."""
    point = torch.tensor(y, requires_grad=True)
    value = problem.lower.objective(torch.tensor(x), point).reshape(())
    if not value.requires_grad:
        return np.zeros((y.size, y.size))
    (slope,) = torch.autograd.grad(value, point, create_graph=True)
    if not slope.requires_grad:
        return np.zeros((y.size, y.size))
    rows = []
    for begin in range(0, y.size, 128):
        seeds = torch.eye(y.size, dtype=torch.float64)[begin : begin + 128]
        (block,) = torch.autograd.grad(slope, point, seeds, retain_graph=True, is_grads_batched=True, allow_unused=True)
        rows.append(torch.zeros_like(seeds) if block is None else block)
    dense = torch.cat(rows).numpy()
    return np.asarray(0.5 * (dense + dense.T))


def _call(function: Function, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(function(torch.tensor(x), torch.tensor(y)).numpy(), dtype=np.float64)


def jacobian(function: Function, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of derivatives by x and by y."""
    both = (torch.tensor(x, requires_grad=True), torch.tensor(y, requires_grad=True))
    values = function(*both).reshape(-1)
    rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for k in range(values.shape[0]):
        found: tuple[torch.Tensor | None, ...] = (None, None)
        if values.requires_grad:
            found = torch.autograd.grad(values[k], both, retain_graph=True, allow_unused=True)
        for place, part in enumerate(found):
            rows[place].append(np.zeros(both[place].shape[0]) if part is None else part.numpy())
    return np.array(rows[0]).reshape(-1, x.size), np.array(rows[1]).reshape(-1, y.size)
