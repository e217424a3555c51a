"""``implicit``: L-BFGS-B on ``F(x, y*(x))`` with the hypergradient of the implicit function theorem.

Each evaluation solves the lower level by gradient-normalised Newton steps from the last solution, and one linear
system. Floor per evaluation on m <= 300 variables: one dense Hessian (m products in one vmapped pass) and a Cholesky
factorization, m^3/3 flops, a few milliseconds; above, conjugate gradients at two gradients a product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.exploration import explore
from solvers.bilevel.engines.hypergradient import System, hypergradient
from solvers.bilevel.engines.lower import LowerPoint, LowerSolver
from solvers.bilevel.engines.oracle import Curvature, batched
from solvers.bilevel.engines.quasi_newton import quasi_newton
from solvers.bilevel.engines.run import Candidate, Run, Stopped, check_finite
from solvers.bilevel.engines.upper import UpperAugmented
from solvers.bilevel.problem import Bilevel
from solvers.bilevel.settings import settings_of
from solvers.core.engine import Context, EngineSpec, Option

SPEC = EngineSpec(
    id="implicit",
    family="bilevel",
    version="1.0",
    title="Implicit differentiation",
    summary="Smooth problems whose lower solution is unique: quasi-Newton on the hyper-objective, to high accuracy",
    solves=frozenset({"nonlinear", "lower-bounds", "lower-constraints", "upper-constraints", "nonconvex-lower"}),
    capabilities=frozenset({"warm-start", "many-starts", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option(
            "system",
            "string",
            None,
            "How the linear system is solved; by default dense up to 300 lower variables, else cg",
            choices=("cg", "neumann", "dense"),
        ),
        Option("system_tolerance", "float", 1e-8, "Relative residual of the linear system", minimum=1e-14, maximum=0.1),
        Option("polish", "integer", 8, "How many of the points that many starts lead to are solved on", minimum=1),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/1911.02590",
)

#: Rounds of multipliers of the upper constraints.
ROUNDS = 25
ITERATIONS = 500


class ImplicitEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        run = Run(problem, settings, context, SPEC)
        X, Y = run.starts()
        check_finite(problem, X, Y)
        candidates = [Candidate(x, y) for x, y in zip(X, Y, strict=True)]
        if len(candidates) > 1:
            candidates = explore(run, X, Y, keep=settings["polish"])
        reached: list[Candidate] = []
        for x, y, starts in candidates:
            if run.stopping() is not None:
                reached.append(Candidate(x, y, starts))
                continue
            x, y = _Descent(run, x, y).run()
            reached.append(Candidate(x, y, starts))
        return run.finish(reached)


ENGINE = ImplicitEngine()


class _Descent:
    """From one starting point; remembers the best point, so that a stop loses nothing."""

    def __init__(self, run: Run, x: torch.Tensor, y: torch.Tensor) -> None:
        problem = run.problem
        self._run, self._problem = run, problem
        self._objective = UpperAugmented(problem)
        self._solver = LowerSolver(problem, tolerance=0.1 * run.settings["lower_tolerance"], stop=run.stopping)
        self._origin = LowerPoint(y)
        self._point = self._origin
        self._v: torch.Tensor | None = None
        self._curvature = Curvature(batched(problem.lower.objective), run.settings["seed"])
        self._best: tuple[float, torch.Tensor, torch.Tensor] = (float("inf"), x, y)
        self._x = x

    def run(self) -> tuple[torch.Tensor, torch.Tensor]:
        run, settings = self._run, self._run.settings
        limit = ITERATIONS if settings["iteration_limit"] is None else settings["iteration_limit"]
        try:
            for _ in range(ROUNDS):
                self._best = (float("inf"), self._x, self._point.y)
                x, steps = quasi_newton(
                    self._evaluate, self._problem.upper, self._x, tolerance=settings["tolerance"], max_iterations=limit
                )
                run.iterations += steps
                if self._best[0] < float("inf"):
                    x = self._best[1]
                self._x, self._point = x, self._solver(x, self._point)
                violation = self._objective.update(x, self._point.y)
                if violation <= 0.1 * settings["feasibility_tolerance"]:
                    break
        except Stopped:
            return self._best[1], self._best[2]
        return self._x, self._point.y

    def _evaluate(self, x: torch.Tensor) -> tuple[float, torch.Tensor]:
        run, settings = self._run, self._run.settings
        run.check()
        begin = self._origin if settings["restart"] == "cold" else self._point
        point = self._solver(x, begin)
        self._point = point
        # dense systems up to the size at which Newton's own are
        system: System = settings["system"] or ("dense" if self._problem.m <= 300 else "cg")
        curvature = float(self._curvature(x[None], point.y[None])) if system == "neumann" else 0.0
        found = hypergradient(
            self._problem,
            x,
            point,
            objective=self._objective,
            system=system,
            begin=self._v,
            tolerance=settings["system_tolerance"],
            curvature=curvature,
        )
        self._v = found.v if system == "cg" else None
        value = float(self._objective(x, point.y).detach())
        statistics = run.statistics
        statistics["evaluations"] = statistics.get("evaluations", 0) + 1
        statistics["hessian_products"] = statistics.get("hessian_products", 0) + found.products
        if value < self._best[0]:
            self._best = (value, x.clone(), point.y.clone())
        run.report(
            objective=float(self._problem.upper.objective(x, point.y).detach()),
            lower_residual=point.residual,
            hypergradient=float(found.h.abs().max()),
            evaluations=statistics["evaluations"],
            phase="quasi-newton",
        )
        return value, found.h
