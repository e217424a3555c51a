"""What Kantor checks of an answer of one level, on the original problem, with code that no engine shares.

Values come from numpy in extended precision, not from torch; derivatives are torch's, and are themselves checked
against differences of those values. Multipliers are the engine's if it gave some, else found here by bounded least
squares. The lower bound of a convex problem needs no more than convexity: for every feasible y

    f(y) >= L(y) >= L(x) + r.(y - x) + (m/2)|y - x|^2,   r = grad L(x),

minimized over the bounds, with the modulus m of strong convexity where it is known.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import lsq_linear

from solvers.core.certificate import Certificate, Check
from solvers.expression.evaluate import evaluate
from solvers.onelevel import lower_bound
from solvers.onelevel.answer import MinimizeAnswer, Status
from solvers.onelevel.kkt import slope_scale
from solvers.onelevel.problem import Minimize
from solvers.onelevel.regularizers import residual as proximal_residual

#: Up to so many elements in all operations together, values are computed in extended precision.
EXTENDED_ELEMENTS = 20_000_000
#: Up to so many entries of a Jacobian, multipliers are found here if the engine gave none.
MULTIPLIER_ENTRIES = 4_000_000
DIRECTIONS = 3
DERIVATIVE_TOLERANCE = 1e-5

_DEFAULTS = {"tolerance": 1e-6, "feasibility_tolerance": 1e-6, "relative_gap": 1e-4}


@dataclass(frozen=True)
class Findings:
    """What was measured, for ``settle``.

    Attributes:
        feasible, stationary: by the checks.
        bound: proved here, of the minimized objective; None if there is none.
        trusted_bound: the engine's, where nothing better is known.
    """

    feasible: bool = False
    stationary: bool = False
    objective: float | None = None
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
    if answer.x is None:
        checks = [_without_point(answer)]
        return answer, Certificate(tuple(checks), time.perf_counter() - begun)
    checks, findings = _checked(problem, answer, answer.x, given)
    return _settled(problem, answer, findings, given), Certificate(tuple(checks), time.perf_counter() - begun)


def _without_point(answer: MinimizeAnswer) -> Check:
    if answer.status in ("infeasible", "unbounded"):
        return Check(answer.status, "trusted", f"the engine found the problem {answer.status}; nothing to recompute")
    return Check("point", "skipped", "there is no point to check")


def _checked(
    problem: Minimize, answer: MinimizeAnswer, x: np.ndarray, options: Mapping[str, float]
) -> tuple[list[Check], Findings]:
    real = _precision(problem)
    arithmetic = "extended" if real is np.longdouble else "double"
    objective, residuals = _values(problem, x, real)
    checks = [_objective_check(problem, answer, float(objective), arithmetic)]
    violation = _violation(problem, x, residuals)
    feasible = bool(np.isfinite(objective)) and violation <= options["feasibility_tolerance"]
    checks.append(
        Check(
            "feasibility",
            "passed" if feasible else "failed",
            f"largest violation of constraints, bounds and integrality: {violation:.2g}",
            violation,
            options["feasibility_tolerance"],
            arithmetic,  # type: ignore[arg-type]
        )
    )
    findings = Findings(feasible=feasible, objective=float(objective), violation=violation)
    if problem.facts.nonnegative:
        above = _gap(float(objective), 0.0)
        findings = replace(findings, bound=0.0)
        if above <= options["relative_gap"]:
            text = "the objective is never negative"
            checks.append(Check("sign-bound", "passed", text, above, options["relative_gap"], "exact"))
    if not np.isfinite(objective) or problem.integrality.any():
        if problem.integrality.any():
            checks.append(
                Check("stationarity", "skipped", "with integer variables there are no first-order conditions")
            )
        return _with_engine_bound(problem, answer, checks, findings, options)
    if not problem.smooth and not problem.regularizers:
        checks.append(Check("stationarity", "skipped", "objective or constraints are not smooth"))
        return _with_engine_bound(problem, answer, checks, findings, options)
    checks.append(_derivatives_check(problem, x, real))
    mu, lam = _multipliers(problem, answer, x)
    stationarity = _stationarity(problem, x, mu, lam)
    stationary = stationarity <= options["tolerance"] and checks[-1].outcome != "failed"
    checks.append(
        Check(
            "stationarity",
            "passed" if stationary else "skipped",
            f"residual of the first-order conditions: {stationarity:.2g}"
            + ("" if stationary else ", above the tolerance: not claimed"),
            stationarity,
            options["tolerance"],
        )
    )
    findings = replace(findings, stationary=stationary, stationarity=stationarity)
    if problem.convex:
        bound, words = lower_bound.proved(problem, x, mu, lam, float(objective))
        if bound is not None and not np.isfinite(bound):
            bound, words = None, "convex by the rules, but a slope is infinite at this point, which gives no bound"
        gap = None if bound is None else _gap(float(objective), bound)
        proved = gap is not None and gap <= options["relative_gap"]
        checks.append(Check("global-bound", "passed" if proved else "skipped", words, gap, options["relative_gap"]))
        if bound is not None and (findings.bound is None or bound > findings.bound):
            findings = replace(findings, bound=bound)
    return _with_engine_bound(problem, answer, checks, findings, options)


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
    if findings.bound is not None and _gap(findings.objective, findings.bound) <= options["relative_gap"]:
        return checks, findings
    gap = _gap(findings.objective, bound)
    if findings.feasible and bound > findings.objective + options["relative_gap"] * max(1.0, abs(findings.objective)):
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
        status = "locally-stationary" if found.stationary else "feasible"
        assert found.objective is not None
        if bound is not None and _gap(found.objective, bound) <= options["relative_gap"]:
            status = "globally-optimal"
    return replace(
        answer,
        status=status,
        objective=None if found.objective is None else problem.signed(found.objective),
        bound=None if bound is None else problem.signed(bound),
        stationarity=found.stationarity,
        violation=found.violation,
    )


def _gap(objective: float, bound: float) -> float:
    return max(0.0, objective - bound) / max(1.0, abs(objective))


def _precision(problem: Minimize) -> type[np.floating[Any]]:
    elements = sum(int(np.prod(operation.shape)) for operation in problem.program.operations)
    return np.longdouble if elements <= EXTENDED_ELEMENTS else np.float64


def _values(problem: Minimize, x: np.ndarray, real: type[np.floating[Any]]) -> tuple[Any, list[np.ndarray]]:
    given = {**problem.data, **problem.layout.split(np.asarray(x, dtype=real))}
    objective = evaluate(problem.program, "objective", given, real)
    return objective[()], [evaluate(problem.program, c.output, given, real) for c in problem.constraints]


def _violation(problem: Minimize, x: np.ndarray, residuals: list[np.ndarray]) -> float:
    """Absolute, relative to the size of the bound where that is above 1."""
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(problem.lower), problem.lower, 0.0)))
    parts = [(problem.lower - x) / size]
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(problem.upper), problem.upper, 0.0)))
    parts.append((x - problem.upper) / size)
    parts.append(np.abs(x - np.rint(x))[problem.integrality])
    for constraint, value in zip(problem.constraints, residuals, strict=True):
        sign = {"<=": value, ">=": -value, "==": np.abs(value)}[constraint.sense]
        parts.append(np.asarray(sign, dtype=np.float64).reshape(-1))
    worst = max(float(np.max(part, initial=0.0)) for part in parts)
    return worst if not any(np.isnan(part).any() for part in parts) else float("inf")


def _objective_check(problem: Minimize, answer: MinimizeAnswer, objective: float, arithmetic: Any) -> Check:
    claimed = None if answer.objective is None else problem.signed(answer.objective)
    if claimed is None or not np.isfinite(objective):
        return Check("objective", "failed", f"the objective's value is {objective}", objective, None, arithmetic)
    difference = abs(claimed - objective) / max(1.0, abs(objective))
    outcome = "passed" if difference <= 1e-9 else "failed"
    text = f"objective {problem.signed(objective):.12g}, recomputed without the engine's code"
    return Check("objective", outcome, text, difference, 1e-9, arithmetic)  # type: ignore[arg-type]


def _derivatives_check(problem: Minimize, x: np.ndarray, real: type[np.floating[Any]]) -> Check:
    """Slopes of the smooth part of the objective along random directions, by central differences."""
    random = np.random.default_rng(0)
    oracle = problem.oracle
    _, slope = oracle.gradient(x, oracle.smooth)
    if not np.isfinite(slope).all():
        return Check("derivatives", "skipped", "the objective has no finite slope at the point")
    output = "smooth" if "smooth" in problem.program.outputs else "objective"
    # where a function curves much a large step is wrong, where it is large a small one drowns in rounding: any will do
    steps = (1e-6, 1e-8, 1e-10) if real is np.longdouble else (6e-6, 1e-7)
    worst = 0.0
    for _ in range(DIRECTIONS):
        direction = random.normal(size=problem.n)
        direction *= np.maximum(1.0, np.abs(x)) / max(float(np.linalg.norm(direction)), 1e-300)
        expected = float(slope @ direction)
        size = max(1.0, abs(expected), float(np.linalg.norm(slope * direction)))
        errors = []
        for step in map(real, steps):
            ends = []
            for sign in (1, -1):
                moved = np.asarray(x, dtype=real) + sign * step * np.asarray(direction, dtype=real)
                given = {**problem.data, **problem.layout.split(moved)}
                ends.append(evaluate(problem.program, output, given, real))
            measured = float((ends[0] - ends[1]) / (2 * step))
            if not np.isfinite(measured):
                return Check("derivatives", "skipped", "the objective is not defined around the point")
            rounding = float(np.abs(ends[0])) * np.finfo(real).eps / float(step)
            errors.append(max(0.0, abs(measured - expected) - 10.0 * float(rounding)) / size)
            if errors[-1] <= DERIVATIVE_TOLERANCE:
                break
        worst = max(worst, min(errors))
    outcome = "passed" if worst <= DERIVATIVE_TOLERANCE else "failed"
    text = "gradients agree with differences of independently computed values"
    return Check("derivatives", outcome, text, worst, DERIVATIVE_TOLERANCE)  # type: ignore[arg-type]


def _multipliers(problem: Minimize, answer: MinimizeAnswer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stacked as by the oracle; inequalities' are never negative."""
    oracle = problem.oracle
    g, h = oracle.values(oracle.inequalities, x), oracle.values(oracle.equalities, x)
    if answer.multipliers is not None and len(answer.multipliers) == len(problem.constraints):
        mu = [m.reshape(-1) for m, c in zip(answer.multipliers, problem.constraints, strict=True) if c.sense != "=="]
        lam = [m.reshape(-1) for m, c in zip(answer.multipliers, problem.constraints, strict=True) if c.sense == "=="]
        return np.maximum(np.concatenate([np.zeros(0), *mu]), 0.0), np.concatenate([np.zeros(0), *lam])
    if not problem.constraints or (g.size + h.size) * problem.n > MULTIPLIER_ENTRIES:
        return np.zeros_like(g), np.zeros_like(h)
    Jg, Jh = oracle.jacobian(oracle.inequalities, x)[1], oracle.jacobian(oracle.equalities, x)[1]
    _, slope = oracle.gradient(x)
    active = g >= -1e-6 * np.maximum(1.0, np.abs(g).max(initial=0.0))
    at_lower, at_upper = x <= problem.lower + 1e-9, x >= problem.upper - 1e-9
    identity = np.eye(problem.n)
    columns = np.concatenate([Jg[active].T, Jh.T, -identity[:, at_lower], identity[:, at_upper]], axis=1)
    if not columns.shape[1] or not (np.isfinite(columns).all() and np.isfinite(slope).all()):
        return np.zeros_like(g), np.zeros_like(h)
    low = np.zeros(columns.shape[1])
    low[int(active.sum()) : int(active.sum()) + h.size] = -np.inf
    solution = lsq_linear(columns, -slope, bounds=(low, np.inf), tol=1e-14).x
    mu_all = np.zeros_like(g)
    mu_all[active] = solution[: int(active.sum())]
    return mu_all, solution[int(active.sum()) : int(active.sum()) + h.size]


def _stationarity(problem: Minimize, x: np.ndarray, mu: np.ndarray, lam: np.ndarray) -> float:
    """Largest of the projected gradient of the Lagrangian and of complementarity, relative to ``kkt.slope_scale``."""
    oracle = problem.oracle
    if problem.regularizers:
        _, slope = oracle.gradient(x, oracle.smooth)
        step = proximal_residual(problem, x, slope)
    else:
        _, slope = oracle.gradient(x, oracle.lagrangian(mu, lam))
        # not x - P(x - slope): a slope must not be lost in the rounding of a large x
        step = np.clip(slope, x - problem.upper, x - problem.lower)
    scale = slope_scale(problem, x)
    g = oracle.values(oracle.inequalities, x)
    gap = np.minimum(mu / scale, np.abs(g))
    worst = max(float(np.abs(step).max(initial=0.0)) / scale, float(gap.max(initial=0.0)))
    return worst if np.isfinite(worst) else float("inf")
