"""The certificate of an answer: every claim of it, checked on the problem as the user stated it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.certificates.bound import prove
from solvers.bilevel.certificates.case import Case, read
from solvers.bilevel.certificates.feasibility import check_level, check_objective
from solvers.bilevel.certificates.lower_gap import check_lower_gap
from solvers.bilevel.certificates.proof import BoundProof
from solvers.bilevel.certificates.stationarity import check_hypergradient, check_stationarity
from solvers.bilevel.problem import Bilevel
from solvers.core.certificate import Certificate, Check

#: Between objective and bound, relative to the objective plus its largest coefficient, of that at most one.
GAP = 1e-5

WITH_POINT = frozenset({"globally-optimal", "locally-stationary", "feasible", "not-verified"})


def certify(problem: Bilevel, answer: BilevelAnswer, options: Mapping[str, Any] | None = None) -> Certificate:
    """Check every claim of an answer. Never raises: a claim that cannot be read or checked has failed, and says why."""
    began = time.perf_counter()
    with np.errstate(all="ignore"):
        try:
            checks = _checks(problem, answer, options)
        except Exception as error:  # an answer must not be able to break its checker
            checks = [_broken("answer", error)]
    return Certificate(tuple(checks), time.perf_counter() - began)


def _checks(problem: Bilevel, answer: BilevelAnswer, options: Mapping[str, Any] | None) -> list[Check]:
    if answer.status not in WITH_POINT:
        if answer.status == "infeasible":
            return [_infeasible(problem)]
        if answer.status == "unbounded":
            return [Check("unbounded", "trusted", "That the upper level is unbounded rests on the engine's word.")]
        return [Check("claim", "skipped", "The answer claims nothing that could be checked.")]
    case = read(problem, answer, options)
    if isinstance(case, str):
        return [Check("point", "failed", f"The claimed solution has no usable point: {case}.")]
    steps: list[tuple[str, Callable[[], Check | list[Check]]]] = [
        ("upper-feasibility", lambda: check_level(case, "upper")),
        ("lower-feasibility", lambda: check_level(case, "lower")),
        ("objective", lambda: check_objective(case)),
        ("lower-gap", lambda: check_lower_gap(case)),
    ]
    if answer.hypergradient is not None or answer.status == "locally-stationary":
        steps.append(("hypergradient", lambda: check_hypergradient(case)))
        steps.append(("upper-stationarity", lambda: check_stationarity(case)))
    if answer.bound is not None or answer.status == "globally-optimal":
        steps.append(("bound", lambda: _bound(case)))
    checks: list[Check] = []
    for name, step in steps:
        try:
            found = step()
        except Exception as error:  # one broken part must not hide the verdict on the others
            found = _broken(name, error)
        checks += found if isinstance(found, list) else [found]
    return checks


def _bound(case: Case) -> Check:
    """That no point is better than the bound; for a claim of global optimality also that it meets the objective."""
    problem, answer = case.problem, case.answer
    if answer.bound is None:
        return Check("bound", "failed", "Global optimality is claimed without a bound.")
    bound = problem.signed(answer.bound)
    value = case.functions.value("upper", case.x, case.y)
    gap = (value - bound) / (case.upper_unit + abs(value))
    if answer.status == "globally-optimal" and not gap <= GAP:
        text = f"The bound {answer.bound:.10g} leaves a relative gap of {gap:.1e} to the objective."
        return Check("bound", "failed", text, float(gap), GAP)
    if not gap >= -GAP:
        text = f"The objective {problem.signed(value):.10g} is better than the bound {answer.bound:.10g}: one is wrong."
        return Check("bound", "failed", text, float(gap), GAP)
    forms = problem.forms
    if forms is None:
        return Check("bound", "trusted", "The functions are not quadratic: the bound rests on the engine.", float(gap))
    proof = prove(problem, forms, bound)
    if proof.refuted is not None and _refutes(case, proof):
        found = problem.signed(proof.refuted)
        return Check("bound", "failed", f"A point with objective {found:.10g} refutes the bound.", float(gap), 1e-6)
    if not proof.proved:
        why = proof.why or "a point that seemed better does not satisfy both levels"
        return Check("bound", "trusted", f"The bound rests on the engine: {why}.", float(gap))
    text = f"Proved anew in {proof.nodes} nodes of a branch and bound of the checker's own{_resting(proof)}."
    return Check("bound", "passed", text, float(gap), GAP)


def _refutes(case: Case, proof: BoundProof) -> bool:
    """Whether the better point stands the checks of any point."""
    if proof.point is None:
        return True
    n = case.problem.n
    other = Case(case.problem, case.answer, proof.point[:n], proof.point[n:], case.tolerances)
    x, y = other.rounded
    other = Case(case.problem, case.answer, x, y, case.tolerances)
    checks = [check_level(other, "upper"), check_level(other, "lower"), check_lower_gap(other)[0]]
    return all(check.outcome == "passed" for check in checks)


def _infeasible(problem: Bilevel) -> Check:
    forms = problem.forms
    if forms is None:
        return Check("infeasibility", "trusted", "That no point exists rests on the engine's word.")
    proof = prove(problem, forms, np.inf)
    if proof.proved:
        text = f"Proved anew in {proof.nodes} nodes{_resting(proof)}: no point satisfies both levels."
        return Check("infeasibility", "passed", text)
    if proof.refuted is not None:
        return Check("infeasibility", "failed", "There is a point that satisfies both levels.")
    return Check("infeasibility", "trusted", f"That no point exists rests on the engine: {proof.why}.")


def _resting(proof: BoundProof) -> str:
    return f", which rests on {proof.rests}" if proof.rests else ""


def _broken(name: str, error: Exception) -> Check:
    return Check(name, "failed", f"This part of the answer could not be checked ({type(error).__name__}: {error}).")
