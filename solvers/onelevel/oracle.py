"""Values and derivatives of a problem, as numpy arrays, by torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from solvers.expression.coefficients import jacobian_rows
from solvers.expression.function import compile

if TYPE_CHECKING:
    from solvers.onelevel.problem import Minimize

Flat = Callable[["torch.Tensor"], "torch.Tensor"]


class Oracle:
    """Counts its evaluations. Inequalities are stacked as ``g(x) <= 0``, equations as ``h(x) = 0``.

    Attributes:
        evaluations: of objective or gradient.
        work: all that was asked for, in gradients of a small problem, of which a Hessian costs about five.
    """

    def __init__(self, problem: Minimize) -> None:
        self.problem = problem
        self.evaluations = 0
        self.work = 0
        layout = problem.layout

        def flat(output: str) -> Flat:
            function = compile(problem.program, problem.data, output)
            return lambda x: function(layout.split(x)).reshape(-1)

        objective = flat("objective")
        self.objective: Flat = lambda x: objective(x)[0]
        if "smooth" in problem.program.outputs:
            part = flat("smooth")
            self.smooth: Flat = lambda x: part(x)[0]
        else:
            self.smooth = self.objective
        self.residual = flat("residual") if "residual" in problem.program.outputs else None
        parts = [(flat(c.output), c.sense) for c in problem.constraints]
        self._constraints = [function for function, _ in parts]
        self._inequalities = [(f, 1.0 if sense == "<=" else -1.0) for f, sense in parts if sense != "=="]
        self._equalities = [(f, 1.0) for f, sense in parts if sense == "=="]

    def value(self, x: np.ndarray) -> float:
        """The minimized objective."""
        self.evaluations += 1
        self.work += 1
        with torch.no_grad():
            return float(self.objective(torch.from_numpy(x)))

    def gradient(self, x: np.ndarray, function: Flat | None = None) -> tuple[float, np.ndarray]:
        """A scalar function's value (the objective's, if none is given) and gradient."""
        self.evaluations += 1
        self.work += 1
        point = torch.tensor(x, requires_grad=True)
        value = (function or self.objective)(point)
        if not value.requires_grad:
            return float(value), np.zeros_like(x)
        (slope,) = torch.autograd.grad(value, point)
        gradient: np.ndarray = slope.numpy()
        return float(value.detach()), gradient

    def hessian(self, x: np.ndarray, function: Flat | None = None) -> np.ndarray:
        """The Hessian of a scalar function, symmetric."""
        self.work += 5
        point = torch.tensor(x, requires_grad=True)
        value = (function or self.objective)(point)
        if not value.requires_grad:
            return np.zeros((x.size, x.size))
        (slope,) = torch.autograd.grad(value, point, create_graph=True)
        rows = jacobian_rows(slope, point, keep=True)
        symmetric: np.ndarray = 0.5 * (rows + rows.T)
        return symmetric

    def constraint(self, k: int) -> Flat:
        """left - right of the k-th constraint, flat."""
        return self._constraints[k]

    def inequalities(self, x: torch.Tensor) -> torch.Tensor:
        """g(x), all that must be <= 0."""
        return _stacked(self._inequalities, x)

    def equalities(self, x: torch.Tensor) -> torch.Tensor:
        """h(x), all that must be 0."""
        return _stacked(self._equalities, x)

    def values(self, which: Flat, x: np.ndarray) -> np.ndarray:
        """A vector function without derivatives."""
        with torch.no_grad():
            values: np.ndarray = which(torch.from_numpy(x)).numpy().copy()
        return values

    def jacobian(self, which: Flat, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A vector function's value and Jacobian."""
        self.work += 2
        point = torch.tensor(x, requires_grad=True)
        value = which(point)
        return value.detach().numpy().copy(), jacobian_rows(value, point, keep=False)

    def lagrangian(self, mu: np.ndarray, lam: np.ndarray) -> Flat:
        """``f(x) + mu'g(x) + lam'h(x)``."""
        m, k = torch.from_numpy(mu), torch.from_numpy(lam)

        def function(x: torch.Tensor) -> torch.Tensor:
            value = self.objective(x)
            if m.numel():
                value = value + m @ self.inequalities(x)
            if k.numel():
                value = value + k @ self.equalities(x)
            return value

        return function

    @property
    def counts(self) -> dict[str, Any]:
        """For an answer's statistics."""
        return {"evaluations": self.evaluations}


def _stacked(parts: list[tuple[Flat, float]], x: torch.Tensor) -> torch.Tensor:
    if not parts:
        return x.new_zeros(0)
    values = [sign * function(x) if sign != 1.0 else function(x) for function, sign in parts]
    return torch.cat(values) if len(values) > 1 else values[0]
