"""``soba``: one loop for all three (Dagreou, Ablin, Vaiter and Moreau 2022), on all data or on mini-batches.

At each step y descends on g, v descends on ``v'g_yy v/2 - v'f_y``, and x along ``f_x - g_xy v``; all from the same
gradients: one of each level and one Hessian product a step, so the cheapest step there is. For well-conditioned lower
levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.adam import Adam
from solvers.bilevel.engines.mini_batches import Current
from solvers.bilevel.engines.oracle import Curvature, derivative, gradients
from solvers.bilevel.engines.run import Run, check_finite
from solvers.bilevel.engines.single_loop import finite, iterate
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.core.engine import Context, EngineSpec, Option

SPEC = EngineSpec(
    id="soba",
    family="bilevel",
    version="1.0",
    title="SOBA",
    summary="Single loop with one Hessian product a step; for large problems with a well-conditioned lower level",
    solves=frozenset({"nonlinear", "nonconvex-lower"}),
    capabilities=frozenset({"warm-start", "many-starts", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option("learning_rate", "float", 0.05, "Step size of x", minimum=1e-8, maximum=10.0),
        Option("momentum", "float", 0.9, "Of x", minimum=0.0, maximum=0.999),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/2201.13409",
)


class SobaEngine:
    """See ``solvers.core.engine.Engine``. The lower level always goes on from where it is: there is no cold restart."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        run = Run(problem, settings, context, SPEC)
        X, Y = run.starts()
        check_finite(problem, X, Y)
        both = Current(problem, settings["seed"])
        low, high = tensor(problem.upper.lower), tensor(problem.upper.upper)
        curve = Curvature(both.g, settings["seed"])
        adam = Adam(X.shape, settings["learning_rate"], first=settings["momentum"])
        state = [Y, torch.zeros_like(Y), torch.ones(Y.shape[0], 1, dtype=torch.float64)]

        def step(k: int, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float, float]:
            Y, v, L = state
            f, g, damped = both.next(k)
            if k % 4 == 0:
                L = curve(X, Y)
            values, fx, fy = gradients(f, X, Y)
            x, y = X.detach().requires_grad_(True), Y.detach().requires_grad_(True)
            (slope,) = derivative(g(x, y).sum(), (y,), graph=True)
            across, product = torch.zeros_like(x), torch.zeros_like(y)
            if slope.requires_grad:
                found = torch.autograd.grad(slope, (x, y), grad_outputs=v, allow_unused=True)
                across, product = (
                    torch.zeros_like(z) if part is None else part for part, z in zip(found, (x, y), strict=True)
                )
            slope = slope.detach()
            state[:] = [Y - damped * slope / L, v - damped * finite(product - fy) / L, L]
            X = adam.step(X, finite(fx - across), low, high)
            return X, state[0], values, float(slope.abs().max()), 0.0

        return iterate(run, X, step, phase="soba", adam=adam)


ENGINE = SobaEngine()
