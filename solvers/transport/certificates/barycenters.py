"""Checks of barycenters.

On given points the problem is convex, and its dual is evaluated here from potentials f_k on these points, one for each
measure, whose weighted sum is zero. Without regularization (Agueh & Carlier 2011, proposition 2.2), with c-transforms
g_k: ``sum_k w_k <g_k, mu_k>`` is at most the optimum. With it, P_k against the product of mu_k and the uniform measure
u on the points (as iterated Bregman projections have it: Benamou, Carlier, Cuturi, Nenna, Peyre 2015): ``sum_k w_k
[<M_k, P_k> + e KL(P_k | u mu_k)] >= sum_k w_k [<g_k, mu_k> - e sum_ij u_i mu_kj (exp((f_ki + g_kj - M_kij) / e) - 1)]``
for any g_k: the weighted rows of the plans are one measure q, on which ``sum_k w_k f_k`` is zero.

The plans of the potentials (without regularization: the engine's couplings), with their marginals repaired to the
answer's weights and the measures, give the other side. Where points move see ``supports``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from solvers.core.certificate import Check, Outcome
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates.bounds import lower_bound, transformed, usable
from solvers.transport.certificates.case import case_of
from solvers.transport.certificates.costs import UNIT, Costs
from solvers.transport.certificates.duals import HIGHEST, kernel_error
from solvers.transport.certificates.plain import CROSSED, REGULARIZED_GAP, Examined
from solvers.transport.certificates.plans import Exponential, SparseEntries, evaluated, product_cost
from solvers.transport.certificates.sums import dot, down, total, up
from solvers.transport.certificates.supports import OPTIMAL, SMALLEST, Values, examine_free
from solvers.transport.certificates.values import upper_bound
from solvers.transport.plan import PotentialPlan
from solvers.transport.problem import Barycenter, Measure, Transport

#: Largest number of pairs for which transport to a measure is solved anew, as a linear program.
PAIRS = 40_000

#: Weights below this are left out of it: they only disturb the simplex.
DUST = 1e-14

#: How far the stated value may be from the one computed here, as a part of the largest cost.
CLAIM = 1e-6


def examine_barycenter(problem: Barycenter, answer: TransportAnswer, options: Mapping[str, Any]) -> Examined:
    """Check an answer that claims to be optimal, feasible or imprecise.

    Raises:
        ValueError: the measure cannot be read.
    """
    weights, support = answer.weights, answer.support if answer.support is not None else problem.support
    if weights is None or weights.shape != (len(support),) or support.shape[1] != problem.support.shape[1]:
        raise ValueError("the barycenter's weights do not fit its points")
    if not np.isfinite(weights).all() or not np.isfinite(support).all():
        raise ValueError("the barycenter has entries that are not finite")
    off = abs(float(weights.sum()) - 1.0) + float(-np.minimum(weights, 0.0).sum())
    if problem.free:  # as many points as asked for, all of one weight
        off += float(np.abs(weights - 1.0 / len(weights)).sum())
        fits, form = len(support) == len(problem.support), "are equal and"
    else:
        fits, form = np.array_equal(support, problem.support), "are non-negative and"
    words = f"The weights {form} sum to one up to {off:.2g}; the points are {'' if fits else 'not '}those asked for."
    checks = [Check("weights", "passed" if off <= 1e-9 and fits else "failed", words, off, 1e-9)]
    q = np.maximum(weights, 0.0) / np.maximum(weights, 0.0).sum()
    if problem.free and "couplings" in answer.parameters:
        found, settled = examine_free(problem, support, q, answer, options.get("tolerance"))
        return Examined([*checks, *found], settled)
    potentials = None if problem.free else _potentials(problem, answer)
    if problem.regularization is not None and potentials is not None and answer.epsilon:
        return _regularized(problem, answer, q, potentials, checks)
    if potentials is not None and "couplings" in answer.parameters:
        return _by_couplings(problem, answer, q, potentials, checks, options.get("tolerance"))
    check, above, size = _cost(problem, q, support, answer)
    checks.append(check)
    if potentials is None:
        text = "That no other measure is nearer to all of them rests on the engine."
        checks.append(Check("gap", "failed" if problem.free and answer.status == "optimal" else "trusted", text))
        return Examined(checks, replace(answer, bound=None))
    bound = _bound(problem, potentials)
    if above is None:
        text = f"No measure on these points has a weighted sum of costs below {bound:.10g} (feasible potentials)"
        checks.append(Check("gap", "trusted", f"{text}; how near to that this one is rests on the engine."))
        return Examined(checks, replace(answer, bound=_known(bound)))
    checks.append(_gap(above, bound, "solved anew", size, answer, options.get("tolerance")))
    return Examined(checks, replace(answer, cost=above, bound=_known(bound)))


def _gap(above: float, bound: float, how: str, size: float, answer: TransportAnswer, tolerance: float | None) -> Check:
    """``size``: a largest cost, of which rounding may leave a part."""
    rounding = 1e-12 * size + SMALLEST
    gap, most = above - bound, (tolerance or OPTIMAL) * above + rounding
    text = f"The optimum lies between {bound:.10g} (feasible potentials) and {above:.10g} ({how})"
    if gap < -rounding:
        return Check("gap", "failed", f"{text}. {CROSSED}", gap)
    if answer.status != "optimal" or gap <= most:
        return Check("gap", "passed", f"{text}.", gap, most if answer.status == "optimal" else None)
    return Check("gap", "failed", f"{text}, too far apart to call it optimal.", gap, most)


def _by_couplings(
    problem: Barycenter,
    answer: TransportAnswer,
    q: np.ndarray,
    potentials: list[np.ndarray],
    checks: list[Check],
    tolerance: float | None,
) -> Examined:
    """Without regularization, on given points: couplings to the measures above, potentials below."""
    values, bound = Values(problem, problem.support, q, answer), _bound(problem, potentials)
    if not math.isfinite(values.upper):
        checks.append(Check("cost", "failed", "The couplings do not reach every measure."))
        return Examined(checks, replace(answer, cost=None, bound=_known(bound)))
    off = abs(values.upper - answer.cost) if answer.cost is not None else 0.0
    text = (
        f"The couplings to the measures cost {values.upper:.10g} in the weighted sum, once their marginals are exact."
    )
    allowed = CLAIM * values.upper + 1e-12 * values.size + SMALLEST
    checks.append(Check("cost", "passed" if off <= allowed else "failed", text, off, allowed))
    checks.append(_gap(values.upper, bound, "couplings", values.size, answer, tolerance))
    return Examined(checks, replace(answer, cost=values.upper, bound=_known(bound)))


def _potentials(problem: Barycenter, answer: TransportAnswer) -> list[np.ndarray] | None:
    """One for each measure, of weighted sum zero up to rounding; None where there are none."""
    given = answer.parameters.get("potentials")
    size = len(problem.support)
    if given is None or np.shape(given) != (len(problem.measures), size):
        return None
    found = [usable(np.asarray(one, dtype=float), size) for one in given]
    mean = np.sum([w * f for w, f in zip(problem.weights, found, strict=True)], axis=0) / total(problem.weights)
    return [f - mean for f in found]


def _leftover(problem: Barycenter, potentials: list[np.ndarray]) -> float:
    """At least as much as the weighted sum of the potentials is below zero anywhere."""
    whole = np.sum([w * f for w, f in zip(problem.weights, potentials, strict=True)], axis=0)
    size = np.sum([w * np.abs(f) for w, f in zip(problem.weights, potentials, strict=True)], axis=0)
    return float((-whole).max(initial=0.0) + 2 * (len(potentials) + 2) * UNIT * size.max(initial=0.0))


def _bound(problem: Barycenter, potentials: list[np.ndarray]) -> float:
    """A rigorous lower bound without regularization. The totals of the measures are one up to rounding."""
    parts, size = [], 0.0
    for share, f, measure in zip(problem.weights, potentials, problem.measures, strict=True):
        uniform = np.full(len(f), 1.0 / len(f))
        g = transformed(case_of(_one(problem, uniform, measure), 0.0), f)
        kept = measure.weights[measure.weights > 0.0]
        value, error = dot(g, kept)
        parts.append(share * down(value, error))
        size += float(share) * (abs(value) + float(np.abs(g).max()))
    return down(math.fsum(parts), _leftover(problem, potentials) + 1e-15 * (len(parts) + 4) * size)


def _regularized(
    problem: Barycenter, answer: TransportAnswer, q: np.ndarray, potentials: list[np.ndarray], checks: list[Check]
) -> Examined:
    epsilon, check = _strength(problem, float(answer.epsilon or 0.0))
    checks.append(check)
    size, largest = len(problem.support), 0.0
    uniform = np.full(size, 1.0 / size)
    # KL against the uniform measure is KL against q and what q itself has
    positive = q > 0.0
    logs = np.zeros(size)
    logs[positive] = np.log(size * q[positive])
    extra, extra_error = dot(q, logs)
    lower, cost, objective = [], [], []
    for share, f, measure in zip(problem.weights, potentials, problem.measures, strict=True):
        kept = measure.weights > 0.0
        costs = case_of(_one(problem, uniform, measure), 0.0).costs
        largest = max(largest, costs.largest)
        g = _soft_transform(costs, f, epsilon)
        lower.append(float(share) * _dual(costs, f, g, measure.weights[kept], epsilon))
        case = case_of(_one(problem, q, measure, epsilon), epsilon)
        whole_g = np.zeros(len(measure.weights))
        whole_g[kept] = g
        nothing = np.zeros(size), np.zeros(len(whole_g))
        plan = evaluated(PotentialPlan(f - epsilon * logs, whole_g, epsilon, *nothing), case)
        upper = upper_bound(plan, case, -case.costs.largest, case.costs.largest)
        cost.append(float(share) * upper.value)
        assert upper.objective is not None
        objective.append(
            float(share) * up(upper.objective + epsilon * extra, epsilon * (extra_error + 8 * UNIT * abs(extra)))
        )
    rounding = 1e-15 * (len(lower) + 4) * (largest + epsilon * (abs(extra) + math.log(size + 1.0)))
    below = down(math.fsum(lower), _leftover(problem, potentials) + rounding)
    above, spent = up(math.fsum(objective), rounding), up(math.fsum(cost), rounding)
    below = below if math.isfinite(below) else -math.inf
    gap, allowed = above - below, max(REGULARIZED_GAP * max(abs(above), abs(below)), 1e-8 * largest)
    text = (
        f"With regularization {epsilon:.6g} (against the uniform measure on the points) the optimum lies between "
        f"{below:.10g} (potentials) and {above:.10g} (plans to every measure, repaired): a gap of {gap:.2g}"
    )
    crossed = not gap >= -rounding
    fine = (answer.status != "optimal" or gap <= allowed) and not crossed
    more = "." if fine else f". {CROSSED}" if crossed else ", too much to call it optimal."
    checks.append(Check("regularized-gap", "passed" if fine else "failed", text + more, gap, allowed))
    bound = _bound(problem, potentials)
    words = f"The weighted sum of the plans' costs is {spent:.10g}, once their marginals are exact."
    off = abs(spent - answer.cost) if answer.cost is not None else 0.0
    claimed = answer.status == "optimal"
    outcome: Outcome = "failed" if claimed and off > CLAIM * largest else "passed"
    checks.append(Check("cost", outcome, words, off, CLAIM * largest if claimed else None))
    proved = {"cost": spent, "bound": bound, "objective": above, "objective_bound": below}
    changes: dict[str, Any] = {name: _known(value) for name, value in proved.items()}
    return Examined(checks, replace(answer, **changes))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _strength(problem: Barycenter, used: float) -> tuple[float, Check]:
    """The regularization in units of the cost, and whether the engine used it; relative ones are multiples of the mean
    cost from the uniform measure on the points."""
    asked = problem.regularization
    assert asked is not None
    expected = asked.strength
    if asked.relative:
        uniform = np.full(len(problem.support), 1.0 / len(problem.support))
        means = []
        for share, measure in zip(problem.weights, problem.measures, strict=True):
            case = case_of(_one(problem, uniform, measure), 0.0)
            means.append(float(share) * product_cost(case.costs, case.a.weights, case.b.weights)[0])
        expected *= math.fsum(means) or 1.0
    off = abs(used - expected)
    outcome: Outcome = "passed" if off <= 1e-6 * expected else "failed"
    text = f"The regularization is {used:.6g}; asked for was {expected:.6g}."
    return (used if outcome == "passed" else expected), Check("regularization", outcome, text, off, 1e-6 * expected)


def _one(problem: Barycenter, weights: np.ndarray, measure: Measure, epsilon: float | None = None) -> Transport:
    """Transport from a measure on the points of the barycenter to one of the others."""
    return Transport(
        a=weights,
        b=measure.weights * (total(weights) / total(measure.weights)),
        x=problem.support,
        y=measure.points,
        cost=problem.cost,
        p=problem.p,
        regularization=None if epsilon is None else replace(problem.regularization, strength=epsilon, relative=False),  # type: ignore[type-var]
    )


def _soft_transform(costs: Costs, f: np.ndarray, epsilon: float) -> np.ndarray:
    """g with which the plan has the measure as its marginal, up to rounding; any other gives a bound too. The measure's
    weights are in the plan and in the reference, and cancel."""
    highest, sums = np.full(costs.m, -math.inf), np.zeros(costs.m)
    for rows, columns, tile in costs.tiles():
        exponents = (f[rows, None] - tile) / epsilon
        top = np.maximum(highest[columns], exponents.max(axis=0))
        sums[columns] = sums[columns] * np.exp(highest[columns] - top) + np.exp(exponents - top).sum(axis=0)
        highest[columns] = top
    found: np.ndarray = -epsilon * (highest + np.log(sums) - math.log(costs.n))
    return found


def _dual(costs: Costs, f: np.ndarray, g: np.ndarray, weights: np.ndarray, epsilon: float) -> float:
    """One measure's part of the dual value, roundings taken off."""
    weights = weights / total(weights)
    nothing = np.zeros_like(f), np.zeros_like(g)
    kernel = Exponential(f / epsilon - math.log(costs.n), g / epsilon + np.log(weights), epsilon, *nothing)
    found = kernel.measure(costs)
    if not found.mass < HIGHEST:
        return -math.inf
    relative = kernel_error(costs, f, g, epsilon, found.sum_error, np.full(1, 1.0 / costs.n), weights)
    value, error = dot(g, weights)
    size = abs(value) + epsilon * (found.mass + 1.0) + float(np.abs(g).max())
    return down(value - epsilon * (found.mass - 1.0), error + 2 * epsilon * relative * found.mass + 8 * UNIT * size)


