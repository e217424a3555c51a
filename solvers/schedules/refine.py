"""Refinement of a learning-rate schedule from the gradient norms of finished runs, and the bound that it minimises.

Defazio, Cutkosky, Mehta, Mishchenko, "When, why and how much? Adaptive learning rate scheduling by refinement"
(arXiv 2310.07831): theorem 3 (the bound on the last iterate of SGD with any schedule) and algorithm 1 (the schedule).
Written from the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import median_filter

from solvers.core.errors import InvalidProblem
from solvers.schedules.curves import Array

Norm = Literal["l2", "l1"]

GRID = 4096
"""Norms of longer runs are averaged into so many cells: the filter is much wider than a cell."""


@dataclass(frozen=True)
class Refinement:
    """A schedule made of gradient norms.

    Attributes:
        steps: (n,) of the curve. curve: (n,) largest value 1, last value 0.
        norms: (n,) filtered gradient norms.
        power: with which they weigh.
        width: of the median filter, in cells.
        before, after: ``bound`` of the schedule that was used, and of this one, for these norms. None where there was
            none to compare.
        sharp: ``sharp_bound`` of this one (for l2 norms), None for others.
    """

    steps: Array
    curve: Array
    norms: Array
    power: float
    width: int
    before: float | None
    after: float
    sharp: float | None


POWERS: dict[Norm, float] = {"l2": 2.0, "l1": 1.0}
"""How strongly norms weigh by the theory: w = G**-2 for SGD, 1/G for Adam and its kin."""


LATE = 2.0


def refined(norms: Array, norm: Norm = "l2", power: float | None = None) -> Array:
    """(T,) the schedule ``w_t * sum(w_p for p > t)``, largest value 1, with ``w = G**-power``. Constant norms give
    exactly the linear decay to 0, and so does power 0.

    Args:
        power: by default that of the theory, ``POWERS[norm]``.
    """
    weights = (norms / norms.min()) ** -(POWERS[norm] if power is None else power)
    tails = np.concatenate([np.cumsum(weights[::-1])[::-1][1:], [0.0]])
    curve: Array = weights * tails
    return curve / curve.max() if curve.max() > 0 else np.ones_like(curve)


def damped(norms: Array, norm: Norm) -> float:
    """The power of the theory, or a smaller one with which the last tenth of the steps weighs at most ``LATE`` times as
    much as those in the middle.

    A training that fits its data ends with gradients near 0. The bound takes their norms as given, and saves the large
    steps for where they cost least; in truth they are small because steps before were large enough. On digits the
    power of the theory nearly trebles the final loss, the damped one cuts it by a third (``benchmarks.schedules``).
    """
    tail = norms[-max(1, len(norms) // 10) :]
    fall = float(np.median(norms) / np.exp(np.mean(np.log(tail))))
    return min(POWERS[norm], float(np.log(LATE) / np.log(fall))) if fall > 1.0 else POWERS[norm]


def bound(curve: Array, norms: Array) -> float:
    """The bound on the expected suboptimality of the last iterate of SGD, in units of D, at the curve's best scale.

    For steps ``c * eta_t`` the theorem gives ``D**2 / (2 c S) + c A`` with ``S = sum(eta)`` and ``A`` below, which is
    smallest, ``D * sqrt(2 A / S)``, at one ``c``. For constant norms G and linear decay it tends to
    ``2 D G / sqrt(T)``, for a constant schedule it has a logarithm of T too: it compares schedules, but is not sharp.

    Args:
        curve, norms: (T,) step sizes (any scale, not negative) and gradient norms. Zeros at the end are cut: steps of
            size 0 change nothing.
    """
    last = int(np.flatnonzero(curve > 0)[-1]) + 1 if np.any(curve > 0) else 0
    if last == 0:
        raise InvalidProblem("a schedule of zeros has no bound", pointer="/curve")
    eta, g = curve[:last] / curve.max(), norms[:last]
    squares = np.cumsum((eta**2 * g**2)[::-1])[::-1]
    tails = np.cumsum(eta[::-1])[::-1]
    total = tails[0]
    inner = 0.5 * float(np.sum(eta[:-1] / (tails[:-1] * tails[1:]) * squares[:-1])) if last > 1 else 0.0
    a = float(squares[0]) / (2.0 * total) + inner
    return float(np.sqrt(2.0 * a / total))


def sharp_bound(norms: Array) -> float:
    """The bound of theorem 3 for the schedule ``refined(norms)``, in units of D: ``1 / sqrt(sum(G**-2))``; for constant
    norms ``G / sqrt(T)``, which no method can better."""
    return float(1.0 / np.sqrt(np.sum(norms**-2.0)))


def smooth(norms: Array, tau: float) -> tuple[Array, int]:
    """Norms through a median filter of width ``2 * floor(tau * T / 2) + 1``: reflected at the end, the first value
    repeated at the beginning (so that large early norms, which make a warm-up, are not averaged away)."""
    width = 2 * int(tau * len(norms) / 2) + 1
    if width <= 1:
        return norms, 1
    half = width // 2
    padded = np.concatenate([np.full(half, norms[0]), norms, norms[::-1][:half]])
    return median_filter(padded, size=width, mode="nearest")[half : half + len(norms)], width


def refine(
    runs: list[tuple[Array, Array]],
    horizon: int,
    *,
    norm: Norm = "l2",
    tau: float = 0.1,
    power: float | None = None,
    before: Array | None = None,
    names: Sequence[object] | None = None,
) -> Refinement:
    """A schedule for the next training, from the norms of earlier ones.

    Args:
        runs: of each the steps (ascending, within the horizon) and gradient norms (positive).
        horizon: T.
        power: with which norms weigh; by default ``damped``, which for norms that do not vanish is that of the theory.
        before: (cells,) the schedule of those runs on the grid of ``grid(horizon)``, to compare bounds.
        names: of the runs, for errors; by default from 0.

    Raises:
        InvalidProblem: norms that are not positive and finite, or fewer than ten of them in a run.
    """
    cells = grid(horizon)
    logs = []
    for k, (steps, norms) in zip(names or range(len(runs)), runs, strict=True):
        good = np.isfinite(norms) & (norms > 0)
        if int(good.sum()) < 10:
            raise InvalidProblem(f"run {k}: only {int(good.sum())} gradient norms are positive numbers; 10 are needed")
        if steps[good].max() < 0.5 * horizon:
            raise InvalidProblem(
                f"run {k} ended at step {int(steps[good].max())} of {horizon}: norms of its second half are unknown",
                hint="take runs that went through",
            )
        logs.append(np.interp(cells, steps[good], np.log(norms[good])))
    pooled = np.exp(np.mean(logs, axis=0))  # the geometric mean: scales of runs do not matter
    filtered, width = smooth(pooled, tau)
    chosen = damped(filtered, norm) if power is None else power
    curve = refined(filtered, norm, chosen)
    # theorem and algorithm for Adam differ by the norm only; the bound is evaluated with the norms that were given
    cell = float(np.sqrt(len(cells) / horizon))  # bounds fall with the root of the number of steps, not of cells
    return Refinement(
        cells,
        curve,
        filtered,
        chosen,
        width,
        None if before is None else cell * bound(before, filtered),
        cell * bound(curve, filtered),
        cell * sharp_bound(filtered) if norm == "l2" and chosen == POWERS["l2"] else None,
    )


def grid(horizon: int) -> Array:
    """The steps at which refinements are computed: all, or ``GRID`` evenly spread ones."""
    return np.linspace(0.0, horizon - 1.0, min(horizon, GRID)) if horizon > 1 else np.zeros(1)
