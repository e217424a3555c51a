"""Checks of answers to problems that are not convex, or have no dual: Gromov, sliced; and where barycenters are
checked. What can be recomputed is; what rests on the engine is said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from solvers.core.certificate import Check
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates.barycenters import examine_barycenter
from solvers.transport.certificates.gromov import distortion_bound
from solvers.transport.certificates.plain import CLAIM, MARGINALS, Examined
from solvers.transport.certificates.repair import staircase
from solvers.transport.plan import LowRankPlan, SparsePlan
from solvers.transport.problem import Barycenter, Gromov, Sliced

#: Gap of a distortion that is none, and what rounding leaves of it, as a part of the largest.
SAME, ROUNDING = 1e-9, 1e-11

#: Directions for the estimate that a sliced distance is compared with, and how many standard errors it may be off.
DIRECTIONS, DEVIATIONS = 256, 6.0


def examine(problem: Barycenter | Gromov | Sliced, answer: TransportAnswer, options: Mapping[str, Any]) -> Examined:
    """As ``plain.examine``."""
    if isinstance(problem, Gromov):
        return _gromov(problem, answer, options)
    if isinstance(problem, Sliced):
        return _sliced(problem, answer)
    if isinstance(problem, Barycenter):
        return examine_barycenter(problem, answer, options)
    text = "Nothing of this answer can be checked here: it rests on the engine."
    return Examined([Check("answer", "trusted", text)], answer)


def _gromov(problem: Gromov, answer: TransportAnswer, options: Mapping[str, Any]) -> Examined:
    plan = _dense_or_sparse(answer)
    if plan.shape != (problem.n, problem.m):
        raise ValueError(f"a plan of shape {plan.shape}")
    values = plan.data if isinstance(plan, csr_array) else plan
    if not np.isfinite(values).all() or (values < 0.0).any():
        raise ValueError("a plan with entries that are negative or not finite")
    rows, columns = plan.sum(axis=1), plan.sum(axis=0)
    error = float(np.abs(rows - problem.a).sum() + np.abs(columns - problem.b).sum())
    allowed = max(float(options.get("marginal_tolerance") or MARGINALS), MARGINALS)
    words = f"The plan is non-negative, its marginals are off by {error:.2g} in all."
    checks = [Check("marginals", "passed" if error <= allowed else "failed", words, error, allowed)]
    quadratic = rows @ (problem.C**2 @ rows) + columns @ (problem.D**2 @ columns)
    quadratic -= 2.0 * float(((plan.T @ problem.C @ plan) * problem.D).sum())
    cost = problem.alpha * float(quadratic)
    size = problem.alpha * float(np.abs(problem.C).max() + np.abs(problem.D).max()) ** 2
    if problem.M is not None:
        cost += (1.0 - problem.alpha) * float((plan * problem.M).sum())
        size += (1.0 - problem.alpha) * float(np.abs(problem.M).max())
    checks.append(_same("cost", "distortion of the plan", answer.cost, cost, CLAIM * size))
    # a coupling with exact marginals is within twice that error (Altschuler, Weed, Rigollet 2017, lemma 7)
    above = cost + 2.0 * error * (2.0 + error) * size
    found, bound = _gap(problem, answer, above, size, options.get("tolerance"))
    return Examined([*checks, found], replace(answer, cost=above, bound=bound))


def _gap(
    problem: Gromov, answer: TransportAnswer, cost: float, size: float, tolerance: float | None
) -> tuple[Check, float | None]:
    """What can be known of the least distortion, though the problem is not convex."""
    bound = distortion_bound(problem)
    local = "The problem is not convex: another coupling may have less distortion"
    claimed = answer.status == "optimal"
    if bound is None:
        return Check("gap", "failed" if claimed else "trusted", f"{local}, and it is too large for a bound."), None
    gap, allowed = cost - bound, max((tolerance or SAME) * abs(cost), ROUNDING * size)
    words = f"No coupling has less distortion than {bound:.10g} (Memoli's second and third lower bound)"
    if gap < -ROUNDING * size:
        return Check("gap", "failed", f"{words}; this one has {cost:.10g}: one of the two is wrong.", gap), bound
    bound = min(bound, cost)
    if gap <= allowed:
        return Check("gap", "passed", f"{words}: this one is optimal.", gap, allowed), bound
    if claimed:
        return Check("gap", "failed", f"{words}: too far to call this one optimal.", gap, allowed), bound
    return Check("gap", "passed", f"{words}. {local}, but not less than that.", gap), bound


def _dense_or_sparse(answer: TransportAnswer) -> Any:
    if isinstance(answer.plan, SparsePlan):
        return csr_array(answer.plan.matrix)
    if isinstance(answer.plan, LowRankPlan):
        return (answer.plan.Q / answer.plan.weights) @ answer.plan.R.T
    raise ValueError("there is no plan")


def _sliced(problem: Sliced, answer: TransportAnswer) -> Examined:
    """An estimate of our own, with other directions: the two must agree as two samples of one mean do. That is no
    proof: what the mean over all directions is, no sample shows. On a line all directions are one."""
    answer = replace(answer, bound=None)
    if answer.cost is None or not math.isfinite(answer.cost):
        return Examined([Check("cost", "failed", "The answer has no value.")], replace(answer, cost=None))
    if problem.x.shape[1] == 1:
        value = _on_a_line(problem, np.ones(1))
        size = float(np.abs(problem.x).max() + np.abs(problem.y).max()) ** problem.p
        return Examined([_same("cost", "cost on the line", answer.cost, value, CLAIM * value + 1e-15 * size)], answer)
    directions = np.random.default_rng(0x5EED).standard_normal((DIRECTIONS, problem.x.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sample = np.array([_on_a_line(problem, direction) for direction in directions])
    mean, deviation = float(sample.mean()), float(sample.std(ddof=1))
    drawn = answer.statistics.get("projections")  # fewer, where time was up
    count = drawn if isinstance(drawn, int) and 0 < drawn < problem.projections else problem.projections
    error = deviation / math.sqrt(count)
    allowed = DEVIATIONS * math.hypot(deviation / math.sqrt(DIRECTIONS), error) + 1e-9 * abs(mean)
    off = abs(answer.cost - mean)
    words = f"Over {DIRECTIONS} other directions the mean is {mean:.6g}; the answer's is {answer.cost:.6g}"
    if off > allowed:
        text = f"{words}: too far apart for samples of one mean."
        return Examined([Check("other-directions", "failed", text, off, allowed)], answer)
    checks = [Check("other-directions", "passed", f"{words}: they agree as samples do.", off, allowed)]
    text = f"The mean over {count:,} random directions is the engine's; as an estimate of that over all it has a"
    checks.append(Check("cost", "trusted", f"{text} standard error of about {error:.2g}.", error))
    if answer.status == "optimal":
        checks.append(Check("gap", "failed", "A mean over some directions is an estimate, never exact."))
    return Examined(checks, answer)


def _on_a_line(problem: Sliced, direction: np.ndarray) -> float:
    """Transport on a line joins masses in their order."""
    x, y = problem.x @ direction, problem.y @ direction
    rows, columns, masses = staircase(problem.a, problem.b, np.argsort(x), np.argsort(y))
    return float(masses @ np.abs(x[rows] - y[columns]) ** problem.p)


def _same(name: str, words: str, claimed: float | None, found: float, allowed: float) -> Check:
    if claimed is None or not math.isfinite(claimed):
        return Check(name, "failed", f"The {words} is {found:.10g}; the answer does not say it.")
    off = abs(claimed - found)
    if off <= allowed:
        return Check(name, "passed", f"The {words} is {found:.10g}, as claimed.", off, allowed)
    return Check(name, "failed", f"The {words} is {found:.10g}, not {claimed:.10g} as claimed.", off, allowed)
