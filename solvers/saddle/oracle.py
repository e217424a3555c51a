"""Value and derivatives of a saddle problem's objective, as numpy arrays, by torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from solvers.expression.coefficients import jacobian_rows
from solvers.expression.function import compile

if TYPE_CHECKING:
    from solvers.saddle.problem import Saddle


class Oracle:
    """Counts its evaluations.

    Attributes:
        evaluations: of f or its gradient.
    """

    def __init__(self, problem: Saddle) -> None:
        function = compile(problem.program, problem.data, "objective")
        self._function: Callable[[torch.Tensor], torch.Tensor] = lambda z: function(problem.layout.split(z)).reshape(())
        self._signs = np.concatenate([np.ones(problem.n), -np.ones(problem.m)])
        self.evaluations = 0

    def objective(self, z: torch.Tensor) -> torch.Tensor:
        """f, differentiable."""
        return self._function(z)

    def value(self, z: np.ndarray) -> float:
        """f."""
        self.evaluations += 1
        with torch.no_grad():
            return float(self.objective(torch.from_numpy(z)))

    def operator(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """f, and ``F = (grad_x f, -grad_y f)``: both players descend along it."""
        self.evaluations += 1
        point = torch.tensor(z, requires_grad=True)
        value = self.objective(point)
        (slope,) = torch.autograd.grad(value, point)
        return float(value.detach()), slope.numpy() * self._signs

    def hessian(self, z: np.ndarray) -> np.ndarray:
        """The symmetric Hessian of f."""
        point = torch.tensor(z, requires_grad=True)
        (slope,) = torch.autograd.grad(self.objective(point), point, create_graph=True)
        rows = jacobian_rows(slope, point, keep=True)
        symmetric: np.ndarray = 0.5 * (rows + rows.T)
        return symmetric

    @property
    def counts(self) -> dict[str, Any]:
        """For an answer's statistics."""
        return {"evaluations": self.evaluations}
