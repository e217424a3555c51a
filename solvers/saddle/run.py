"""What engines for saddle problems do alike: report both players' residuals, keep the best point, state the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from solvers.core.engine import Context, EngineSpec
from solvers.core.run import BaseRun
from solvers.onelevel.answer import Status
from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.options import OPTIONS
from solvers.saddle.problem import FEATURE_WORDS, Saddle


class Run(BaseRun):
    """One solve.

    Attributes:
        best: the point with the smallest residual so far, and that residual.
    """

    def __init__(self, spec: EngineSpec, problem: Saddle, options: Mapping[str, Any], context: Context) -> None:
        super().__init__(spec, problem.features, FEATURE_WORDS, OPTIONS, options, context)
        self.problem = problem
        self.best = problem.start
        self.residual = np.inf
        torch.set_num_threads(self.values["threads"])
        context.report(iterations=0)

    def look(self, z: np.ndarray, value: float, slope: np.ndarray, **metrics: float) -> float:
        """Measure, report and keep a point of the sets; its residual."""
        minimizer, maximizer = self.problem.sets.residuals(z, slope)
        found = max(minimizer, maximizer)
        if not np.isfinite(found):
            found = np.inf
        if found < self.residual:
            self.best, self.residual = z.copy(), found
            self.context.incumbent(value, z)
        self.context.report(
            iterations=self.iterations,
            objective=value,
            minimizer_residual=minimizer,
            maximizer_residual=maximizer,
            **metrics,
        )
        return found

    def answer(self, status: Status | None = None, **parts: Any) -> SaddleAnswer:
        """The answer at the best point."""
        problem = self.problem
        statistics = {
            "iterations": self.iterations,
            **problem.oracle.counts,
            "seconds": self.seconds,
            **parts.pop("statistics", {}),
        }
        reached = self.residual <= self["tolerance"]
        return SaddleAnswer(
            status=status or ("locally-stationary" if reached else "feasible"),
            limit=self.limit,
            z=self.best,
            objective=problem.oracle.value(self.best),
            statistics=statistics,
            engine=self.spec.id,
            engine_version=self.spec.version,
            **parts,
        )
