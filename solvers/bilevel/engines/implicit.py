"""``implicit``: L-BFGS-B on ``F(x, y*(x))`` with the hypergradient of the implicit function theorem.

F is seldom convex, and where long steps lead is a matter of chance: more descents follow, by short steps, as long as
they find something better.

Each evaluation solves the lower level by gradient-normalised Newton steps from the last solution, and one linear
system. Floor per evaluation on m <= 300 variables: one dense Hessian (m products in one vmapped pass) and a Cholesky
factorization, m^3/3 flops, a few milliseconds; above, conjugate gradients at two gradients a product.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.adam import Adam
from solvers.bilevel.engines.exploration import explore
from solvers.bilevel.engines.hypergradient import System, hypergradient
from solvers.bilevel.engines.lower import LowerPoint, LowerSolver
from solvers.bilevel.engines.oracle import Curvature, batched
from solvers.bilevel.engines.quasi_newton import quasi_newton
from solvers.bilevel.engines.run import Candidate, Run, Stopped, check_finite
from solvers.bilevel.engines.scan import Scan, worth
from solvers.bilevel.engines.short_steps import short_steps
from solvers.bilevel.engines.upper import UpperAugmented
from solvers.bilevel.problem import Bilevel, tensor
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
        Option(
            "descents",
            "integer",
            8,
            "Most further descents by short steps, to look for a better local optimum; they end without gain",
            minimum=0,
            maximum=1000,
        ),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/1911.02590",
)

#: Rounds of multipliers of the upper constraints.
ROUNDS = 25
ITERATIONS = 500

#: Further descents: a short step is the typical distance from the start over STEPS_AWAY; at most so many evaluations
#: each, in measure with those before, after some steps of Adam. The pull towards the start leaves a share NEARER of the
#: typical distance, in turn. One ends where it comes as near as SAME to the best point; they all end if the first gains
#: less than GAIN, relative, or two in a row.
STEPS_AWAY, EVALUATIONS, ADAM_STEPS, NEARER, SAME, GAIN = 130.0, 300, 100, (0.25, 0.1), 0.02, 1e-5


class _Known(Exception):
    """A further descent came to the point that is known already."""


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
        scan = Scan(run, Y[0]) if worth(run) else None
        if scan is not None:
            candidates += scan.points()
        reached: list[Candidate] = []
        for x, y, starts in candidates:
            if run.stopping() is not None:
                reached.append(Candidate(x, y, starts))
                continue
            descent = _Descent(run, x, y)
            first, *others = descent.run(further=scan is None)
            reached.append(Candidate(*first, starts))
            # a second point of one start must not be counted as another
            reached += [Candidate(*other, 0) for other in others]
        if scan is not None:
            reached += scan.last(reached)
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
        self._x, self._begin = x, x
        self._known: tuple[torch.Tensor, float] | None = None
        self._brief = False

    def run(self, further: bool) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The point that quasi-Newton steps reach, then a better one if further descents were made and found it."""
        settings = self._run.settings
        # beside a scan, which ends with a search of its own
        self._brief = not further
        try:
            self._rounds()
        except Stopped:
            return [self._best[1:]]
        first = (self._x, self._point.y)
        # many starts look for other optima themselves
        asked = settings["starts"] > 1 or settings["iteration_limit"] is not None
        if not further or asked or self._problem.upper.constrained:
            return [first]
        if not settings["descents"] or self._run.stopping() is not None:
            return [first]
        before = self._best[0]
        self._run.incumbent(*self._best)
        with contextlib.suppress(Stopped):
            self._further(settings["descents"])
        return [first, self._best[1:]] if self._best[0] < before else [first]

    def _rounds(self) -> None:
        run, settings = self._run, self._run.settings
        for _ in range(ROUNDS):
            self._best = (float("inf"), self._x, self._point.y)
            x = self._quasi_newton(self._x)
            if self._best[0] < float("inf"):
                x = self._best[1]
            self._x, self._point = x, self._solver(x, self._point)
            violation = self._objective.update(x, self._point.y)
            if violation <= 0.1 * settings["feasibility_tolerance"]:
                break
        run.log(f"quasi-Newton steps reached {self._best[0]:.9g}")

    def _quasi_newton(self, x: torch.Tensor) -> torch.Tensor:
        settings = self._run.settings
        limit = ITERATIONS if settings["iteration_limit"] is None else settings["iteration_limit"]
        x, steps = quasi_newton(
            self._evaluate,
            self._problem.upper,
            x,
            tolerance=settings["tolerance"],
            max_iterations=limit,
            brief=self._brief,
        )
        self._run.iterations += steps
        return x

    def _further(self, most: int) -> None:
        """Descents by short steps: after some of Adam, from the start, and from nearer to the start than the best
        point is, since variables that went far are where the derivative may have vanished."""
        run, level = self._run, self._problem.upper
        begin = self._begin.numpy()
        made, failures = int(run.statistics["evaluations"]), 0
        for k in range(most):
            evaluations = min(EVALUATIONS, made if k == 0 else 2 * made)
            before, known, _ = self._best
            away = known.numpy() - begin
            typical = float(np.median(np.abs(away))) or float(np.abs(away).max())
            if not typical:
                return
            nearer = NEARER[k % 2] * typical
            x = begin if k < 2 else begin + np.clip(away, -nearer, nearer)
            self._point, self._known = self._origin, (known, SAME * typical)
            with contextlib.suppress(_Known):
                if k == 0:
                    x = self._adam(x, typical / STEPS_AWAY, min(ADAM_STEPS, evaluations))
                short_steps(
                    self._both,
                    level,
                    x,
                    longest=typical / STEPS_AWAY,
                    tolerance=run.settings["tolerance"],
                    evaluations=evaluations,
                )
            run.log(f"descent {k + 1} by short steps: best {self._best[0]:.9g}")
            if self._best[0] >= before - GAIN * (1.0 + abs(before)):
                failures += 1
                if k == 0 or failures == 2:
                    return
                continue
            failures = 0
            # the last evaluations of a descent are the slow ones
            self._point, self._known = LowerPoint(self._best[2]), None
            self._quasi_newton(self._best[1])

    def _adam(self, x: np.ndarray, rate: float, steps: int) -> np.ndarray:
        low, high = tensor(self._problem.upper.lower), tensor(self._problem.upper.upper)
        X = tensor(x)[None]
        adam = Adam(X.shape, rate)
        for _ in range(steps):
            _, h = self._evaluate(X[0])
            X = adam.step(X, h[None], low, high)
        return X[0].numpy()

    def _both(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        value, h = self._evaluate(tensor(x))
        return value, h.numpy()

    def _evaluate(self, x: torch.Tensor) -> tuple[float, torch.Tensor]:
        run, settings = self._run, self._run.settings
        run.check()
        if self._known is not None and float((x - self._known[0]).abs().max()) <= self._known[1]:
            raise _Known
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
            phase="quasi-newton" if self._known is None else "short-steps",
        )
        return value, found.h
