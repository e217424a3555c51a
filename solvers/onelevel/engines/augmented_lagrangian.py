"""Constraints by an augmented Lagrangian, then Newton on the first-order conditions of the active set.

Powell-Hestenes-Rockafellar: inner problems
``f + rho/2 |h + lam/rho|^2 + rho/2 |max(0, g + mu/rho)|^2`` over the bounds by L-BFGS-B to a tolerance that falls with
the violation; ``lam += rho h``, ``mu = max(0, mu + rho g)``; rho grows tenfold where the violation falls by less than a
quarter (Andreani, Birgin, Martinez, Schuverdt 2007). Constraints with large gradients at the start are scaled to
unit ones. As soon as the outer iterates are near, a Newton step on the equations of the constraints that are active
finishes to full precision; it is taken only if it lowers the residual.

Floor: 5 to 15 inner problems; the last steps cost a Hessian and an (n + active)^3 factorization each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

from solvers.core.engine import Context, EngineSpec, Option
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.kkt import Point, multipliers_by_constraint, polished, residual
from solvers.onelevel.options import STARTS
from solvers.onelevel.problem import Minimize
from solvers.onelevel.run import Run, Stopped, started

SPEC = EngineSpec(
    id="augmented-lagrangian",
    family="minimize",
    version="1",
    title="Augmented Lagrangian",
    summary="Smooth functions with nonlinear constraints.",
    solves=frozenset({"bounds", "constraints", "general"}),
    capabilities=frozenset({"warm-start", "duals", "deterministic"}),
    options=(
        STARTS,
        Option("penalty", "float", 10.0, "First penalty", minimum=1e-6, maximum=1e8),
    ),
    process_group="torch",
    requires=("torch", "scipy"),
    citation="Andreani, Birgin, Martinez, Schuverdt, SIAM J. Optim. 18 (2007) 1286-1309",
)

OUTER = 60
#: An inner solution that is so many times larger than the last point has run away.
FAR = 1e3
LARGEST_PENALTY = 1e10


class AugmentedLagrangian:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(SPEC, problem, options, context)
        oracle = problem.oracle
        x = started(run, options)
        g_scale = _scales(oracle.jacobian(oracle.inequalities, x)[1])
        h_scale = _scales(oracle.jacobian(oracle.equalities, x)[1])
        mu, lam = np.zeros_like(g_scale), np.zeros_like(h_scale)
        rho = float(run["penalty"])
        violation = np.inf
        point = Point(x, mu, lam)
        best, best_residual = point, residual(problem, point)
        for outer in range(OUTER):
            inner_tolerance = max(0.1 * run["tolerance"], 10.0 ** -(outer + 1))
            x = _inner(run, x, mu, lam, rho, g_scale, h_scale, inner_tolerance)
            if run.limit is not None:
                best = Point(x, mu * g_scale, lam * h_scale)
                break
            g = oracle.values(oracle.inequalities, x) * g_scale
            h = oracle.values(oracle.equalities, x) * h_scale
            far = float(np.abs(x).max()) > FAR * max(1.0, float(np.abs(point.x).max()))
            if (far or not np.isfinite(_norm(g, h))) and rho < LARGEST_PENALTY:
                # the inner problem is not bounded below: the penalty is too small for it
                x, rho = point.x, min(100.0 * rho, LARGEST_PENALTY)
                continue
            before, violation = violation, _norm(np.maximum(g, -mu / rho), h)
            mu, lam = np.maximum(0.0, mu + rho * g), lam + rho * h
            point = Point(x, mu * g_scale, lam * h_scale)
            if violation <= 1e-2:
                point = polished(problem, point)
            found = residual(problem, point)
            if found < best_residual:
                best, best_residual = point, found
            value = oracle.value(point.x)
            if run.step(value, point.x, violation=violation, stationarity=found, penalty=rho):
                break
            if found <= 0.1 * min(run["tolerance"], run["feasibility_tolerance"]):
                break
            if not np.isfinite(violation) or rho >= LARGEST_PENALTY:
                break
            if violation > 0.25 * before:
                rho = min(10.0 * rho, LARGEST_PENALTY)
        return run.answer(
            best.x,
            "locally-stationary" if run.limit is None else "feasible",
            multipliers=multipliers_by_constraint(problem, best),
            statistics={"penalty": rho},
        )


def _inner(
    run: Run,
    x: np.ndarray,
    mu: np.ndarray,
    lam: np.ndarray,
    rho: float,
    g_scale: np.ndarray,
    h_scale: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    problem, oracle = run.problem, run.problem.oracle
    m, k = torch.from_numpy(mu), torch.from_numpy(lam)
    gs, hs = torch.from_numpy(g_scale), torch.from_numpy(h_scale)
    newest = {"x": x}

    def augmented(point: torch.Tensor) -> torch.Tensor:
        value = oracle.objective(point)
        if gs.numel():
            value = value + 0.5 * rho * torch.relu(gs * oracle.inequalities(point) + m / rho).square().sum()
        if hs.numel():
            value = value + 0.5 * rho * (hs * oracle.equalities(point) + k / rho).square().sum()
        return value

    def function(point: np.ndarray) -> tuple[float, np.ndarray]:
        if run.over():
            raise Stopped
        value, slope = oracle.gradient(point, augmented)
        if not np.isfinite(value) or not np.isfinite(slope).all():
            return np.inf, np.zeros_like(point)
        return value, slope

    def callback(point: np.ndarray) -> None:
        newest["x"] = point.copy()

    try:
        found = minimize(
            function,
            x,
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([problem.lower, problem.upper], axis=1),
            callback=callback,
            options={"maxcor": 30, "gtol": tolerance, "ftol": 0.0, "maxiter": 2000, "maxfun": 5000},
        )
        # not clipped by the library where rounding leaves a hair's breadth
        result: np.ndarray = np.clip(found.x, problem.lower, problem.upper)
        return result
    except Stopped:
        return newest["x"]


def _scales(jacobian: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(np.nan_to_num(jacobian), axis=1)
    # only down: a gradient that is small where we begin may be large elsewhere
    scales: np.ndarray = 1.0 / np.clip(norms, 1.0, 1e4)
    return scales


def _norm(*parts: np.ndarray) -> float:
    return max(float(np.abs(part).max(initial=0.0)) for part in parts)


ENGINE = AugmentedLagrangian()
