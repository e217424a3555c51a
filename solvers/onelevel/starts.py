"""A local engine from several starts: where a problem is not convex, the nearest stationary point may be a poor one.

The first solve is from the problem's own start, so that no answer is worse than that of a single one. More starts
follow only as far as a count of work goes (not seconds: the answer must not depend on the load of a machine).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.core.engine import Context, Quiet, StopReason
from solvers.core.errors import InvalidProblem
from solvers.onelevel import rays
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.contradiction import contradiction
from solvers.onelevel.kkt import violation
from solvers.onelevel.problem import Minimize

Solve = Callable[[Minimize, Mapping[str, Any], Context], MinimizeAnswer]

#: By default so many, of problems up to so many variables, while no more work is done than this (in gradients), or
#: this times that of the first solve, or so much more.
STARTS, MOST_VARIABLES, WORK, FACTOR, MORE = 16, 60, 3000, 4, 20_000
#: A start is given up after so much work, or this times that of the first solve.
LEAST, PATIENCE = 400, 2
#: Engines that go downhill from where they begin.
LOCAL = frozenset({"lbfgs", "newton", "gauss-newton", "augmented-lagrangian", "ipopt"})
#: Where a variable has no bound, starts are within these of its own start, relative to its size, in turn.
SPREADS = (1.0, 5.0, 25.0)


def solve(engine: str, one: Solve, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
    """The best answer over the starts that ``options`` asks for; None: one where more are of no use."""
    wanted = options.get("starts")
    given = {name: value for name, value in options.items() if name != "starts"}
    if engine not in LOCAL or (wanted or STARTS) == 1 or (wanted is None and not _worth(problem, options)):
        return one(problem, given, context)
    begun = problem.oracle.work
    best = one(problem, given, context)
    first = problem.oracle.work - begun
    done = 1
    allowed = float(options.get("feasibility_tolerance") or 1e-6)
    ray = rays.at(problem, best, allowed)
    if ray is not None:
        return replace(best, status="unbounded", ray=ray.direction)
    missed = best.x is not None and problem.constraints and not violation(problem, best.x) <= allowed
    if missed and contradiction(problem, best.x, halve=False) is not None:
        return replace(best, status="infeasible")
    # where the first finds no end, others may not either
    most = max(WORK, min(FACTOR * first, first + MORE))
    patience = max(LEAST, min(PATIENCE * first, MORE))
    for variation in _variations(engine, problem, (wanted or STARTS) - 1, int(options.get("seed") or 0)):
        enough = wanted is None and problem.oracle.work - begun + min(first, patience) > most
        if enough or best.limit is not None or context.should_stop() or _least(problem, best):
            break
        # a start from which the engine finds no end must not take the time of the others
        inner = _Capped(context, problem, patience if wanted is None else None)
        try:
            answer = one(problem, {**given, **variation}, inner)
        except InvalidProblem:  # nothing is defined around that start
            continue
        if inner.capped:
            answer = replace(answer, limit=None)
        done += 1
        if _better(problem, answer, best, float(options.get("feasibility_tolerance") or 1e-6)):
            best = answer
            if answer.x is not None and answer.objective is not None:
                context.report(objective=answer.objective, starts=done)
                context.incumbent(answer.objective, answer.x)
    if context.should_stop() and best.limit is None:
        best = replace(best, limit=context.should_stop())
    return replace(best, statistics={**best.statistics, **problem.oracle.counts, "starts": done})


class _Capped(Quiet):
    """Stops a start that takes more work than ``most``."""

    def __init__(self, outer: Context, problem: Minimize, most: int | None) -> None:
        super().__init__(outer)
        self._oracle = problem.oracle
        self._end = None if most is None else problem.oracle.work + most
        self.capped = False

    def should_stop(self) -> StopReason | None:
        reason = super().should_stop()
        if reason is None and self._end is not None and self._oracle.work > self._end:
            self.capped = True
            reason = "beaten"
        return reason


def _variations(engine: str, problem: Minimize, count: int, seed: int) -> Iterator[Mapping[str, Any]]:
    """Other options for the same engine. First Ipopt by quasi-Newton from the same start, where steps by the exact
    Hessian of a nonconvex problem may have led astray."""
    if engine == "ipopt" and count:
        count -= 1
        yield {"hessian": "limited-memory", "mu_strategy": "adaptive"}
    for x in scattered(problem, count, seed):
        yield {"start": x}


def scattered(problem: Minimize, count: int, seed: int) -> Iterator[np.ndarray]:
    """Points by a Sobol sequence over the bounds, or around the problem's start where there are none."""
    if count < 1:
        return
    from scipy.stats import qmc

    unit = qmc.Sobol(problem.n, seed=np.random.default_rng(seed)).random(1 << (count - 1).bit_length())[:count]
    start = problem.start
    for k, shares in enumerate(unit):
        reach = SPREADS[k % len(SPREADS)] * np.maximum(1.0, np.abs(start))
        low = np.where(np.isfinite(problem.lower), problem.lower, np.minimum(start, problem.upper) - reach)
        high = np.where(np.isfinite(problem.upper), problem.upper, np.maximum(start, problem.lower) + reach)
        yield low + shares * (high - low)


def _worth(problem: Minimize, options: Mapping[str, Any]) -> bool:
    return options.get("start") is None and problem.n <= MOST_VARIABLES and not problem.convex


def _least(problem: Minimize, answer: MinimizeAnswer) -> bool:
    """Known not to be improved: the objective is never negative, and is zero."""
    value = None if answer.objective is None else problem.signed(answer.objective)
    return problem.facts.nonnegative and value is not None and value <= 1e-10 and not problem.constraints


def _better(problem: Minimize, one: MinimizeAnswer, other: MinimizeAnswer, tolerance: float) -> bool:
    if one.x is None or one.objective is None or not np.isfinite(one.objective):
        return False
    if other.x is None or other.objective is None or not np.isfinite(other.objective):
        return True
    mine, theirs = (violation(problem, answer.x) for answer in (one, other) if answer.x is not None)
    if max(mine, theirs) > tolerance:
        return mine < 0.5 * theirs
    # a point that is not stationary may be on its way to nowhere: it must be clearly better
    least = 1e-9 if one.status == "locally-stationary" or other.status != "locally-stationary" else 1e-3
    values = problem.signed(one.objective), problem.signed(other.objective)
    return values[0] < values[1] - least * max(1.0, abs(values[1]))
