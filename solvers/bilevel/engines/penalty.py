"""``penalty``: value-function penalty (V-PBGD, Shen and Chen 2023), then Richardson extrapolation on the penalty.

First the vectorised descent of ``exploration``. Then, from its best points, L-BFGS-B on
``L_gamma(x) = min_y [f + gamma g] - gamma min_w g``, whose gradient needs no second derivatives across the levels
(Danskin): ``f_x(y) + gamma (g_x(y) - g_x(w))``, with the multipliers of the lower constraints in their place. Three
penalties give three points, and extrapolation removes the bias of orders 1/gamma and 1/gamma^2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.exploration import FIRST, LAST, RATE, explore
from solvers.bilevel.engines.lower import LowerPoint, LowerSolver, constraint_values
from solvers.bilevel.engines.oracle import derivative
from solvers.bilevel.engines.quasi_newton import quasi_newton
from solvers.bilevel.engines.richardson import extrapolate
from solvers.bilevel.engines.run import Candidate, Run, Stopped, check_finite
from solvers.bilevel.engines.scan import Scan, worth
from solvers.bilevel.engines.upper import UpperAugmented
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import settings_of
from solvers.core.engine import Context, EngineSpec, Option

SPEC = EngineSpec(
    id="penalty",
    family="bilevel",
    version="1.0",
    title="Value-function penalty",
    summary="Smooth problems, also with a nonconvex or constrained lower level; many starts in one vectorised run",
    solves=frozenset({"nonlinear", "lower-bounds", "lower-constraints", "upper-constraints", "nonconvex-lower"}),
    capabilities=frozenset({"warm-start", "many-starts", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option("penalty_first", "float", FIRST, "Penalty of the descent until its plateau", minimum=1e-3),
        Option("penalty_last", "float", LAST, "Penalty of the descent after its plateau", minimum=1e-3),
        Option("learning_rate", "float", RATE, "Step size of Adam on the upper variables", minimum=1e-8, maximum=10.0),
        Option("inner_steps", "integer", 1, "Lower steps for each upper step", minimum=1, maximum=100),
        Option("descent_steps", "integer", None, "Steps of the descent; by default until its plateau", minimum=0),
        Option("polish", "integer", 8, "How many of the points that many starts lead to are solved on", minimum=0),
        Option("polish_penalty", "float", 300.0, "The smallest of three penalties to extrapolate", minimum=1.0),
    ),
    process_group="torch",
    requires=("torch",),
    citation="https://arxiv.org/abs/2302.05185",
)

#: Each penalty is this many times the one before.
RATIO = 2.0
ROUNDS = 25
ITERATIONS = 200


class PenaltyEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        run = Run(problem, settings, context, SPEC)
        X, Y = run.starts()
        check_finite(problem, X, Y)
        candidates = explore(
            run,
            X,
            Y,
            keep=max(1, settings["polish"]),
            inner=settings["inner_steps"],
            first=settings["penalty_first"],
            last=settings["penalty_last"],
            rate=settings["learning_rate"],
            steps=settings["descent_steps"],
        )
        if not settings["polish"]:
            return run.finish(candidates)
        scan = Scan(run, Y[0]) if worth(run) else None
        if scan is not None:
            candidates += scan.points()
        reached: list[Candidate] = []
        for candidate in candidates:
            points = [candidate] if run.stopping() is not None else _polish(run, candidate)
            # the alternatives of one start must not be counted as many
            reached += [point._replace(starts=candidate.starts if k == 0 else 0) for k, point in enumerate(points)]
        if scan is not None:
            reached += scan.last(reached)
        return run.finish(reached)


ENGINE = PenaltyEngine()


def _polish(run: Run, candidate: Candidate) -> list[Candidate]:
    """The extrapolated point, and the one of the largest penalty: the better of them will be the answer."""
    x, y, starts = candidate
    base = run.settings["polish_penalty"]
    penalties = [base, RATIO * base, RATIO * RATIO * base]
    points: list[torch.Tensor] = []
    descent = _Penalized(run, x, y)
    for gamma in penalties:
        try:
            x, y = descent.minimize(x, gamma)
        except Stopped:
            return [Candidate(*descent.best, starts)]
        points.append(x)
    extrapolated = extrapolate(points, penalties)
    level = run.problem.upper
    extrapolated = torch.clamp(extrapolated, tensor(level.lower), tensor(level.upper))
    return [Candidate(extrapolated, y, starts), Candidate(x, y, starts)]


class _Penalized:
    """Minimizes L_gamma; what it learns of y, w and their multipliers is kept from one gamma to the next."""

    def __init__(self, run: Run, x: torch.Tensor, y: torch.Tensor) -> None:
        self._run, self._problem = run, run.problem
        self._objective = UpperAugmented(run.problem)
        self._origin = LowerPoint(y)
        self._y, self._w = self._origin, self._origin
        self._gamma = 1.0
        tolerance = 0.1 * run.settings["lower_tolerance"]
        self._plain = LowerSolver(run.problem, tolerance=tolerance, stop=run.stopping)
        self._mixed = LowerSolver(run.problem, self._mix, tolerance=tolerance, stop=run.stopping)
        self.best: tuple[torch.Tensor, torch.Tensor] = (x, y)
        self._value = float("inf")

    def minimize(self, x: torch.Tensor, gamma: float) -> tuple[torch.Tensor, torch.Tensor]:
        """x and y of this penalty.

        Raises:
            Stopped: ``best`` is what there is.
        """
        run, settings = self._run, self._run.settings
        self._gamma = gamma
        limit = ITERATIONS if settings["iteration_limit"] is None else settings["iteration_limit"]
        for _ in range(ROUNDS):
            self._value = float("inf")
            x, steps = quasi_newton(
                self._evaluate, self._problem.upper, x, tolerance=settings["tolerance"], max_iterations=limit
            )
            run.iterations += steps
            if self._value < float("inf"):
                x = self.best[0]
            self._y = self._mixed(x, self._y)
            if self._objective.update(x, self._y.y) <= 0.1 * settings["feasibility_tolerance"]:
                break
        return x, self._y.y

    def _mix(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self._objective(x, y) / self._gamma + self._problem.lower.objective(x, y)

    def _evaluate(self, x: torch.Tensor) -> tuple[float, torch.Tensor]:
        run, problem, gamma = self._run, self._problem, self._gamma
        run.check()
        cold = run.settings["restart"] == "cold"
        self._w = self._plain(x, self._origin if cold else self._w)
        self._y = self._mixed(x, self._y)
        x = x.detach().requires_grad_(True)
        upper = self._objective(x, self._y.y)
        value = upper + gamma * (self._lagrangian(x, self._y) - self._lagrangian(x, self._w))
        (gradient,) = derivative(value, (x,))
        number = float(value.detach())
        if number < self._value:
            self._value, self.best = number, (x.detach().clone(), self._y.y.clone())
        run.statistics["evaluations"] = run.statistics.get("evaluations", 0) + 1
        run.report(
            objective=float(problem.upper.objective(x, self._y.y).detach()),
            lower_residual=self._w.residual,
            penalty=gamma,
            phase="extrapolation",
        )
        return number, gradient

    def _lagrangian(self, x: torch.Tensor, point: LowerPoint) -> torch.Tensor:
        value = self._problem.lower.objective(x, point.y)
        if not self._problem.lower.constrained:
            return value
        c, h = constraint_values(self._problem, x, point.y)
        return value + (point.inequality * c).sum() + (point.equality * h).sum()
