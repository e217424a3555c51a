"""Quasi-Newton steps of bounded length, for hyper-objectives that are not convex.

A full quasi-Newton step may throw a variable to where the objective is flat (a saturated tanh, a penalty that already
removes its feature); its derivative vanishes there and it never comes back. Steps that are short against the distance
to be gone follow the valley from the start instead. Limited-memory BFGS (Nocedal and Wright 2006, algorithms 7.4 and
7.5) on the variables that no bound holds, scaled to a largest entry, projected (Bertsekas 1982).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solvers.bilevel.problem import Level

#: Of a point: value and gradient, both of numpy.
Oracle = Callable[[np.ndarray], tuple[float, np.ndarray]]

MEMORY = 20
HALVINGS = 20
SUFFICIENT = 1e-4
#: Pairs below this cosine between step and change of the gradient are not kept.
CURVED = 1e-10


def short_steps(
    oracle: Oracle, level: Level, x: np.ndarray, *, longest: float, tolerance: float, evaluations: int
) -> np.ndarray:
    """The last point (n); the oracle may raise to stop.

    Args:
        longest: largest entry of a step.
        tolerance: of the projected gradient's largest entry.
        evaluations: most calls of the oracle.
    """
    low, high = level.lower, level.upper
    x = np.clip(x, low, high)
    value, gradient = oracle(x)
    used = 1
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while used < evaluations and np.isfinite(value):
        if np.abs(np.clip(x - gradient, low, high) - x).max() <= tolerance:
            break
        held = ((x <= low) & (gradient > 0.0)) | ((x >= high) & (gradient < 0.0))
        direction = -_product(pairs, gradient, ~held)
        if direction @ gradient >= 0.0:
            if not pairs:
                break
            pairs = []
            continue
        direction *= min(1.0, longest / np.abs(direction).max())
        share, moved = 1.0, False
        for _ in range(HALVINGS):
            trial = np.clip(x + share * direction, low, high)
            new_value, new_gradient = oracle(trial)
            used += 1
            if np.isfinite(new_value) and new_value <= value + SUFFICIENT * float(gradient @ (trial - x)):
                moved = bool(new_value < value)
                break
            share *= 0.4
        if not moved:
            if not pairs:
                break
            pairs = []
            continue
        step, change = trial - x, new_gradient - gradient
        if step @ change > CURVED * np.linalg.norm(step) * np.linalg.norm(change):
            pairs = [*pairs[1 - MEMORY :], (step, change)]
        x, value, gradient = trial, new_value, new_gradient
    return x


def _product(pairs: list[tuple[np.ndarray, np.ndarray]], gradient: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The inverse Hessian's estimate times the gradient, over the free variables; zero on the others."""
    q = np.where(free, gradient, 0.0)
    if not pairs:
        return q * min(1.0, 1.0 / max(float(np.abs(q).sum()), 1e-300))
    known = []
    for s, y in pairs:
        s, y = np.where(free, s, 0.0), np.where(free, y, 0.0)
        if s @ y > 0.0:
            known.append((s, y, float(s @ y)))
    weights = []
    for s, y, both in reversed(known):
        weight = float(s @ q) / both
        weights.append(weight)
        q = q - weight * y
    if known:
        _, y, both = known[-1]
        q = q * (both / float(y @ y))
    for (s, y, both), weight in zip(known, reversed(weights), strict=True):
        q = q + s * (weight - float(y @ q) / both)
    return q
