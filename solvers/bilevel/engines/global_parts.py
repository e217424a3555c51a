"""What the global search of bilevel problems starts from: the problem in scalars, its box, points spread in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from solvers.bilevel.engines.run import Run
from solvers.bilevel.engines.scan import Scan, worth
from solvers.bilevel.problem import Bilevel, tensor
from solvers.bilevel.sources import Sources, program, variables
from solvers.core.engine import Context, LocalContext, StopReason
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Expression, Program

#: Share by which an implied bound is moved outwards, for the tolerances of the solver that found it.
OUTWARDS = 1e-6


def able(problem: Bilevel) -> bool:
    """Whether the engine takes the problem's expressions."""
    if problem.sources is None:
        return False
    try:
        Stated(problem, problem.sources)
    except UnsupportedProblem:
        return False
    return True


class Stated:
    """The problem in scalar expressions.

    Attributes:
        objective, below: of both levels; constraints: of both.
        shared: of the lower constraints, which contain upper variables.
    """

    def __init__(self, problem: Bilevel, sources: Sources) -> None:
        self.objective = sources.objective("upper")
        self.below = sources.objective("lower")
        rows = sources.rows("lower")
        self.constraints = [*sources.rows("upper"), *rows]
        self.shared = np.array([any(k < problem.n for k in variables(row.body)) for row in rows], dtype=bool)
        if any(row.equal for row, both in zip(rows, self.shared, strict=True) if both):
            raise UnsupportedProblem(
                "the global search does not take lower equations with upper variables in them",
                pointer="/engine",
                hint="engine: auto",
            )


def implied_box(
    problem: Bilevel, stated: Stated, solve: Callable[[Program], ProgramAnswer]
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of (x, y) that the constraints of both levels imply, where there are none stated; else infinite."""
    low = np.concatenate([problem.upper.lower, problem.lower.lower])
    high = np.concatenate([problem.upper.upper, problem.lower.upper])
    whole = np.concatenate([problem.upper.integrality, problem.lower.integrality])
    for k in range(low.size):
        column = Expression("var", index=k)
        for side, objective in ((low, column), (high, Expression("neg", (column,)))):
            if np.isfinite(side[k]):
                continue
            found = solve(program(objective, stated.constraints, low, high, whole))
            if found.bound is not None and np.isfinite(found.bound) and abs(found.bound) < 1e8:
                moved = float(found.bound) - OUTWARDS * (1.0 + abs(float(found.bound)))
                side[k] = moved if side is low else -moved
    return low, high


def spread(
    problem: Bilevel, low: np.ndarray, high: np.ndarray, count: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Points (x, y): the problem's own start, then by a Sobol sequence over the box.

    Where the box has no end, one within 1, 10 and 100 of the start in turn is taken.
    """
    start = np.concatenate([problem.upper.start, problem.lower.start])
    yield problem.upper.start, problem.lower.start
    sobol = torch.quasirandom.SobolEngine(start.size, True, seed)  # type: ignore[no-untyped-call]
    unit = sobol.draw(count - 1, dtype=torch.float64).numpy()
    for k, shares in enumerate(unit):
        reach = 10.0 ** (k % 3)
        least = np.where(np.isfinite(low), low, np.minimum(start, high) - reach)
        most = np.where(np.isfinite(high), high, np.maximum(start, low) + reach)
        x, y = np.split(least + shares * (most - least), [problem.n])
        yield x, y


class Within(LocalContext):
    """The caller's stop for the programs within; their progress is not that of the whole."""

    def __init__(self, outer: Context) -> None:
        super().__init__()
        self._outer = outer

    def should_stop(self) -> StopReason | None:
        return self._outer.should_stop()


def scanned(run: Run, known: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points (x, y) where the hyper-objective of few bounded upper variables is least, looked for all over the box;
    none where lower solutions take a global search."""
    problem = run.problem
    if not problem.lower_convex or not worth(run):
        return []
    scan = Scan(run, tensor(problem.lower.start if known is None else known[problem.n :]))
    found = scan.points()
    found += scan.last(found)
    run.kink = False
    return [(point.x.numpy(), point.y.numpy()) for point in found]
