"""Adam over a batch of upper points, with projection onto the bounds (Kingma and Ba 2015)."""

from __future__ import annotations

import torch


class Adam:
    """Each point of the batch has its own moments; all have the same step size unless ``scale`` differs."""

    def __init__(self, shape: torch.Size, rate: float, *, first: float = 0.9, second: float = 0.999) -> None:
        self.rate = torch.full((shape[0], 1), rate, dtype=torch.float64)
        self._m = torch.zeros(shape, dtype=torch.float64)
        self._v = torch.zeros(shape, dtype=torch.float64)
        self._first, self._second, self._count = first, second, 0

    def step(self, X: torch.Tensor, gradient: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
        """The next points."""
        self._count += 1
        self._m.mul_(self._first).add_(gradient, alpha=1.0 - self._first)
        self._v.mul_(self._second).addcmul_(gradient, gradient, value=1.0 - self._second)
        m = self._m / (1.0 - self._first**self._count)
        v = self._v / (1.0 - self._second**self._count)
        return torch.clamp(X - self.rate * m / (v.sqrt() + 1e-12), lower, upper)
