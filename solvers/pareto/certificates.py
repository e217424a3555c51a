"""What Kantor checks of a front, on the original problem, with code that no engine shares.

Each point is certified as a solution of one level: of the sum of the objectives with the weights w >= 0 that make it
most stationary. Then the residual of first-order conditions of that sum is the residual of Pareto stationarity; and
where the problem is convex a lower bound on that sum is proved, at most ``gap`` below it: so no feasible point can be
better in all objectives by more than the gap, since the weights sum to 1. An objective without weight may be better at
another point all the same: then the point is weakly optimal, and not called globally optimal, unless strong convexity
leaves no other point.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.core.certificate import Certificate, Check
from solvers.expression.evaluate import evaluate
from solvers.onelevel.answer import MinimizeAnswer, Status
from solvers.onelevel.certificates import certify as certify_one
from solvers.pareto import fronts
from solvers.pareto.answer import ParetoAnswer, PointFacts
from solvers.pareto.problem import Pareto
from solvers.pareto.stationarity import weights_at

_DEFAULTS = {"tolerance": 1e-6, "feasibility_tolerance": 1e-6, "relative_gap": 1e-4}
_RANK: tuple[Status, ...] = ("not-verified", "feasible", "locally-stationary", "globally-optimal")
VALUES_TOLERANCE = 1e-9
#: Weights below this, times slopes above 1, count as none.
NO_WEIGHT = 1e-6


@dataclass(frozen=True)
class _Point:
    facts: PointFacts
    violation: float
    bound: float | None
    wrong: tuple[Check, ...]


def certify(
    problem: Pareto, answer: ParetoAnswer, options: Mapping[str, Any] | None = None
) -> tuple[ParetoAnswer, Certificate]:
    """The settled answer, whose status is no better word than the checks give for the worst point, and the
    certificate."""
    begun = time.perf_counter()
    given = {**_DEFAULTS, **{k: v for k, v in (options or {}).items() if k in _DEFAULTS and v is not None}}
    if answer.X is None or answer.values is None:
        check = Check("point", "skipped", "there is no point to check")
        return answer, Certificate((check,), time.perf_counter() - begun)
    values = np.array([_values(problem, x) for x in answer.X])
    jacobians = problem.oracle.jacobians(answer.X) if problem.smooth else np.full((*values.shape, problem.n), np.nan)
    points = [_point(problem, x, J, given) for x, J in zip(answer.X, jacobians, strict=True)]
    checks = [_values_check(answer.values, values), *_own_checks(points, given)]
    if problem.preferences is None:
        checks.append(_dominance_check(values))
    reference = problem.reference if problem.reference is not None else fronts.reference_for(values)
    finite = values[np.isfinite(values).all(axis=1)]
    volume = fronts.hypervolume(finite, reference)
    bound = _volume_bound(problem, points, reference)
    if bound is not None:
        share = volume / bound if bound > 0.0 else 1.0
        text = f"the front has {100 * share:.4g}% of the hypervolume that any front can have"
        checks.append(Check("hypervolume-bound", "passed", text, bound - volume))
    worst = min((point.facts.status for point in points), key=_RANK.index)
    failed = any(check.outcome == "failed" for check in checks)
    settled = replace(
        answer,
        status="not-verified" if failed else worst,
        values=values,
        points=tuple(point.facts for point in points),
        hypervolume=volume,
        hypervolume_bound=bound,
        reference=reference,
        violation=max(point.violation for point in points),
    )
    return settled, Certificate(tuple(checks), time.perf_counter() - begun)


def _values(problem: Pareto, x: np.ndarray) -> np.ndarray:
    """In extended precision, by numpy."""
    given = {**problem.data, **problem.layout.split(np.asarray(x, dtype=np.longdouble))}
    return np.array(
        [float(evaluate(problem.program, f"objective{k}", given, np.longdouble)[()]) for k in range(problem.k)]
    )


def _point(problem: Pareto, x: np.ndarray, J: np.ndarray, options: Mapping[str, float]) -> _Point:
    weights = weights_at(problem, x, J)
    scalar = problem.sum_with(weights, x)
    claim = MinimizeAnswer("feasible", x=x, objective=scalar.oracle.value(x))
    checked, certificate = certify_one(scalar, claim, options)
    gap = None
    if problem.convex and checked.bound is not None and checked.objective is not None:
        gap = abs(checked.objective - checked.bound)
    felt = weights * np.maximum(1.0, np.abs(np.nan_to_num(J)).max(axis=1, initial=0.0))
    weak = float(felt.min()) < NO_WEIGHT and max(scalar.facts.modulus, scalar.least_curvature) <= 0.0
    status = checked.status
    if status == "globally-optimal" and weak:
        reached = checked.stationarity is not None and checked.stationarity <= options["tolerance"]
        status = "locally-stationary" if reached else "feasible"
    facts = PointFacts(status, checked.stationarity, gap, weights, weak)
    # not among the checks of the front: of one sum each, or done for all points
    wrong = tuple(check for check in certificate.failures if check.name != "feasibility")
    return _Point(facts, checked.violation or 0.0, checked.bound if gap is not None else None, wrong)


def _values_check(claimed: np.ndarray, values: np.ndarray) -> Check:
    difference = np.abs(claimed - values) / np.maximum(1.0, np.abs(values))
    worst = float(np.max(np.where(np.isnan(difference), np.inf, difference)))
    outcome = "passed" if worst <= VALUES_TOLERANCE else "failed"
    text = "all objectives of all points, recomputed without the engine's code"
    return Check("objectives", outcome, text, worst, VALUES_TOLERANCE, "extended")  # type: ignore[arg-type]


def _own_checks(points: list[_Point], options: Mapping[str, float]) -> list[Check]:
    count = len(points)
    violation, allowed = max(point.violation for point in points), options["feasibility_tolerance"]
    text = f"largest violation of constraints and bounds among {count} points: {violation:.2g}"
    checks = [Check("feasibility", "passed" if violation <= allowed else "failed", text, violation, allowed)]
    wrong = {check.name: check for point in points for check in point.wrong}
    checks += list(wrong.values())
    measured = [p.facts.stationarity for p in points if p.facts.stationarity is not None]
    if len(measured) == count:
        worst, allowed = max(measured), options["tolerance"]
        reached = sum(value <= allowed for value in measured)
        text = (
            f"Pareto stationarity, min |J'w|: within the tolerance at {reached} of {count} points, at worst {worst:.2g}"
        )
        checks.append(Check("stationarity", "passed" if reached == count else "skipped", text, worst, allowed))
    else:
        text = f"not smooth at {count - len(measured)} of {count} points: first-order conditions were not looked at"
        checks.append(Check("stationarity", "skipped", text))
    gaps = [p.facts.gap for p in points if p.facts.gap is not None]
    if gaps:
        proved = sum(p.facts.status == "globally-optimal" for p in points)
        weak = sum(p.facts.weak for p in points)
        text = (
            f"convex, {proved} of {count} points proved: none can be bettered in all objectives by over {max(gaps):.2g}"
        )
        if weak:
            text += (
                f"; {weak} only weakly optimal: an objective that has no weight there may be better elsewhere, with no "
                "other one worse"
            )
        checks.append(Check("global-bound", "passed" if proved == count else "skipped", text, max(gaps)))
    return checks


def _dominance_check(values: np.ndarray) -> Check:
    count = 0
    for row in values:
        count += int((((values <= row).all(axis=1)) & ((values < row).any(axis=1))).any())
    text = "no point dominates another" if not count else f"{count} points are dominated by others of the front"
    return Check("dominance", "failed" if count else "passed", text, float(count), 0.0, "exact")


def _volume_bound(problem: Pareto, points: list[_Point], reference: np.ndarray) -> float | None:
    known = [(point.facts.weights, point.bound) for point in points if point.bound is not None]
    if problem.k != 2 or not known:
        return None
    weights = np.array([w for w, _ in known])
    bounds = np.array([bound for _, bound in known], dtype=float)
    return fronts.outer_hypervolume(weights, bounds, reference)
