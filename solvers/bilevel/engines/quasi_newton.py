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


def quasi_newton(
    oracle: Oracle, level: Level, x: torch.Tensor, *, tolerance: float, max_iterations: int
) -> tuple[torch.Tensor, int]:
    """The minimizer that L-BFGS-B reaches within the level's bounds, and its iterations; the oracle may raise to
    stop."""

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
            "maxfun": 20 * max_iterations,
            "maxls": 30,
        },
    )
    return tensor(result.x), int(result.nit)
