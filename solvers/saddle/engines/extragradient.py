"""Extragradient with two time scales and a step size that follows the curvature.

``z' = P(z - s L F(z))``, ``z+ = P(z - s L F(z'))`` with L diagonal, the players' ratio (Korpelevich 1976; Chae,
Kim, Kim, ICLR 2024). s is accepted if ``s |L^(1/2) (F(z') - F(z))| <= 0.9 |L^(-1/2) (z' - z)|`` (Khobotov 1987), else
shortened; it may grow by a twentieth a step.

Floor: two gradients and two projections an iteration; on bilinear games of condition k about k log(1/eps) iterations
with restarts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.engines.first_order import iterate
from solvers.saddle.problem import Saddle
from solvers.saddle.run import Run

TIMESCALE = Option(
    "timescale",
    "float",
    None,
    "How much longer the maximizing player's steps are; None: adapted",
    minimum=1e-4,
    maximum=1e6,
)

SPEC = EngineSpec(
    id="extragradient",
    family="saddle",
    version="1",
    title="Extragradient",
    summary="Any saddle problem: averages and restarts where convex-concave, two time scales where not.",
    solves=frozenset({"curved-sets", "nonconvex", "nonlinear", "nonsmooth"}),
    capabilities=frozenset({"incumbents-out", "deterministic"}),
    options=(TIMESCALE,),
    process_group="torch",
    requires=("torch",),
    citation="Korpelevich, Matecon 12 (1976) 747-756; Chae, Kim, Kim, ICLR 2024",
)

SAFE = 0.9
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

    def advance(self) -> None:
        oracle, project, root = self._problem.oracle, self._problem.sets.project, np.sqrt(self._scale)
        for _ in range(TRIES):
            middle = project(self.z - self.step * self._scale * self._slope)
            slope = oracle.operator(middle)[1]
            change = float(np.linalg.norm(root * (slope - self._slope)))
            moved = float(np.linalg.norm((middle - self.z) / root))
            if np.isfinite(change) and self.step * change <= SAFE * moved:
                break
            self.step *= max(0.2, min(0.7, 0.9 * SAFE * moved / (self.step * change))) if np.isfinite(change) else 0.2
        self.middle = middle
        self.z = project(self.z - self.step * self._scale * slope)
        self._slope = oracle.operator(self.z)[1]
        self.step *= 1.05


class Extragradient:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Saddle, options: Mapping[str, Any], context: Context) -> SaddleAnswer:
        run = Run(SPEC, problem, options, context)
        return iterate(run, Steps(run), run["timescale"])


ENGINE = Extragradient()