def _cost(
    problem: Barycenter, weights: np.ndarray, support: np.ndarray, answer: TransportAnswer
) -> tuple[Check, float | None, float]:
    """The value at these weights, where it can be solved anew (else None), and a largest cost."""
    sizes = [len(support) * len(measure.weights) for measure in problem.measures]
    if answer.cost is None or problem.regularization is not None or max(sizes) > PAIRS or sum(sizes) > 10 * PAIRS:
        text = "The value at these weights was not computed anew: it is the engine's."
        return Check("cost", "trusted", text), None, 0.0
    lower = upper = size = 0.0
    heavy = np.where(weights > DUST, weights, 0.0)
    for share, measure in zip(problem.weights, problem.measures, strict=True):
        one = Transport.build(
            support, measure.points, a=heavy, b=measure.weights, cost=problem.cost, p=problem.p, normalize=True
        )
        found = _by_linear_program(one)
        lower, upper = lower + share * found[0], upper + share * found[1]
        size += float(share) * case_of(one, 0.0).costs.largest
    if not math.isfinite(upper):
        text = "The value at these weights could not be computed anew: it is the engine's."
        return Check("cost", "trusted", text), None, size
    lower, upper = down(lower, 8 * UNIT * len(sizes) * abs(lower)), up(upper, 8 * UNIT * len(sizes) * upper)
    allowed = CLAIM * upper + 1e-12 * size + SMALLEST
    off = max(lower - answer.cost, answer.cost - upper, 0.0)
    text = f"Transport from these weights costs {upper:.10g} in the weighted sum, solved anew and proved."
    if off <= allowed:
        return Check("cost", "passed", text, off, allowed), upper, size
    return Check("cost", "failed", f"{text[:-1]}; claimed was {answer.cost:.10g}.", off, allowed), upper, size


def _by_linear_program(problem: Transport) -> tuple[float, float]:
    """Bounds on the optimum, by HiGHS's simplex (no engine of this family), proved as any other answer is."""
    case = case_of(problem, 0.0)
    n, m = case.costs.n, case.costs.m
    rows, columns = np.divmod(np.arange(n * m), m)
    ones = np.ones(2 * n * m)
    equations = coo_array((ones, (np.concatenate([rows, n + columns]), np.tile(np.arange(n * m), 2))), (n + m, n * m))
    sides = np.concatenate([case.a.weights, case.b.weights])
    cost = case.costs.entries(rows, columns)[0]
    result = linprog(cost, A_eq=equations.tocsr(), b_eq=sides, method="highs-ds")
    if result.x is None:
        return 0.0, math.inf
    duals = result.eqlin.marginals
    lower = lower_bound(case, duals[:n], duals[n:])
    plan = SparseEntries(rows, columns, np.maximum(result.x, 0.0))
    return lower.value, upper_bound(plan, case, lower.lowest, lower.highest).value
