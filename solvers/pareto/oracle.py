"""Objectives and their Jacobians at many points at once, as numpy arrays, by torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from solvers.expression.function import compile

if TYPE_CHECKING:
    from solvers.pareto.problem import Pareto

#: Elements of all operations of a batch together: bounds its memory.
BATCH_ELEMENTS = 20_000_000


class Oracle:
    """Counts its evaluations, one for each point."""

    def __init__(self, problem: Pareto) -> None:
        outputs = [f"objective{k}" for k in range(problem.k)]
        function = compile(problem.program, problem.data, outputs)

        def stacked(x: torch.Tensor) -> torch.Tensor:
            values: tuple[torch.Tensor, ...] = function(problem.layout.split(x))
            return torch.stack([value.reshape(()) for value in values])

        elements = sum(int(np.prod(operation.shape)) for operation in problem.program.operations) + 1
        chunk = max(1, BATCH_ELEMENTS // (elements * (problem.k + 1)))
        self._values = torch.func.vmap(stacked, chunk_size=chunk)
        self._jacobians = torch.func.vmap(torch.func.jacrev(stacked), chunk_size=chunk)
        self.evaluations = 0

    def values(self, X: np.ndarray) -> np.ndarray:
        """(points, n) to (points, objectives)."""
        self.evaluations += X.shape[0]
        with torch.no_grad():
            found: np.ndarray = self._values(torch.from_numpy(np.ascontiguousarray(X))).numpy()
        return found

    def jacobians(self, X: np.ndarray) -> np.ndarray:
        """(points, n) to (points, objectives, n)."""
        self.evaluations += X.shape[0]
        found: np.ndarray = self._jacobians(torch.from_numpy(np.ascontiguousarray(X))).detach().numpy()
        return found

    @property
    def counts(self) -> dict[str, Any]:
        """For an answer's statistics."""
        return {"evaluations": self.evaluations}
