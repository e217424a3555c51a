"""Which engine for which saddle problem: by structure, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.core import ranking
from solvers.core.engine import EngineSpec
from solvers.saddle.problem import FEATURE_WORDS, Saddle

#: Up to so many variables of both players a program with a dense matrix is solved.
LARGEST_PROGRAM = 2000


def describe(problem: Saddle) -> str:
    """The problem in a line: ``bilinear, 3 variables against 3, 2 constraints``."""
    constraints = len(problem.minimizer.constraints) + len(problem.maximizer.constraints)
    parts = [problem.words, f"{problem.n} variable{'' if problem.n == 1 else 's'} against {problem.m}"]
    if constraints:
        parts.append(f"{constraints} constraint{'' if constraints == 1 else 's'}")
    return ", ".join(parts)


def ranked(problem: Saddle, offered: Sequence[EngineSpec]) -> list[tuple[str, str]]:
    """Ids of the engines that take the problem with the reason, the most promising first.

    Raises:
        UnsupportedProblem: no offered engine takes it.
    """
    return ranking.ranked(problem.features, FEATURE_WORDS, _preferences(problem), offered, describe(problem))


def _preferences(problem: Saddle) -> list[tuple[str, str]]:
    chosen = []
    if problem.n + problem.m <= LARGEST_PROGRAM:
        chosen.append(("convex-program", "by duality one convex program, solved exactly"))
    if problem.convex_concave:
        reason = "steps of both players with averages and restarts"
    else:
        reason = "not known to be convex-concave: steps on two time scales, which end at local minimax points"
    return [*chosen, ("extragradient", reason), ("optimistic", "one gradient a step")]
