"""Which engine for which problem of several objectives: by structure, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.core import ranking
from solvers.core.engine import EngineSpec
from solvers.pareto.problem import FEATURE_WORDS, Pareto


def describe(problem: Pareto) -> str:
    """The problem in a line: ``2 objectives, convex quadratic, 10 variables with bounds, 1 constraint``."""
    bounded = (problem.lower > -float("inf")).any() or (problem.upper < float("inf")).any()
    parts = [
        f"{problem.k} objectives, {problem.words}",
        f"{problem.n} variable{'' if problem.n == 1 else 's'}" + (" with bounds" if bounded else ""),
    ]
    count = len(problem.weighted.constraints)
    if count:
        parts.append(f"{count} constraint{'' if count == 1 else 's'}")
    return ", ".join(parts)


def ranked(problem: Pareto, offered: Sequence[EngineSpec]) -> list[tuple[str, str]]:
    """Ids of the engines that take the problem with the reason, the most promising first.

    Raises:
        UnsupportedProblem: no offered engine takes it.
    """
    return ranking.ranked(problem.features, FEATURE_WORDS, _preferences(problem), offered, describe(problem))


def _preferences(problem: Pareto) -> list[tuple[str, str]]:
    if problem.preferences is not None:
        reason = "a weighted sum for each preference"
        if problem.convex or problem.weighted.constraints:
            return [("weighted-sum", reason), ("jacobian-descent", "descent along each preference")]
        return [("jacobian-descent", "descent along each preference"), ("weighted-sum", reason)]
    if problem.convex:
        curved = any(not facts.affine for facts in problem.facts)
        if problem.k == 2 and curved:
            reason = "weighted sums reach all of a convex front"
            return [("weighted-sum", reason), ("boundary", "evenly spread points")]
        return [
            ("boundary", "evenly spread points of a convex front"),
            ("weighted-sum", "weighted sums reach all of it"),
        ]
    if problem.weighted.constraints:
        return [("boundary", "constraints, and a front that weighted sums may miss")]
    return [("jacobian-descent", "many starts that descend together"), ("boundary", "evenly spread points")]
