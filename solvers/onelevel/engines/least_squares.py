"""Sums of squares by Gauss-Newton steps in a trust region (Levenberg-Marquardt with bounds): scipy's ``trf``.

Floor: a Jacobian is one pass backward for each block of 64 residuals; the step costs an SVD, m n^2 flops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from scipy.optimize import least_squares

from solvers.core.engine import Context, EngineSpec
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.options import STARTS
from solvers.onelevel.problem import Minimize
from solvers.onelevel.run import Run, Stopped, started

SPEC = EngineSpec(
    id="gauss-newton",
    family="minimize",
    version=scipy.__version__,
    title="Gauss-Newton (trust region)",
    summary="Sums of squares, also badly scaled ones: curve fitting, systems of equations.",
    solves=frozenset({"bounds"}),
    capabilities=frozenset({"warm-start", "incumbents-out", "deterministic"}),
    options=(STARTS,),
    process_group="torch",
    requires=("torch", "scipy"),
    citation="Branch, Coleman, Li, SIAM J. Sci. Comput. 21 (1999) 1-23",
)


class GaussNewton:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(SPEC, problem, options, context)
        oracle = problem.oracle
        residual = oracle.residual
        assert residual is not None
        newest = {"x": started(run, options)}

        def function(x: np.ndarray) -> np.ndarray:
            if run.over():
                raise Stopped
            oracle.evaluations += 1
            oracle.work += 1
            values = oracle.values(residual, x)
            # scipy refuses non-finite values; a huge one is a step to be taken back
            finite: np.ndarray = np.nan_to_num(values, nan=1e150, posinf=1e150, neginf=-1e150)
            return finite

        def jacobian(x: np.ndarray) -> np.ndarray:
            return oracle.jacobian(residual, x)[1]

        def callback(intermediate_result: Any) -> None:
            newest["x"] = intermediate_result.x.copy()
            value = 2.0 * float(intermediate_result.cost)
            if run.step(value, newest["x"]):
                raise Stopped

        message = ""
        # trf begins strictly within the bounds: fixed variables are given a hair's breadth, and put back after
        fixed = problem.lower == problem.upper
        room = np.where(fixed, 1e-9 * np.maximum(1.0, np.abs(problem.lower)), 0.0)
        try:
            found = least_squares(
                function,
                newest["x"],
                jac=jacobian,
                bounds=(problem.lower - room, problem.upper + room),
                method="trf",
                x_scale="jac",
                ftol=1e-15,
                xtol=1e-15,
                gtol=0.01 * run["tolerance"],
                max_nfev=100_000,
                callback=callback,
            )
            newest["x"] = found.x
            message = "" if found.success else str(found.message)
        except Stopped:
            pass
        x = np.clip(newest["x"], problem.lower, problem.upper)
        return run.answer(x, "locally-stationary" if run.limit is None else "feasible", message=message)


ENGINE = GaussNewton()
