"""``lv-hba``: proximal Lagrangian value function, Hessian-free (Yao, Yin, Zeng and Zhang 2024), for constrained lower
levels.

All constraints are first scaled to unit gradient: with the published constants and an unscaled constraint the method
was measured to diverge on its own example. One step is a saddle step of (theta, lambda), a projected step of (x, y)
along ``F/c_k + g(x, y) - g(x, theta) - lambda'c(x, theta)``, and one of z, with c_k = c_0 (k + 1)^p.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.lower import bounds, constraint_values
from solvers.bilevel.engines.oracle import Curvature, batched, derivative, gradients
from solvers.bilevel.engines.projection import Projection
from solvers.bilevel.engines.run import Run, check_finite
from solvers.bilevel.engines.single_loop import finite, iterate
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.core.engine import Context, EngineSpec, Option

SPEC = EngineSpec(
    id="lv-hba",
    family="bilevel",
    version="1.0",
    title="LV-HBA",
    summary="Convex lower levels with constraints, by first-order steps alone",
    solves=frozenset({"nonlinear", "lower-bounds", "lower-constraints", "upper-constraints", "nonconvex-lower"}),
    capabilities=frozenset({"warm-start", "many-starts", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option("alpha", "float", 0.05, "Step size of (x, y)", minimum=1e-8, maximum=10.0),
        Option("beta", "float", 0.5, "Step size of z", minimum=1e-8, maximum=10.0),
        Option("eta", "float", 0.3, "Step size of (theta, lambda)", minimum=1e-8, maximum=10.0),
        Option("proximal_y", "float", 10.0, "gamma_1, weight of theta's proximal term", minimum=1e-6),
        Option("proximal_multiplier", "float", 1.0, "gamma_2, weight of lambda's proximal term", minimum=1e-6),
        Option("penalty", "float", 10.0, "c_0", minimum=1e-6),
        Option("penalty_exponent", "float", 0.3, "p, between 0 and 1/2", minimum=0.0, maximum=0.5),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/2401.16164",
)


class LvHbaEngine:
    """See ``solvers.core.engine.Engine``. ``alpha`` and ``eta`` are for a lower level of unit curvature, and divided
    by it where it has more."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        run = Run(problem, settings, context, SPEC)
        X, Y = run.starts()
        check_finite(problem, X, Y)
        return iterate(run, X, _Steps(run, X, Y), phase="lv-hba", steps=20_000)


ENGINE = LvHbaEngine()


class _Steps:
    """The state of all starts: Y, theta, the multipliers and z."""

    def __init__(self, run: Run, X: torch.Tensor, Y: torch.Tensor) -> None:
        problem = run.problem
        self._problem, self._settings = problem, run.settings
        self._f, self._g = batched(problem.upper.objective), batched(problem.lower.objective)
        self._project = Projection(problem, X.shape[0])
        self._low, self._high = bounds(problem)
        scales, self._free = _scales(problem, X[0], Y[0])
        self._scales = scales
        self._constraints = torch.func.vmap(self._scaled)
        self._curve_g, self._curve_f = (
            Curvature(self._g, run.settings["seed"]),
            Curvature(self._f, run.settings["seed"]),
        )
        self._size = torch.ones(X.shape[0], 1, dtype=torch.float64)
        self.Y, self._theta = Y.clone(), Y.clone()
        self._lambda = torch.zeros(X.shape[0], scales.shape[0], dtype=torch.float64)
        self._z = self._lambda.clone()

    def _scaled(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat(constraint_values(self._problem, x, y)) * self._scales

    def __call__(self, k: int, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float, float]:
        s = self._settings
        g1, g2 = s["proximal_y"], s["proximal_multiplier"]
        if k % 8 == 0:
            self._size = torch.clamp(torch.maximum(self._curve_g(X, self.Y), self._curve_f(X, self.Y)), min=1.0)
        eta, alpha = s["eta"] / self._size, s["alpha"] / self._size
        theta = self._theta.detach().requires_grad_(True)
        x = X.detach().requires_grad_(True)
        values = self._constraints(x, theta)
        lagrangian = self._g(x, theta).sum() + (self._lambda * values).sum()
        slope_x, slope = derivative(lagrangian, (x, theta))
        slope = slope + (theta.detach() - self.Y) / g1
        self._theta = self._clamp(theta.detach() - eta * finite(slope))
        ascent = values.detach() - (self._lambda - self._z) / g2
        self._lambda = self._signed(self._lambda + s["eta"] * finite(ascent))
        # with the new theta and lambda
        theta, x = self._theta.detach().requires_grad_(True), X.detach().requires_grad_(True)
        lagrangian = self._g(x, theta).sum() + (self._lambda * self._constraints(x, theta)).sum()
        (slope_x,) = derivative(lagrangian, (x,))
        weight = s["penalty"] * (k + 1.0) ** s["penalty_exponent"]
        upper, fx, fy = gradients(self._f, X, self.Y)
        _, gx, gy = gradients(self._g, X, self.Y)
        X = X - alpha * finite(fx / weight + gx - slope_x)
        Y = self.Y - alpha * finite(fy / weight + gy - (self.Y - self._theta) / g1)
        X, self.Y = self._project(X, Y)
        X = torch.clamp(X, tensor(self._problem.upper.lower), tensor(self._problem.upper.upper))
        self._z = self._signed(self._z + s["beta"] * (self._lambda - self._z) / g2)
        return X, self.Y, upper, float(slope.abs().max()), weight

    def _clamp(self, Y: torch.Tensor) -> torch.Tensor:
        return Y if self._low is None else torch.clamp(Y, self._low, self._high)

    def _signed(self, multipliers: torch.Tensor) -> torch.Tensor:
        return torch.where(self._free, multipliers, torch.clamp(multipliers, min=0.0))


def _scales(problem: Bilevel, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One over the norm of each lower constraint's gradient in (x, y) at the start; which ones are equalities."""
    n = problem.n
    z = torch.cat([x, y])
    jacobian = torch.func.jacrev(lambda z: torch.cat(constraint_values(problem, z[:n], z[n:])))(z)
    c, h = constraint_values(problem, x, y)
    norms = jacobian.norm(dim=1)
    free = torch.cat([torch.zeros(c.shape[0]), torch.ones(h.shape[0])]).bool()
    return torch.where(norms > 0.0, 1.0 / norms.clamp(min=1e-12), 1.0), free
