"""Newton's method regularized by the gradient's norm (GNS: Semenov, Jaggi, Doikov 2026), with bounds by an active set.

Step: ``(H + lam I) d = -g`` on the free variables, ``lam = |g| / gamma``; accepted if
``f - f+ >= |g+|^2 / (8 lam)``, then gamma doubles; else gamma is halved, and the step is kept if it brings a share of
the decrease that the slope promises (without this, twice the evaluations on the small problems of CUTEst). Where
H + lam I is not positive definite, lam is raised until it is.

Floor: a Hessian is n gradients in blocks, a factorization n^3/3 flops: right for up to about a thousand variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.linalg as sl

from solvers.core.engine import Context, EngineSpec, Option
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.options import STARTS
from solvers.onelevel.problem import Minimize
from solvers.onelevel.run import Run, projected, started

SPEC = EngineSpec(
    id="newton",
    family="minimize",
    version="1",
    title="Gradient-normalized Newton",
    summary="Smooth functions of up to about a thousand variables, to high accuracy.",
    solves=frozenset({"bounds", "general"}),
    capabilities=frozenset({"warm-start", "incumbents-out", "deterministic"}),
    options=(
        STARTS,
        Option("gamma", "float", 1.0, "First inverse regularization", minimum=1e-12, maximum=1e12),
    ),
    process_group="torch",
    requires=("torch",),
    citation="Semenov, Jaggi, Doikov, ICLR 2026; step rule from the authors' code",
)

#: Halvings of gamma within one iteration.
MOST_TRIES = 60
ITERATIONS = 3000
#: Share of the decrease that the slope promises, enough for a step that fails the rule: in a curved valley none but
#: tiny ones passes it.
SUFFICIENT = 0.1


class Newton:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(SPEC, problem, options, context)
        oracle, low, high = problem.oracle, problem.lower, problem.upper
        x = started(run, options)
        value, slope = oracle.gradient(x)
        gamma = float(run["gamma"])
        message = ""
        while True:
            residual = float(np.abs(projected(x, slope, low, high)).max(initial=0.0))
            if run.step(value, x, stationarity=residual, regularization=float(np.linalg.norm(slope)) / gamma):
                break
            if residual <= 0.01 * run["tolerance"] or run.iterations > ITERATIONS:
                break
            hessian = oracle.hessian(x)
            free = ~(((x <= low) & (slope > 0.0)) | ((x >= high) & (slope < 0.0)))
            for _ in range(MOST_TRIES):
                if run.over():
                    break
                lam = float(np.linalg.norm(slope[free])) / gamma
                trial = np.clip(x + _step(hessian, slope, free, lam), low, high)
                new_value, new_slope = oracle.gradient(trial)
                new_norm = float(np.linalg.norm(projected(trial, new_slope, low, high)))
                if np.isfinite(new_value) and value - new_value >= new_norm**2 / (8.0 * lam):
                    x, value, slope, gamma = trial, new_value, new_slope, 2.0 * gamma
                    break
                decrease = -float(slope @ (trial - x))
                # where a slope is infinite no step leads on
                defined = np.isfinite(new_value) and np.isfinite(new_norm)
                if defined and value - new_value >= SUFFICIENT * decrease > 0.0:
                    x, value, slope, gamma = trial, new_value, new_slope, 0.5 * gamma
                    break
                # at the end f no longer changes within rounding, but the gradient still shrinks
                settled = abs(value - new_value) <= 1e-14 * max(1.0, abs(value))
                if settled and new_norm < 0.5 * float(np.linalg.norm(projected(x, slope, low, high))):
                    x, value, slope = trial, new_value, new_slope
                    break
                gamma *= 0.5
            else:
                message = "no step improves within rounding"
                break
            if run.limit is not None:
                break
        return run.answer(x, "locally-stationary" if run.limit is None else "feasible", message=message)


def _step(hessian: np.ndarray, slope: np.ndarray, free: np.ndarray, lam: float) -> np.ndarray:
    step = np.zeros_like(slope)
    block = hessian[np.ix_(free, free)]
    shift = lam
    while True:
        try:
            factor = sl.cho_factor(block + shift * np.eye(block.shape[0]), check_finite=False)
            break
        except sl.LinAlgError:
            shift = max(2.0 * shift, 1e-8 * float(np.abs(block).max(initial=1.0)))
    step[free] = -sl.cho_solve(factor, slope[free], check_finite=False)
    return step


ENGINE = Newton()
