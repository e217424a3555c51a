"""Norms as terms of an objective: their value, proximal operator and distance to stationarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from solvers.onelevel.problem import Minimize, Regularizer


def value(regularizers: Sequence[Regularizer], x: np.ndarray) -> float:
    """Their sum at x."""
    total = 0.0
    for regularizer in regularizers:
        part = x[regularizer.groups]
        norms = np.abs(part) if regularizer.norm == "norm1" else np.sqrt(np.sum(part * part, axis=1))
        total += regularizer.weight * float(np.sum(norms))
    return total


def prox(problem: Minimize, x: np.ndarray, step: float) -> np.ndarray:
    """The proximal operator of all regularizers and bounds: for norm1 with bounds, shrinking and then clipping is
    exact, since both act on each variable alone and 0 is where shrinking stops."""
    result = x.copy()
    for regularizer in problem.regularizers:
        part = result[regularizer.groups]
        if regularizer.norm == "norm1":
            shrunk = np.sign(part) * np.maximum(np.abs(part) - step * regularizer.weight, 0.0)
        else:
            norms = np.sqrt(np.sum(part * part, axis=1, keepdims=True))
            shrunk = part * np.maximum(1.0 - step * regularizer.weight / np.maximum(norms, 1e-300), 0.0)
        result[regularizer.groups] = shrunk
    clipped: np.ndarray = np.clip(result, problem.lower, problem.upper)
    return clipped


def residual(problem: Minimize, x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """``x - prox(x - slope)`` for the smooth part's gradient: zero exactly at stationary points."""
    step: np.ndarray = x - prox(problem, x - slope, 1.0)
    return step
