"""Upper constraints by an augmented Lagrangian: an objective that a method for bounds alone can minimize."""

from __future__ import annotations

import torch

from solvers.bilevel.engines.lower import augmentation
from solvers.bilevel.problem import Bilevel

GROWTH, ENOUGH, LARGEST = 5.0, 0.3, 1e7


class UpperAugmented:
    """``F + augmented terms of G and H``, with multipliers that ``update`` moves. Without constraints it is F
    itself."""

    def __init__(self, problem: Bilevel) -> None:
        self._level = problem.upper
        self._weight = 10.0
        self._inequality: torch.Tensor | None = None
        self._equality: torch.Tensor | None = None
        self._before = float("inf")

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        value = self._level.objective(x, y)
        if not self._level.constrained:
            return value
        c, h = self._values(x, y)
        inequality = torch.zeros_like(c) if self._inequality is None else self._inequality
        equality = torch.zeros_like(h) if self._equality is None else self._equality
        return value + augmentation(c, h, inequality.detach(), equality.detach(), self._weight)

    def _values(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        none = torch.zeros(0, dtype=torch.float64)
        c = none if self._level.inequalities is None else self._level.inequalities(x, y)
        h = none if self._level.equalities is None else self._level.equalities(x, y)
        return c, h

    def update(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """One round of multipliers at a minimizer; the largest violation, of constraints or complementarity."""
        if not self._level.constrained:
            return 0.0
        c, h = (part.detach() for part in self._values(x, y))
        inequality = torch.zeros_like(c) if self._inequality is None else self._inequality
        equality = torch.zeros_like(h) if self._equality is None else self._equality
        moved = [torch.maximum(c, -inequality / self._weight), h]
        violation = max(float(part.abs().max()) if part.numel() else 0.0 for part in moved)
        self._inequality = torch.clamp(inequality + self._weight * c, min=0.0)
        self._equality = equality + self._weight * h
        if violation > ENOUGH * self._before:
            self._weight = min(LARGEST, GROWTH * self._weight)
        self._before = violation
        return violation
