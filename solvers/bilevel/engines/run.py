"""What the gradient engines share: stopping, progress, threads, and the answer made of the points that they reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from solvers.bilevel.answer import BilevelAnswer, Limit, Optimum
from solvers.bilevel.engines.hypergradient import hypergradient
from solvers.bilevel.engines.lower import LowerPoint, LowerSolver, constraint_values
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.settings import Settings
from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import InvalidProblem

#: Seconds between two reports.
REPORT_EVERY = 0.1
#: Seconds after a stop in which the best point is still brought onto the lower level's solution.
GRACE = 0.4
#: Weight of the lower objective against the upper one where the best of several lower solutions is looked for, and by
#: how much the lower value may differ (relative) for both to be solutions.
SELECTION, SAME_VALUE = 1e5, 1e-9
#: Upper points nearer than this (relative to the spread of the starts) are one local optimum.
SAME_POINT = 1e-3


class Candidate(NamedTuple):
    """x (n), a guess of y (m), and how many starts it stands for."""

    x: torch.Tensor
    y: torch.Tensor
    starts: int = 1


class Stopped(Exception):
    """Raised inside a solve when the context says so."""


class Run:
    """One solve of a gradient engine."""

    def __init__(self, problem: Bilevel, settings: Settings, context: Context, spec: EngineSpec) -> None:
        torch.set_num_threads(settings["threads"])
        self.problem, self.settings, self.context, self.spec = problem, settings, context, spec
        self.began = time.monotonic()
        limit = settings["time_limit"]
        self._until = None if limit is None else self.began + limit
        self._reported = 0.0
        self.iterations = 0
        self.statistics: dict[str, Any] = {}
        self.limit: Limit | None = None
        #: The hyper-objective has no derivative at the best point, as far as is known.
        self.kink = False

    def stopping(self) -> Limit | None:
        """Why to stop now, or None."""
        if self.limit is None:
            self.limit = self.context.should_stop()
            if self.limit is None and self._until is not None and time.monotonic() >= self._until:
                self.limit = "time"
        return self.limit

    def check(self) -> None:
        """Raises:
        Stopped: the context or the time limit says so.
        """
        if self.stopping() is not None:
            raise Stopped

    def report(self, *, now: bool = False, **metrics: float | int | str | None) -> None:
        """Progress of both levels, at most ten times a second: objective, lower_residual, penalty, phase..."""
        at = time.monotonic()
        if not now and at - self._reported < REPORT_EVERY:
            return
        self._reported = at
        objective = metrics.get("objective")
        if isinstance(objective, float):
            metrics["objective"] = self.problem.signed(objective)
        self.context.report(iterations=self.iterations, **metrics)

    def incumbent(self, value: float, x: torch.Tensor, y: torch.Tensor) -> None:
        """Hand over a point whose y solves the lower level; ``value`` is the minimized objective."""
        point = np.concatenate([x.detach().numpy(), y.detach().numpy()])
        self.context.incumbent(self.problem.signed(value), point)

    def log(self, text: str) -> None:
        if self.settings["log"]:
            self.context.log(f"[{time.monotonic() - self.began:8.2f} s] {text}")

    def starts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, n) and (B, m): the warm start or the user's, then points spread over the upper box by a Sobol
        sequence."""
        problem, count = self.problem, self.settings["starts"]
        x, y = self.settings.start or (problem.upper.start, problem.lower.start)
        X = tensor(np.clip(x, problem.upper.lower, problem.upper.upper))[None].repeat(count, 1)
        if count > 1:
            sobol = torch.quasirandom.SobolEngine(min(problem.n, 1000), True, self.settings["seed"])  # type: ignore[no-untyped-call]
            unit = sobol.draw(count - 1, dtype=torch.float64).numpy()
            unit = np.resize(unit, (count - 1, problem.n)) if unit.shape[1] < problem.n else unit
            radius = self.settings["start_radius"]
            low = np.where(np.isfinite(problem.upper.lower), problem.upper.lower, X[0].numpy() - radius)
            high = np.where(np.isfinite(problem.upper.upper), problem.upper.upper, X[0].numpy() + radius)
            X[1:] = tensor(low + unit * (high - low))
        return X, tensor(np.clip(y, problem.lower.lower, problem.lower.upper))[None].repeat(count, 1)

    def finish(self, candidates: Iterable[Candidate], message: str = "") -> BilevelAnswer:
        """The answer: the best candidate after its y is brought onto the lower level's solution.

        The lower level is solved from the candidate's y: where it has several solutions, that is the one near it.
        """
        deadline = time.monotonic() + GRACE if self.limit is not None else None

        def late() -> bool:
            return time.monotonic() >= deadline if deadline is not None else self.stopping() is not None

        solver = LowerSolver(self.problem, tolerance=self.settings["lower_tolerance"], stop=late)
        found: list[_Found] = []
        for x, y, starts in candidates:
            if found and late():
                break
            if not (x.isfinite().all() and y.isfinite().all()):
                continue
            x = torch.clamp(x, tensor(self.problem.upper.lower), tensor(self.problem.upper.upper))
            point = self._best_lower(solver, x, solver(x, LowerPoint(y)), late)
            value = float(self.problem.upper.objective(x, point.y).detach())
            if np.isfinite(value):
                found.append(_Found(value + 1e6 * violation(self.problem, x, point.y), x, point, starts))
        self.statistics["seconds"] = time.monotonic() - self.began
        self.statistics["iterations"] = self.iterations
        common: dict[str, Any] = {
            "limit": self.limit,
            "restart": self.settings["restart"],
            "engine": self.spec.id,
            "engine_version": self.spec.version,
        }
        if not found:
            text = message or "No step led to a point where both objectives are finite."
            return BilevelAnswer(status="no-solution", message=text, statistics=self.statistics, **common)
        optima = self._optima(found)
        _, x, point, _ = min(found, key=lambda entry: entry.merit)
        value = float(self.problem.upper.objective(x, point.y).detach())
        residual = None
        h: np.ndarray | None = None
        if deadline is None or not late():
            gradient = hypergradient(self.problem, x, point, system="dense" if self.problem.m <= 300 else "cg")
            h = gradient.h.detach().numpy()
            level = self.problem.upper
            residual = float(np.abs(np.clip(h, x.numpy() - level.upper, x.numpy() - level.lower)).max())
        self.report(now=True, objective=value, lower_residual=point.residual, phase="done")
        self.incumbent(value, x, point.y)
        lower = float(self.problem.lower.objective(x, point.y).detach())
        small = max(1e-4, 10.0 * self.settings["tolerance"]) * (1.0 + abs(value))
        stationary = residual is not None and (residual <= small or self.problem.upper.constrained)
        if self.kink and not stationary:
            # a derivative of one side is none that differences could confirm
            h = residual = None
            message = message or "The slope jumps at this point, so that no first-order conditions are claimed."
        return BilevelAnswer(
            status="locally-stationary" if stationary else "feasible",
            x=x.detach().numpy(),
            y=point.y.detach().numpy(),
            objective=self.problem.signed(value),
            lower_objective=self.problem.signed(lower, "lower"),
            hypergradient=h,
            stationarity=residual,
            optima=optima,
            statistics={**self.statistics, "lower_residual": point.residual},
            message=message,
            **common,
        )

    def _best_lower(
        self, solver: LowerSolver, x: torch.Tensor, point: LowerPoint, late: Callable[[], bool]
    ) -> LowerPoint:
        """Among several lower solutions the best for the upper level, looked for near the one that was found."""
        if self.problem.lower_strongly_convex or late():
            return point
        f, g = self.problem.upper.objective, self.problem.lower.objective

        def both(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return g(x, y) + f(x, y) / SELECTION

        mixed = LowerSolver(self.problem, both, tolerance=self.settings["lower_tolerance"] / SELECTION, stop=late)
        other = solver(x, replace(mixed(x, point), residual=float("inf")))
        if not bool(other.y.isfinite().all()) or other.value > point.value + SAME_VALUE * (1.0 + abs(point.value)):
            return point
        gain = float((f(x, point.y) - f(x, other.y)).detach())
        worse = violation(self.problem, x, other.y) > violation(self.problem, x, point.y)
        return other if gain > 0.0 and not worse and other.residual <= 10.0 * max(point.residual, 1e-9) else point

    def _optima(self, found: Sequence[_Found]) -> tuple[Optimum, ...]:
        """Points that are the same up to their distance, each with the number of starts that led there."""
        if self.settings["starts"] == 1:
            return ()
        groups: list[_Found] = []
        spread = 1.0 + float(torch.stack([entry.x for entry in found]).abs().max())
        for entry in sorted(found, key=lambda entry: entry.merit):
            for k, group in enumerate(groups):
                if float((entry.x - group.x).abs().max()) <= SAME_POINT * spread:
                    groups[k] = group._replace(starts=group.starts + entry.starts)
                    break
            else:
                groups.append(entry)
        return tuple(
            Optimum(
                x=group.x.detach().numpy(),
                y=group.point.y.detach().numpy(),
                objective=self.problem.signed(float(self.problem.upper.objective(group.x, group.point.y).detach())),
                starts=group.starts,
                lower_residual=group.point.residual,
            )
            for group in groups
        )


class _Found(NamedTuple):
    """A candidate on the lower level's solution; ``merit`` is the minimized objective with violations charged."""

    merit: float
    x: torch.Tensor
    point: LowerPoint
    starts: int


def check_finite(problem: Bilevel, X: torch.Tensor, Y: torch.Tensor) -> None:
    """Raises:
    InvalidProblem: an objective or a constraint is not finite at the first starting point.
    """
    x, y = X[0], Y[0]
    for level, name in ((problem.upper, "upper"), (problem.lower, "lower")):
        for kind in ("objective", "inequalities", "equalities"):
            function = getattr(level, kind)
            if function is not None and not bool(function(x, y).isfinite().all()):
                raise InvalidProblem(
                    f"the {name} level's {kind} have no finite value at the starting point",
                    pointer=f"/{name}",
                    hint="give the variables a start at which every expression is defined",
                )


def violation(problem: Bilevel, x: torch.Tensor, y: torch.Tensor) -> float:
    """The largest violation of the upper constraints beyond 1e-6, and of the lower ones."""
    worst = 0.0
    if problem.upper.inequalities is not None:
        worst = max(worst, float(problem.upper.inequalities(x, y).detach().max()))
    if problem.upper.equalities is not None:
        worst = max(worst, float(problem.upper.equalities(x, y).detach().abs().max()))
    c, h = constraint_values(problem, x, y)
    if c.numel():
        worst = max(worst, float(c.detach().max()))
    if h.numel():
        worst = max(worst, float(h.detach().abs().max()))
    return max(0.0, worst - 1e-6)
