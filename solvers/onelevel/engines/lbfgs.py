"""Limited-memory quasi-Newton with bounds: L-BFGS-B (Byrd, Lu, Nocedal, Zhu 1995), the code of scipy.

Floor: one gradient an iteration (about 3 evaluations of f) and 4mn flops for m = 20 pairs; the language adds less than
a tenth. Nonsmooth functions are taken too, without a promise: quasi-Newton steps often get near a kink (Lewis, Overton
2013).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from scipy.optimize import minimize

from solvers.core.engine import Context, EngineSpec, Option
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.options import STARTS
from solvers.onelevel.problem import Minimize
from solvers.onelevel.run import Run, Stopped, projected, started

SPEC = EngineSpec(
    id="lbfgs",
    family="minimize",
    version=scipy.__version__,
    title="L-BFGS-B",
    summary="Smooth functions of many variables, with bounds.",
    solves=frozenset({"bounds", "general", "nonsmooth", "regularizers"}),
    capabilities=frozenset({"warm-start", "incumbents-out", "deterministic"}),
    options=(
        STARTS,
        Option("history", "integer", 20, "Pairs kept of past steps", minimum=1, maximum=100),
    ),
    process_group="torch",
    requires=("torch", "scipy"),
    citation="Byrd, Lu, Nocedal, Zhu, SIAM J. Sci. Comput. 16 (1995) 1190-1208",
)


class Lbfgs:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(SPEC, problem, options, context)
        oracle = problem.oracle
        newest: dict[str, Any] = {"x": started(run, options)}

        def function(x: np.ndarray) -> tuple[float, np.ndarray]:
            if run.over():
                raise Stopped
            value, slope = oracle.gradient(x)
            newest["tried"] = (x.copy(), value, slope)
            return value, slope

        def callback(intermediate_result: Any) -> None:
            x = intermediate_result.x
            newest["x"] = x.copy()
            tried = newest["tried"]
            slope = tried[2] if np.array_equal(tried[0], x) else oracle.gradient(x)[1]
            residual = float(np.abs(projected(x, slope, problem.lower, problem.upper)).max(initial=0.0))
            if run.step(float(intermediate_result.fun), x, stationarity=residual):
                raise Stopped

        message = ""
        try:
            found = minimize(
                function,
                newest["x"],
                jac=True,
                method="L-BFGS-B",
                bounds=np.stack([problem.lower, problem.upper], axis=1),
                callback=callback,
                options={
                    "maxcor": run["history"],
                    "gtol": 0.1 * run["tolerance"],
                    "ftol": 0.0,
                    "maxiter": 10**6,
                    "maxfun": 10**7,
                },
            )
            newest["x"] = found.x
            if "REDUCTION OF F" in found.message or "ABNORMAL" in found.message:
                message = "no step improves within rounding"
            elif not found.success:
                message = str(found.message)
        except Stopped:
            pass
        return run.answer(newest["x"], "locally-stationary" if run.limit is None else "feasible", message=message)


ENGINE = Lbfgs()
