"""``bda``: bilevel descent aggregation (Liu, Mu, Yuan, Zeng and Zhang 2020), for lower solutions that are not unique.

The lower level takes K steps along a mix of both gradients, ``y - P[mu s_f a_k f_y + (1 - mu) s_g g_y]`` with a_k =
1/(k + 1); x moves along the derivative through these steps. Among several lower solutions it so finds one that is
good for the upper level, where methods that ignore f below keep whatever they started from. One step costs 2 K
gradients and their reverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.adam import Adam
from solvers.bilevel.engines.lower import bounds
from solvers.bilevel.engines.oracle import Curvature, batched, derivative
from solvers.bilevel.engines.run import Run, check_finite
from solvers.bilevel.engines.single_loop import finite, iterate
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.core.engine import Context, EngineSpec, Option

SPEC = EngineSpec(
    id="bda",
    family="bilevel",
    version="1.0",
    title="Bilevel descent aggregation",
    summary="Lower levels with several solutions: finds one that is good for the upper level",
    solves=frozenset({"nonlinear", "lower-bounds", "nonconvex-lower"}),
    capabilities=frozenset({"warm-start", "many-starts", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option("inner_steps", "integer", 32, "K, the steps that are differentiated through", minimum=1, maximum=1000),
        Option("mix", "float", 0.5, "mu, the share of the upper gradient in them", minimum=0.0, maximum=0.99),
        Option("learning_rate", "float", 0.05, "Step size of x", minimum=1e-8, maximum=10.0),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/2006.04045",
)


class BdaEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        run = Run(problem, settings, context, SPEC)
        X, Y = run.starts()
        check_finite(problem, X, Y)
        f, g = batched(problem.upper.objective), batched(problem.lower.objective)
        low, high = tensor(problem.upper.lower), tensor(problem.upper.upper)
        y_low, y_high = bounds(problem)
        curve_g, curve_f = Curvature(g, settings["seed"]), Curvature(f, settings["seed"])
        adam = Adam(X.shape, settings["learning_rate"])
        first, mu = Y, settings["mix"]
        state = [Y]
        sizes: list[torch.Tensor] = []

        def unroll(X: torch.Tensor, Y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            slope = torch.zeros_like(Y)
            for k in range(settings["inner_steps"]):
                if not Y.requires_grad:
                    Y = Y.requires_grad_(True)
                (slope,) = derivative(g(X, Y).sum(), (Y,), graph=True)
                (pull,) = derivative(f(X, Y).sum(), (Y,), graph=True)
                Y = Y - (mu * pull / ((k + 1.0) * sizes[1]) + (1.0 - mu) * slope / sizes[0])
                if y_low is not None:
                    Y = torch.clamp(Y, y_low, y_high)
            return Y, slope

        def step(k: int, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float, float]:
            Y = first if settings["restart"] == "cold" else state[0]
            if k % 4 == 0:
                # an upper objective that is linear in y has no curvature to take a step size from
                sizes[:] = [curve_g(X, Y), torch.clamp(curve_f(X, Y), min=1e-3)]
            x = X.detach().requires_grad_(True)
            Y, slope = unroll(x, Y.detach())
            values = f(x, Y)
            (direction,) = derivative(values.sum(), (x,))
            gone = ~Y.isfinite().all(dim=1, keepdim=True)
            state[0] = torch.where(gone, first, Y.detach())
            X = adam.step(X, finite(direction), low, high)
            return X, state[0], values.detach(), float(slope.detach().abs().max()), 0.0

        return iterate(run, X, step, phase="bda", adam=adam)


ENGINE = BdaEngine()
