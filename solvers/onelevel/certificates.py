"""What Kantor checks of an answer of one level, on the original problem, with code that no engine shares.

Values come from numpy in extended precision, not from torch, with bounds on their rounding; derivatives are torch's,
and are themselves checked against differences of those values. Multipliers are the engine's if it gave some, else found
here by bounded least squares. The lower bound of a convex problem needs no more than convexity: for every feasible y

    f(y) >= L(y) >= L(x) + r.(y - x) + (m/2)|y - x|^2,   r = grad L(x),

minimized over the bounds, with the modulus m of strong convexity where it is known. A point proves itself optimal if it
is close to such a bound on either side: one that is far below owes that to the tolerance of its constraints.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from solvers.core.certificate import Certificate, Check
from solvers.onelevel import endings, lower_bound
from solvers.onelevel.answer import MinimizeAnswer, Status
from solvers.onelevel.first_order import derivatives_check, multipliers_at, stationarity_at
from solvers.onelevel.problem import Minimize
from solvers.onelevel.values import Values, arithmetic_of, values_at

#: However large a gap is accepted as the end of a search, an answer with more than this is not called optimal.
LARGEST_GAP = 0.1

_DEFAULTS = {"tolerance": 1e-6, "feasibility_tolerance": 1e-6, "relative_gap": 1e-4}


@dataclass(frozen=True)
class Findings:
    """What was measured, for ``settle``.

    Attributes:
        feasible, stationary: by the checks.
        error: what rounding may have changed in ``objective``.
        bound: proved here, of the minimized objective; None if there is none.
        trusted_bound: the engine's, where nothing better is known.
    """

    feasible: bool = False
    stationary: bool = False
    objective: float | None = None
    error: float = 0.0
    violation: float | None = None
    stationarity: float | None = None
    bound: float | None = None
    trusted_bound: float | None = None


def certify(
    problem: Minimize, answer: MinimizeAnswer, options: Mapping[str, Any] | None = None
) -> tuple[MinimizeAnswer, Certificate]:
    """The settled answer, whose status is no better word than the checks give, and the certificate."""
    begun = time.perf_counter()
    given = {**_DEFAULTS, **{k: v for k, v in (options or {}).items() if k in _DEFAULTS and v is not None}}
    given["relative_gap"] = min(given["relative_gap"], LARGEST_GAP)
    settled, checks = _ended(problem, answer, given)
    return settled, Certificate(tuple(checks), time.perf_counter() - begun)


def _ended(
    problem: Minimize, answer: MinimizeAnswer, options: Mapping[str, float]
) -> tuple[MinimizeAnswer, list[Check]]:
    if answer.x is None:
        return endings.without_point(problem, answer, options)
    checks, findings = _checked(problem, answer, answer.x, options)
    settled = _settled(problem, answer, findings, options)
    if settled.status == "globally-optimal":
        return settled, checks
    if not findings.feasible:
        return endings.without_feasible_point(problem, answer) or (settled, checks)
    assert findings.objective is not None
    ended = endings.without_end(problem, answer, findings.objective, options)
    if ended is not None:
        return ended
    if answer.status == "unbounded":
        text = f"{answer.engine or 'the engine'} found the problem unbounded; no proof of that was found here"
        return replace(settled, status="unbounded", bound=None), [*checks, Check("unbounded", "trusted", text)]
    stationary = settled.status == "locally-stationary"
    words = settled.message or endings.words(problem, answer.x, findings.objective, stationary=stationary)
    return replace(settled, message=words), checks


def _checked(
    problem: Minimize, answer: MinimizeAnswer, x: np.ndarray, options: Mapping[str, float]
) -> tuple[list[Check], Findings]:
    allowed = options["feasibility_tolerance"]
    at = values_at(problem, x)
    objective = float(at.objective)
    checks = [_objective_check(problem, answer, at)]
    feasible = bool(np.isfinite(objective)) and at.violation <= allowed
    text = f"largest violation of constraints, bounds and integrality: {at.violation:.2g}"
    checks.append(_feasibility("feasibility", feasible, text, at.violation, allowed, problem))
    rounded = np.where(problem.integrality, np.rint(x), x)
    if feasible and not np.array_equal(rounded, x):
        there = values_at(problem, rounded)
        feasible = bool(np.isfinite(float(there.objective))) and there.violation <= allowed
        text = f"with its integer variables rounded, the point violates constraints by {there.violation:.2g} at most"
        checks.append(_feasibility("rounded-point", feasible, text, there.violation, allowed, problem))
    findings = Findings(feasible=feasible, objective=objective, error=at.error, violation=at.violation)
    if problem.facts.nonnegative and np.isfinite(objective):
        findings = replace(findings, bound=0.0)
        verdict = _verdict(findings, 0.0, options)
        if verdict != "skipped":
            text = f"the objective is never negative; within {abs(objective):.2g} of the optimum"
            text = text if verdict == "passed" else _beaten(0.0, "the objective's sign")
            above = _gap(objective, 0.0)
            checks.append(Check("sign-bound", verdict, text, above, options["relative_gap"], arithmetic_of(problem)))
    if not np.isfinite(objective) or not np.isfinite(x).all() or problem.integrality.any():
        if problem.integrality.any():
            checks.append(
                Check("stationarity", "skipped", "with integer variables there are no first-order conditions")
            )
        return _with_engine_bound(problem, answer, checks, findings, options)
    if not problem.smooth and not problem.regularizers:
        checks.append(Check("stationarity", "skipped", "objective or constraints are not smooth"))
        return _with_engine_bound(problem, answer, checks, findings, options)
    findings = _by_slopes(problem, answer, x, at, checks, findings, options)
    return _with_engine_bound(problem, answer, checks, findings, options)


def _by_slopes(
    problem: Minimize,
    answer: MinimizeAnswer,
    x: np.ndarray,
    at: Values,
    checks: list[Check],
    findings: Findings,
    options: Mapping[str, float],
) -> Findings:
    """What derivatives tell: stationarity, and of a convex problem a bound. Nothing, where they are not confirmed."""
    near = options["feasibility_tolerance"] * at.inequality_scales(problem)
    mu, lam = multipliers_at(problem, answer, x, near)
    derivatives, confirmed = derivatives_check(problem, x, mu, lam)
    checks.append(derivatives)
    stationarity = stationarity_at(problem, x, mu, lam, near)
    stationary = stationarity <= options["tolerance"] and confirmed
    text = f"residual of the first-order conditions, relative to slopes above 1: {stationarity:.2g}"
    text += (
        "" if stationary else ", above the tolerance: not claimed" if confirmed else ", but slopes are not confirmed"
    )
    outcome: Literal["passed", "skipped"] = "passed" if stationary else "skipped"
    checks.append(Check("stationarity", outcome, text, stationarity, options["tolerance"]))
    findings = replace(findings, stationary=stationary, stationarity=stationarity)
    if not problem.convex:
        return findings
    if not confirmed:
        checks.append(Check("global-bound", "skipped", "convex by the rules, but slopes are not confirmed"))
        return findings
    centre = np.clip(x, problem.lower, problem.upper)
    bound = lower_bound.proved(problem, centre, mu, lam)
    if bound.value is None:
        checks.append(Check("global-bound", "skipped", bound.words, None, options["relative_gap"]))
        return findings
    assert findings.objective is not None
    gap, verdict = _gap(findings.objective, bound.value), _verdict(findings, bound.value, options)
    allowed = options["relative_gap"] * max(1.0, abs(findings.objective))
    if verdict != "failed" and lower_bound.doubtful(problem, bound, centre, mu, lam, allowed):
        text = f"{bound.words}; but terms cancel so far that rounding may hide a lower value: no bound is claimed"
        checks.append(Check("global-bound", "skipped", text, None, options["relative_gap"]))
        return findings
    words = _beaten(problem.signed(bound.value), "its tangents") if verdict == "failed" else bound.words
    if verdict == "passed":
        words += f"; within {abs(findings.objective - bound.value):.2g} of the optimum"
    checks.append(Check("global-bound", verdict, words, gap, options["relative_gap"]))
    if findings.bound is None or bound.value > findings.bound:
        findings = replace(findings, bound=bound.value)
    return findings


def _with_engine_bound(
    problem: Minimize,
    answer: MinimizeAnswer,
    checks: list[Check],
    findings: Findings,
    options: Mapping[str, float],
) -> tuple[list[Check], Findings]:
    """An engine's bound counts, as its word, where none is proved here."""
    if answer.bound is None or not np.isfinite(answer.bound) or findings.objective is None:
        return checks, findings
    bound = problem.signed(answer.bound)
    if findings.bound is not None and _verdict(findings, findings.bound, options) == "passed":
        return checks, findings
    gap = _gap(findings.objective, bound)
    if findings.feasible and _verdict(findings, bound, options) == "failed":
        text = f"{answer.engine} claims the bound {answer.bound:.9g}, but this feasible point is better"
        return [*checks, Check("engine-bound", "failed", text, bound - findings.objective)], findings
    checks.append(Check("engine-bound", "trusted", f"{answer.engine} bounds the optimum by {answer.bound:.9g}", gap))
    return checks, replace(findings, trusted_bound=bound)


