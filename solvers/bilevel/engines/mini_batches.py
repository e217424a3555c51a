"""Which rows a step of a stochastic engine looks at."""

from __future__ import annotations

import torch

from solvers.bilevel.engines.oracle import Batched, batched
from solvers.bilevel.problem import Bilevel

#: With noise the lower steps shrink as (1 + k / AFTER)^(-1/2).
AFTER = 300.0


class Current:
    """Both objectives as of now: on all data, or on a batch that ``next`` draws. ``f`` and ``g`` follow it."""

    def __init__(self, problem: Bilevel, seed: int) -> None:
        self._draws = None if problem.sampler is None else problem.sampler.draws(seed)
        self._f, self._g = batched(problem.upper.objective), batched(problem.lower.objective)

    def f(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        """The upper objective, (B,)."""
        return self._f(X, Y)

    def g(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        """The lower objective, (B,)."""
        return self._g(X, Y)

    def next(self, k: int) -> tuple[Batched, Batched, float]:
        """Both objectives of step k, and the factor of the lower steps."""
        if self._draws is None:
            return self._f, self._g, 1.0
        upper, lower = self._draws()
        self._f, self._g = batched(upper), batched(lower)
        return self._f, self._g, float((1.0 + k / AFTER) ** -0.5)
