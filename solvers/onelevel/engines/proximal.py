"""Smooth part plus norms: accelerated proximal gradient with backtracking and restart.

FISTA (Beck, Teboulle 2009) with the function restart of O'Donoghue, Candes 2015. The proximal operators of
``norm1``, of sums of Euclidean norms over groups, and of bounds (not both at once on the same variable) are exact.

Floor: one gradient of the smooth part and about one more value an iteration; O(1/k^2), linear under strong convexity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.problem import Minimize
from solvers.onelevel.regularizers import prox, value
from solvers.onelevel.run import Run, started

SPEC = EngineSpec(
    id="proximal",
    family="minimize",
    version="1",
    title="Accelerated proximal gradient",
    summary="Smooth functions plus norm1 (Lasso) or norms of groups, with bounds; many variables.",
    solves=frozenset({"bounds", "general", "regularizers"}),
    capabilities=frozenset({"warm-start", "incumbents-out", "deterministic"}),
    process_group="torch",
    requires=("torch",),
    citation="Beck, Teboulle, SIAM J. Imaging Sci. 2 (2009) 183-202; O'Donoghue, Candes, FoCM 15 (2015) 715-732",
)

ITERATIONS = 100_000


class Proximal:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(SPEC, problem, options, context)
        _check(problem)
        oracle = problem.oracle
        x = started(run, options)
        y, t, step = x, 1.0, 1.0
        best = oracle.gradient(x, oracle.smooth)[0] + value(problem.regularizers, x)
        tolerance = 0.1 * run["tolerance"]
        while run.iterations < ITERATIONS:
            f, slope = oracle.gradient(y, oracle.smooth)
            trial, smooth = x, np.inf
            for _ in range(100):
                trial = prox(problem, y - step * slope, step)
                move = trial - y
                smooth, new_slope = oracle.gradient(trial, oracle.smooth)
                quadratic = f + slope @ move + move @ move / (2.0 * step)
                if smooth <= quadratic + 1e-14 * max(1.0, abs(f)):
                    break
                # where values agree within rounding, gradients still tell the curvature
                close = abs(smooth - f) <= 1e-10 * max(1.0, abs(f))
                if close and np.linalg.norm(new_slope - slope) * step <= np.linalg.norm(move):
                    break
                step *= 0.5
                if run.over():
                    break
            total = smooth + value(problem.regularizers, trial)
            residual = float(np.abs(trial - y).max(initial=0.0)) / step
            if total > best + 1e-15 * abs(best) and t > 1.0:
                # momentum went uphill: begin it anew from the last point
                y, t = x, 1.0
                if run.over():
                    break
                run.iterations += 1
                continue
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
            y, x, t, best = trial + (t - 1.0) / following * (trial - x), trial, following, total
            if run.step(total, x, stationarity=residual) or residual <= tolerance:
                break
            step *= 1.02
        return run.answer(x, "locally-stationary" if run.limit is None else "feasible")


def _check(problem: Minimize) -> None:
    """Bounds on a variable with a group's norm have no proximal operator in closed form."""
    bounded = np.isfinite(problem.lower) | np.isfinite(problem.upper)
    for regularizer in problem.regularizers:
        if regularizer.norm == "norm2" and bounded[regularizer.groups].any():
            raise UnsupportedProblem(
                "the proximal engine does not take bounds on variables in norm2", pointer="/engine", hint="use lbfgs"
            )


ENGINE = Proximal()
