"""Optimistic gradient: one gradient an iteration, corrected by how the last one was wrong.

``z+ = P(z - s L F(z) - s' L (F(z) - F(z-)))`` with the last step size s' (forward-reflected-backward: Malitsky, Tam
2020; Popov 1980), s accepted if ``s |L^(1/2) (F(z+) - F(z))| <= 0.45 |L^(-1/2) (z+ - z)|``, else shortened.

Floor: one gradient and one projection an iteration, of half the extragradient's step: the same work for the same
progress, less where gradients cost more than all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec
from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.engines.extragradient import TIMESCALE
from solvers.saddle.engines.first_order import iterate
from solvers.saddle.problem import Saddle
from solvers.saddle.run import Run

SPEC = EngineSpec(
    id="optimistic",
    family="saddle",
    version="1",
    title="Optimistic gradient",
    summary="Any saddle problem; half the gradients of the extragradient an iteration.",
    solves=frozenset({"curved-sets", "nonconvex", "nonlinear", "nonsmooth"}),
    capabilities=frozenset({"incumbents-out", "deterministic"}),
    options=(TIMESCALE,),
    process_group="torch",
    requires=("torch",),
    citation="Malitsky, Tam, SIAM J. Optim. 30 (2020) 1451-1472",
)

SAFE = 0.45
TRIES = 60


class Steps:
    """See the module."""

    def __init__(self, run: Run) -> None:
        self._problem = run.problem
        self.step = 1.0
        self.z = self.middle = run.problem.start

    def begin(self, z: np.ndarray, scale: np.ndarray) -> None:
        self.z, self._scale = z, scale
        self._slope = self._problem.oracle.operator(z)[1]
        self._correction = np.zeros_like(z)

    def advance(self) -> None:
        oracle, project, root = self._problem.oracle, self._problem.sets.project, np.sqrt(self._scale)
        for _ in range(TRIES):
            ahead = project(self.z - self._scale * (self.step * self._slope + self._correction))
            slope = oracle.operator(ahead)[1]
            change = float(np.linalg.norm(root * (slope - self._slope)))
            moved = float(np.linalg.norm((ahead - self.z) / root))
            if np.isfinite(change) and self.step * change <= SAFE * moved:
                break
            self.step *= max(0.2, min(0.7, 0.9 * SAFE * moved / (self.step * change))) if np.isfinite(change) else 0.2
        self._correction = self.step * (slope - self._slope)
        self.z = self.middle = ahead
        self._slope = slope
        self.step *= 1.02


class Optimistic:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Saddle, options: Mapping[str, Any], context: Context) -> SaddleAnswer:
        run = Run(SPEC, problem, options, context)
        return iterate(run, Steps(run), run["timescale"])


ENGINE = Optimistic()
