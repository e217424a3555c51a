"""Checks of barycenters whose points move. The problem is not convex; what can be known is computed here, from
couplings and potentials that an engine hands over and that need not be right:

- the value: couplings with repaired marginals show that it can be had, feasible potentials that no couplings of these
  points have less (transport solved anew, on both sides);
- stationarity: by how much the value would fall if every point moved to the mean of its partners. Where that is
  nothing, no small change of the points helps while the couplings stay optimal;
- a bound on all measures with any points: ``sum_k w_k |x - y_k|^2 >= sum_{k<l} w_k w_l |y_k - y_l|^2`` for weights of
  total 1, so the pairs' transport costs, weighted so, are below the value of every barycenter. Tight for two measures.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np

from solvers.core.certificate import Check, Outcome
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates.bounds import lower_bound
from solvers.transport.certificates.case import case_of
from solvers.transport.certificates.costs import UNIT
from solvers.transport.certificates.plain import CROSSED
from solvers.transport.certificates.plans import SparseEntries
from solvers.transport.certificates.sums import down, total, up
from solvers.transport.certificates.values import upper_bound
from solvers.transport.problem import Barycenter, Measure, Transport

#: Below this, numbers lose their digits.
SMALLEST = 1e-300

#: Gap of the couplings' cost, and of the movement that is left, as parts of the value, that are none.
EXACT, STEADY = 1e-8, 1e-6

#: Units of rounding in a mean of coordinates, once masses are repaired.
COORDINATE = 1e4

#: Gap to the bound on all measures at which a barycenter is optimal, unless another is asked for.
OPTIMAL = 1e-6


class Values:
    """What couplings and potentials of a measure on these points prove.

    Attributes:
        lower, upper: of the weighted sum of transport costs from these points and weights; -inf and inf without.
        fall: by how much the value would fall if every point moved to the mean of its partners.
        size: the weighted sum of the largest costs, for roundings.
    """

    def __init__(self, problem: Barycenter, support: np.ndarray, weights: np.ndarray, answer: TransportAnswer) -> None:
        self.lower, self.upper, self.fall, self.size = 0.0, 0.0, math.inf, 0.0
        couplings = answer.parameters.get("couplings")
        potentials = answer.parameters.get("transport_potentials")
        goal, masses = np.zeros_like(support), np.zeros(len(support))
        for k, (share, measure) in enumerate(zip(problem.weights, problem.measures, strict=True)):
            case = case_of(between(problem, Measure(weights, support), measure), 0.0)
            f = None if potentials is None else np.asarray(potentials, dtype=float)[k][case.rows]
            lower = lower_bound(case, f, None)
            self.size += float(share) * case.costs.largest
            self.lower = down(self.lower + share * lower.value, 8 * UNIT * abs(share * lower.value))
            plan = (
                None if couplings is None else _entries(np.asarray(couplings, dtype=float), k, case.rows, case.columns)
            )
            if plan is None:
                self.upper = math.inf
                continue
            found = upper_bound(plan, case, lower.lowest, lower.highest)
            self.upper = up(self.upper + share * found.value, 8 * UNIT * abs(share * found.value))
            entries = found.plan
            assert isinstance(entries, SparseEntries)
            there = measure.points[case.columns[entries.columns]]
            here = case.rows[entries.rows]
            masses += share * np.bincount(here, entries.values, len(support))
            for axis in range(support.shape[1]):
                goal[:, axis] += share * np.bincount(here, entries.values * there[:, axis], len(support))
        if math.isfinite(self.upper):
            kept = masses > 0.0
            moves = goal[kept] / masses[kept, None] - support[kept]
            self.fall = float(masses[kept] @ (moves**2).sum(axis=1))


def _entries(couplings: np.ndarray, k: int, rows: np.ndarray, columns: np.ndarray) -> SparseEntries | None:
    """The coupling to measure k, over the points with weight. Rows of ``couplings``: measure, point, partner, mass."""
    if couplings.ndim != 2 or couplings.shape[1] != 4 or not np.isfinite(couplings).all():
        raise ValueError("couplings that are not rows of measure, point, partner and mass")
    chosen = couplings[(couplings[:, 0] == k) & (couplings[:, 3] > 0.0)]
    at = [np.searchsorted(kept, chosen[:, axis]) for kept, axis in ((rows, 1), (columns, 2))]
    known = np.ones(len(chosen), dtype=bool)
    for kept, where, axis in ((rows, at[0], 1), (columns, at[1], 2)):
        inside = where < len(kept)
        known &= inside
        known[inside] &= kept[where[inside]] == chosen[inside, axis]
    if not known.any():
        return None
    return SparseEntries(at[0][known], at[1][known], chosen[known, 3])


def between(problem: Barycenter, one: Measure, other: Measure) -> Transport:
    """Transport from one measure to the other, whose total is made the same."""
    return Transport(
        a=one.weights,
        b=other.weights * (total(one.weights) / total(other.weights)),
        x=one.points,
        y=other.points,
        cost=problem.cost,
        p=problem.p,
    )


def bound_of_pairs(problem: Barycenter, answer: TransportAnswer) -> float | None:
    """A lower bound on the value of every measure with any points; None without the engine's potentials.

    Raises:
        ValueError: these don't fit the measures.
    """
    given = answer.parameters.get("pair_potentials")
    if given is None or problem.cost != "sqeuclidean":
        return None
    flat = np.asarray(given, dtype=float).ravel()
    bound, size, at = 0.0, 0.0, 0
    whole = total(problem.weights)
    shares = problem.weights / whole
    for k, m in combinations(range(len(problem.measures)), 2):
        one, other = problem.measures[k], problem.measures[m]
        f = flat[at : at + len(one.weights)]
        at += len(one.weights)
        if len(f) != len(one.weights):
            raise ValueError("potentials of pairs that do not fit the measures")
        case = case_of(between(problem, one, other), 0.0)
        value = max(0.0, lower_bound(case, f[case.rows], None).value)
        bound += float(shares[k] * shares[m]) * value
        size += float(shares[k] * shares[m]) * abs(value)
    return max(0.0, down(whole * bound, whole * (32 * UNIT * size + 8 * len(shares) * UNIT * size)))


def examine_free(
    problem: Barycenter, support: np.ndarray, weights: np.ndarray, answer: TransportAnswer, tolerance: float | None
) -> tuple[list[Check], TransportAnswer]:
    """The checks of a barycenter whose points move, and the answer with the numbers that they prove."""
    values = Values(problem, support, weights, answer)
    if not math.isfinite(values.upper):
        text = "The engine gives no couplings to the measures, so nothing shows that its value can be had."
        unknown: Outcome = "failed" if answer.status == "optimal" else "trusted"
        checks = [Check("cost", "trusted", text), Check("gap", unknown, "No bound was given.")]
        return checks, replace(answer, bound=None)
    rounding = 1e-12 * values.size + SMALLEST
    gap, allowed = values.upper - values.lower, EXACT * values.upper + rounding
    words = f"With these points the weighted sum of transport costs lies between {values.lower:.10g} (feasible "
    words += f"potentials) and {values.upper:.10g} (feasible couplings), roundings included"
    checks = [Check("value", "passed" if -rounding <= gap <= allowed else "failed", f"{words}.", gap, allowed)]
    if answer.cost is not None:
        off = abs(answer.cost - values.upper)
        text = f"The value is {values.upper:.10g}"
        fine = off <= allowed
        claim = ", as claimed." if fine else f", not {answer.cost:.10g} as claimed."
        checks.append(Check("cost", "passed" if fine else "failed", text + claim, off, allowed))
    reach = max(float(np.abs(one).max()) for one in (support, *(measure.points for measure in problem.measures)))
    steady = STEADY * values.upper + rounding + support.shape[1] * (COORDINATE * UNIT * reach) ** 2
    text = f"If every point moved to the mean of its partners, the value would fall by {values.fall:.2g}"
    if values.fall <= steady:
        checks.append(Check("stationarity", "passed", f"{text}: the points are stationary.", values.fall, steady))
    else:
        # who was stopped claims no more than the value
        outcome: Outcome = "failed" if answer.limit is None else "skipped"
        checks.append(Check("stationarity", outcome, f"{text}: the points have not settled.", values.fall, steady))
    bound = bound_of_pairs(problem, answer)
    local = "The problem is not convex: other points may have a smaller value"
    if bound is None:
        checks.append(Check("gap", "failed" if answer.status == "optimal" else "trusted", f"{local}."))
        return checks, replace(answer, cost=values.upper, bound=None)
    gap, allowed = values.upper - bound, (tolerance or OPTIMAL) * values.upper + rounding
    words = f"No measure, with whatever points, has a value below {bound:.10g} (the measures' distances in pairs)"
    if gap < -rounding:
        checks.append(Check("gap", "failed", f"{words}. {CROSSED}", gap))
    elif gap <= allowed:
        checks.append(Check("gap", "passed", f"{words}: these points are optimal among all.", gap, allowed))
    elif answer.status == "optimal":
        checks.append(Check("gap", "failed", f"{words}: not near enough to call these points optimal.", gap, allowed))
    else:
        checks.append(Check("gap", "passed", f"{words}. {local}, but none below that.", gap))
    return checks, replace(answer, cost=values.upper, bound=bound)
