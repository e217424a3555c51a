"""``f2sa``: fully first-order approximation with momentum (Kwon, Kwon, Wright and Nowak 2023).

Two copies of y: z follows ``min g``, y follows ``min f/lambda + g``; x moves along
``f_x(y) + lambda (g_x(y) - g_x(z))``. Without noise lambda grows as k^(1/3) (their exponents a = 1/3, c = 0). Step
sizes of y and z follow the curvature; x has Adam's momentum. One step is 2 T lower gradients and three of both levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.adam import Adam
from solvers.bilevel.engines.lower import bounds
from solvers.bilevel.engines.mini_batches import Current
from solvers.bilevel.engines.oracle import Curvature, gradient_x, gradient_y, gradients
from solvers.bilevel.engines.run import Run, check_finite
from solvers.bilevel.engines.single_loop import finite, iterate
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.core.engine import Context, EngineSpec, Option

SPEC = EngineSpec(
    id="f2sa",
    family="bilevel",
    version="1.0",
    title="F2SA",
    summary="Fully first-order: no Hessian products; for large smooth problems",
    solves=frozenset({"nonlinear", "lower-bounds", "nonconvex-lower"}),
    capabilities=frozenset({"warm-start", "many-starts", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option("penalty", "float", 10.0, "lambda at the beginning", minimum=1e-3),
        Option("penalty_last", "float", 1e3, "The largest lambda", minimum=1e-3),
        Option("inner_steps", "integer", 10, "Steps of y and z for each step of x", minimum=1, maximum=1000),
        Option("learning_rate", "float", 0.05, "Step size of x", minimum=1e-8, maximum=10.0),
        Option("momentum", "float", 0.9, "Of x", minimum=0.0, maximum=0.999),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/2301.10945",
)


class F2saEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        run = Run(problem, settings, context, SPEC)
        X, Y = run.starts()
        check_finite(problem, X, Y)
        both = Current(problem, settings["seed"])
        low, high = tensor(problem.upper.lower), tensor(problem.upper.upper)
        y_low, y_high = bounds(problem)
        curve_g, curve_f = Curvature(both.g, settings["seed"]), Curvature(both.f, settings["seed"])
        adam = Adam(X.shape, settings["learning_rate"], first=settings["momentum"])
        start = Y
        copies = [Y, Y]
        sizes: list[torch.Tensor] = []

        def into(Y: torch.Tensor) -> torch.Tensor:
            return Y if y_low is None else torch.clamp(Y, y_low, y_high)

        def step(k: int, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float, float]:
            y, z = (start, start) if settings["restart"] == "cold" else copies
            f, g, damped = both.next(k)
            weight = min(settings["penalty_last"], settings["penalty"] * (1.0 + k / 10.0) ** (1.0 / 3.0))
            if k % 4 == 0:
                sizes[:] = [curve_g(X, z), curve_f(X, y)]
            L, Lf = sizes
            for _ in range(settings["inner_steps"]):
                slope = gradient_y(g, X, z)
                z = into(z - damped * slope / L)
                mixed = gradient_y(f, X, y) / weight + gradient_y(g, X, y)
                y = into(y - damped * mixed / (L + Lf / weight))
            copies[:] = [y, z]
            values, fx, _ = gradients(f, X, y)
            step = fx + weight * (gradient_x(g, X, y) - gradient_x(g, X, z))
            X = adam.step(X, finite(step), low, high)
            return X, z, values, float(slope.abs().max()), weight

        return iterate(run, X, step, phase="f2sa", adam=adam)


ENGINE = F2saEngine()
