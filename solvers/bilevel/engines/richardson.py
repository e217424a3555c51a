"""Extrapolation of penalty paths: ``x_gamma = x* + a/gamma + b/gamma^2 + ...`` is carried to 1/gamma = 0."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def extrapolate(points: Sequence[torch.Tensor], penalties: Sequence[float]) -> torch.Tensor:
    """Neville's scheme at 1/gamma = 0: with k points the error is of order gamma^-k instead of gamma^-1.

    With two points at gamma and 2 gamma this is ``2 x_2gamma - x_gamma``.
    """
    steps = [1.0 / penalty for penalty in penalties]
    table = list(points)
    for width in range(1, len(table)):
        for i in range(len(table) - width):
            table[i] = (steps[i] * table[i + 1] - steps[i + width] * table[i]) / (steps[i] - steps[i + width])
    return table[0]