def _settled(
    problem: Minimize, answer: MinimizeAnswer, found: Findings, options: Mapping[str, float]
) -> MinimizeAnswer:
    bound = found.bound
    if found.trusted_bound is not None and (bound is None or found.trusted_bound > bound):
        bound = found.trusted_bound
    status: Status = "not-verified"
    if found.feasible:
        verdict = "skipped" if bound is None else _verdict(found, bound, options)
        status = "locally-stationary" if found.stationary and verdict != "failed" else "feasible"
        if verdict == "passed":
            status = "globally-optimal"
    return replace(
        answer,
        status=status,
        objective=None if found.objective is None else problem.signed(found.objective),
        bound=None if bound is None else problem.signed(bound),
        stationarity=found.stationarity,
        violation=found.violation,
    )


def _verdict(found: Findings, bound: float, options: Mapping[str, float]) -> Literal["passed", "failed", "skipped"]:
    """Of a bound: met within the gap; beaten by more than the gap, so that it or the point is wrong; or neither."""
    assert found.objective is not None
    allowed = options["relative_gap"] * max(1.0, abs(found.objective))
    if found.objective + found.error < bound - allowed:
        # a point that is not feasible may be better than any that is
        return "failed" if found.feasible else "skipped"
    return "passed" if abs(found.objective - bound) + found.error <= allowed else "skipped"


def _beaten(bound: float, source: str) -> str:
    return (
        f"no point that satisfies the constraints exactly is better than {bound:.9g} (by {source}), but this one is: "
        "it owes that to the tolerance of the constraints"
    )


def _gap(objective: float, bound: float) -> float:
    return abs(objective - bound) / max(1.0, abs(objective))


def _feasibility(name: str, feasible: bool, text: str, violation: float, allowed: float, problem: Minimize) -> Check:
    return Check(name, "passed" if feasible else "failed", text, violation, allowed, arithmetic_of(problem))


def _objective_check(problem: Minimize, answer: MinimizeAnswer, at: Values) -> Check:
    claimed = None if answer.objective is None else problem.signed(answer.objective)
    objective, arithmetic = float(at.objective), arithmetic_of(problem)
    if claimed is None or not np.isfinite(objective):
        return Check("objective", "failed", f"the objective's value is {objective}", objective, None, arithmetic)
    difference = abs(claimed - objective) / max(1.0, abs(objective))
    text = f"objective {problem.signed(objective):.12g}, recomputed without the engine's code"
    return Check("objective", "passed" if difference <= 1e-9 else "failed", text, difference, 1e-9, arithmetic)
