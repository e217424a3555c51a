"""Few upper variables within bounds: the hyper-objective is looked at all over the box before and after descents.

One or two hyperparameters are the most common problem there is; their hyper-objective often has several valleys, and
kinks where lower constraints become active or cease to be, at which derivatives lead no further.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize

from solvers.bilevel.engines.hypergradient import hypergradient
from solvers.bilevel.engines.lower import LowerPoint, LowerSolver
from solvers.bilevel.engines.run import Candidate, Run, Stopped, violation
from solvers.bilevel.problem import tensor

#: Up to so many upper variables; points for each of them; the best that are kept; evaluations of the last search for
#: each variable.
MOST, POINTS, KEPT, LAST = 3, 16, 2, 40
#: Up to so many lower variables: beyond, a lower solution is no small matter.
MOST_LOWER = 2000


def worth(run: Run) -> bool:
    """Whether a box this small asks for it, and the user has not said where to look or how long."""
    level, settings = run.problem.upper, run.settings
    asked = settings["starts"] > 1 or settings.start is not None or settings["iteration_limit"] is not None
    boxed = bool(np.isfinite(level.lower).all() and np.isfinite(level.upper).all())
    return boxed and not asked and run.problem.n <= MOST and run.problem.m <= MOST_LOWER


class Scan:
    """Values of the hyper-objective, with the violation of upper constraints charged."""

    def __init__(self, run: Run, y: torch.Tensor) -> None:
        self._run, self._level = run, run.problem.upper
        self._solver = LowerSolver(run.problem, tolerance=run.settings["lower_tolerance"], stop=run.stopping)
        self._point = LowerPoint(y)
        self.best: tuple[float, Candidate] | None = None

    def __call__(self, x: np.ndarray) -> float:
        """At one point of the box.

        Raises:
            Stopped: by the context.
        """
        run = self._run
        run.check()
        point = tensor(np.clip(x, self._level.lower, self._level.upper))
        self._point = self._solver(point, self._point)
        run.check()
        run.statistics["scanned"] = run.statistics.get("scanned", 0) + 1
        value = float(run.problem.upper.objective(point, self._point.y).detach())
        value += 1e6 * violation(run.problem, point, self._point.y)
        if not np.isfinite(value):
            self._point = LowerPoint(torch.nan_to_num(self._point.y))
            return 1e300
        if self.best is None or value < self.best[0]:
            self.best = (value, Candidate(point, self._point.y, 0))
        run.report(objective=value, lower_residual=self._point.residual, phase="scan")
        return value

    def points(self) -> list[Candidate]:
        """The best points of a Sobol sequence over the box, none next to another."""
        n, width = self._run.problem.n, self._level.upper - self._level.lower
        from scipy.stats import qmc  # its import draws samples, and looks at torch

        unit = qmc.Sobol(n, seed=np.random.default_rng(self._run.settings["seed"])).random(_power(POINTS * n))
        # in order, so that each lower solution is near the one before
        unit = unit[np.argsort(unit[:, 0], kind="stable")]
        found = []
        try:
            for row in unit:
                value = self(self._level.lower + row * width)
                found.append((value, row, Candidate(tensor(self._level.lower + row * width), self._point.y, 0)))
        except Stopped:
            pass
        kept: list[tuple[np.ndarray, Candidate]] = []
        for _, row, candidate in sorted(found, key=lambda entry: entry[0]):
            if all(float(np.abs(row - other).max()) > 2.0 / POINTS for other, _ in kept):
                kept.append((row, candidate))
            if len(kept) == KEPT:
                break
        return [candidate for _, candidate in kept]

    def last(self, reached: list[Candidate]) -> list[Candidate]:
        """Where the best point has a slope left, as at a kink: what a search without derivatives finds around it."""
        run, problem = self._run, self._run.problem
        try:
            for candidate in reached:
                self._point = LowerPoint(candidate.y)
                self(candidate.x.numpy())
            if self.best is None:
                return []
            x, y, _ = self.best[1]
            point = self._solver(x, LowerPoint(y))
            h = hypergradient(problem, x, point, system="dense" if problem.m <= 300 else "cg").h.detach().numpy()
            slope = np.clip(h, x.numpy() - self._level.upper, x.numpy() - self._level.lower)
            if not problem.upper.constrained and np.abs(slope).max() <= 1e-4 * (1.0 + abs(self.best[0])):
                return [self.best[1]]
            width = (self._level.upper - self._level.lower) / POINTS
            corner = np.where(x.numpy() + width <= self._level.upper, width, -width)
            simplex = np.vstack([x.numpy(), x.numpy() + np.diag(corner)])
            self._point = point
            minimize(
                self,
                x.numpy(),
                method="Nelder-Mead",
                bounds=np.column_stack([self._level.lower, self._level.upper]),
                options={"initial_simplex": simplex, "maxfev": LAST * problem.n, "xatol": 1e-9, "fatol": 1e-12},
            )
            run.log(f"a search without derivatives reached {self.best[0]:.9g}")
            run.kink = True
        except Stopped:
            pass
        return [] if self.best is None else [self.best[1]]


def _power(count: int) -> int:
    """The next power of two: Sobol points are even only then."""
    return 1 << (count - 1).bit_length()
