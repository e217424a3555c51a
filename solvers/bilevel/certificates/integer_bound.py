"""A claimed bound of a problem with integer lower variables proved again: branch and bound over boxes of the upper
variables. It knows nothing of the engine's cuts and uses another solver (HiGHS), whose bounds of mixed-integer programs
it takes as they are: an integer program has no multipliers that would show them.

In a box, a y that is feasible below for every x of it bounds the lower objective at all of them: the best such y is the
solution of the lower level whose sides are the least over the box. The relaxation of the box keeps both levels'
constraints and that bound; where the box is a single point, it is the problem itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from solvers.bilevel.certificates.proof import BoundProof
from solvers.bilevel.forms import Forms
from solvers.bilevel.problem import Bilevel

NODES, SECONDS = 4000, 10.0
RESTS = "HiGHS' bounds of the mixed-integer program of each node"


@dataclass(frozen=True)
class _Rows:
    """Lower rows ``G x + D y <= h``; all rows of both levels as a constraint of (x, y)."""

    G: np.ndarray
    D: np.ndarray
    h: np.ndarray
    every: list[LinearConstraint]


def prove_integer(problem: Bilevel, forms: Forms, bound: float, *, seconds: float = SECONDS) -> BoundProof:
    """Whether the minimized upper objective is at least ``bound`` at every point of the problem.

    Decides for linear functions, bounded linking variables, and as many boxes as the seconds allow.
    """
    if any(form.Q is not None for form in forms.all):
        return BoundProof(why="products of variables are beyond this checker of integer lower levels")
    # HiGHS' tolerances are absolute
    found = _search(problem, forms.scaled, bound / forms.upper.unit(), time.monotonic() + seconds)
    return found if found.refuted is None else replace(found, refuted=forms.upper_value(found.refuted))


def _search(problem: Bilevel, forms: Forms, bound: float, until: float) -> BoundProof:
    rows = _rows(forms)
    linking = np.flatnonzero(rows.G.any(axis=0))
    level = problem.upper
    if not np.isfinite(np.concatenate([level.lower[linking], level.upper[linking]])).all():
        return BoundProof(why="upper variables in lower rows have no bounds")
    tolerance = 1e-6 * (1.0 + abs(bound)) if np.isfinite(bound) else 0.0
    stack = [(level.lower, level.upper)]
    nodes = 0
    while stack:
        if nodes >= NODES or time.monotonic() > until:
            return BoundProof(nodes=nodes, why=f"not decided within {nodes} boxes")
        low, high = stack.pop()
        nodes += 1
        single = bool((low[linking] == high[linking]).all())
        limit = _lower_value(problem, forms, rows, rows.h - _most(rows.G, low, high))
        if limit is None:
            return BoundProof(nodes=nodes, why="a lower level could not be solved")
        if single and limit == np.inf:
            continue  # no y below
        status, value, z = _relaxation(problem, forms, rows, low, high, limit)
        if status == "infeasible" or (status == "solved" and value >= bound - tolerance):
            continue
        if status != "solved":
            return BoundProof(nodes=nodes, why="a relaxation could not be solved, or is unbounded")
        if single:
            return BoundProof(nodes=nodes, refuted=value, point=z)
        x = np.clip(z[: forms.n], low, high)
        place = _branch(problem, forms, rows, x, low, high, linking)
        if place is None:
            return BoundProof(nodes=nodes, why="continuous upper variables occur in lower rows")
        at = min(np.floor(x[place] + 1e-6), high[place] - 1.0)
        left, right = high.copy(), low.copy()
        left[place], right[place] = at, at + 1.0
        # the side where x is comes last, and so first
        sides = [(low, left), (right, high)]
        stack += sides if x[place] > at + 0.5 else sides[::-1]
    return BoundProof(proved=True, nodes=nodes, rests=RESTS)


def _rows(forms: Forms) -> _Rows:
    n = forms.n
    below = [(form.c, -form.constant) for form in forms.lower_inequalities]
    for form in forms.lower_equalities:
        below += [(form.c, -form.constant), (-form.c, form.constant)]
    matrix = np.array([row for row, _ in below]).reshape(-1, n + forms.m)
    sides = np.array([side for _, side in below])
    every = [LinearConstraint(matrix, -np.inf, sides)] if len(below) else []
    for part, equal in ((forms.upper_inequalities, False), (forms.upper_equalities, True)):
        if part:
            limits = np.array([-form.constant for form in part])
            every.append(LinearConstraint(np.array([form.c for form in part]), limits if equal else -np.inf, limits))
    return _Rows(matrix[:, :n], matrix[:, n:], sides, every)


def _most(G: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        terms = np.where(G > 0, G * high, np.where(G < 0, G * low, 0.0))
    return np.asarray(terms.sum(axis=1))


def _lower_value(problem: Bilevel, forms: Forms, rows: _Rows, sides: np.ndarray) -> float | None:
    """The least lower objective with these sides; infinite if there is no y, None if not found."""
    level = problem.lower
    cost = forms.lower.c[forms.n :]
    result = milp(
        cost,
        constraints=[LinearConstraint(rows.D, -np.inf, sides)] if len(sides) else [],
        bounds=Bounds(level.lower, level.upper),
        integrality=level.integrality.astype(int),
        options={"mip_rel_gap": 0.0, "time_limit": 5.0},
    )
    if result.status == 0:
        # a little above: a bound that is too small would prune points that are solutions
        return float(result.fun) + 1e-7 * (1.0 + abs(float(result.fun)))
    return np.inf if result.status == 2 else None


def _relaxation(
    problem: Bilevel, forms: Forms, rows: _Rows, low: np.ndarray, high: np.ndarray, limit: float
) -> tuple[str, float, np.ndarray]:
    constraints = list(rows.every)
    if np.isfinite(limit):
        row = np.concatenate([np.zeros(forms.n), forms.lower.c[forms.n :]])
        constraints.append(LinearConstraint(row[None], -np.inf, limit))
    result = milp(
        forms.upper.c,
        constraints=constraints,
        bounds=Bounds(np.concatenate([low, problem.lower.lower]), np.concatenate([high, problem.lower.upper])),
        integrality=np.concatenate([problem.upper.integrality, problem.lower.integrality]).astype(int),
        options={"mip_rel_gap": 0.0, "time_limit": 5.0},
    )
    if result.status == 0:
        return "solved", float(result.mip_dual_bound) + forms.upper.constant, np.asarray(result.x)
    return ("infeasible" if result.status == 2 else "failed"), np.nan, low


def _branch(
    problem: Bilevel,
    forms: Forms,
    rows: _Rows,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    linking: np.ndarray,
) -> int | None:
    """The integer linking variable whose freedom tightens most the rows that the lower solution at x needs."""
    open_ = linking[(low[linking] < high[linking]) & problem.upper.integrality[linking]]
    if not open_.size:
        return None
    level = problem.lower
    found = milp(
        forms.lower.c[forms.n :],
        constraints=[LinearConstraint(rows.D, -np.inf, rows.h - rows.G @ x)] if len(rows.h) else [],
        bounds=Bounds(level.lower, level.upper),
        integrality=level.integrality.astype(int),
        options={"time_limit": 5.0},
    )
    score = np.zeros(forms.n)
    if found.status == 0:
        short = rows.D @ found.x + _most(rows.G, low, high) - rows.h
        for i in np.flatnonzero(short > 1e-9):
            worth = float(np.abs(forms.lower.c[forms.n :] * (rows.D[i] != 0.0)).max(initial=0.0))
            score += np.abs(rows.G[i]) * (high - low) * (1.0 + worth)
    return int(open_[int(np.argmax(score[open_]))])
