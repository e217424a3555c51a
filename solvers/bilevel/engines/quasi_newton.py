"""L-BFGS-B on a function of the upper variables whose value and gradient cost a lower-level solve."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize

from solvers.bilevel.problem import Level, tensor

Oracle = Callable[["torch.Tensor"], tuple[float, "torch.Tensor"]]

#: Pairs kept of the inverse Hessian.
MEMORY = 20
#: Evaluations of a brief search.
BRIEF = 50


def quasi_newton(
    oracle: Oracle, level: Level, x: torch.Tensor, *, tolerance: float, max_iterations: int, brief: bool = False
) -> tuple[torch.Tensor, int]:
    """The minimizer that L-BFGS-B reaches within the level's bounds, and its iterations; the oracle may raise to
    stop.

    Args:
        brief: of few variables, where what is not found soon is a kink, at which line searches would go on for long.
    """

    def both(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = oracle(tensor(point))
        if not np.isfinite(value):
            return 1e300, np.zeros_like(point)
        return value, gradient.detach().numpy().copy()

    result = minimize(
        both,
        x.numpy().copy(),
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([level.lower, level.upper]),
        options={
            "maxcor": MEMORY,
            "gtol": tolerance,
            "ftol": 1e-15,
            "maxiter": max_iterations,
            "maxfun": BRIEF if brief else 20 * max_iterations,
            "maxls": 10 if brief else 30,
        },
    )
    return tensor(result.x), int(result.nit)
