"""Problems that have no optimum: what a certificate says of answers without a feasible point, and of objectives without
an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from solvers.core.certificate import Check
from solvers.onelevel import rays
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.contradiction import contradiction
from solvers.onelevel.problem import Minimize
from solvers.onelevel.values import arithmetic_of, value_of, values_at

Ended = tuple[MinimizeAnswer, list[Check]]


def without_point(problem: Minimize, answer: MinimizeAnswer, options: Mapping[str, float]) -> Ended:
    """The answer has no point at all."""
    if answer.status == "unbounded":
        ray = rays.proved(problem, problem.start, answer.ray, options["feasibility_tolerance"])
        if ray is not None:
            return _along(problem, answer, ray)
    elif answer.status != "error":
        proof = contradiction(problem, None)
        if proof is not None:
            return _infeasible(answer, proof)
    if answer.status in ("infeasible", "unbounded"):
        text = f"{answer.engine or 'the engine'} found the problem {answer.status}; no proof of that was found here"
        return answer, [Check(answer.status, "trusted", text)]
    return answer, [Check("point", "skipped", "there is no point to check")]


def without_feasible_point(problem: Minimize, answer: MinimizeAnswer) -> Ended | None:
    """The point violates constraints: perhaps every point does."""
    proof = contradiction(problem, answer.x)
    return None if proof is None else _infeasible(answer, proof)


def without_end(
    problem: Minimize, answer: MinimizeAnswer, objective: float, options: Mapping[str, float]
) -> Ended | None:
    """At a feasible point: a ray, where values or variables ran away or the engine says that there is no end."""
    assert answer.x is not None
    if answer.status != "unbounded" and not rays.suspected(problem, answer.x, objective):
        return None
    ray = rays.proved(problem, answer.x, answer.ray, options["feasibility_tolerance"])
    return None if ray is None else _along(problem, answer, ray)


def words(problem: Minimize, x: np.ndarray, objective: float, *, stationary: bool) -> str:
    """What the user should know of a point that is not proved to be optimal; empty mostly."""
    snapped = np.where(x - problem.lower <= 1e-6 * np.maximum(1.0, np.abs(x)), problem.lower, x)
    snapped = np.where(problem.upper - x <= 1e-6 * np.maximum(1.0, np.abs(x)), problem.upper, snapped)
    if not np.array_equal(snapped, x) and np.isneginf(float(value_of(problem, "objective", snapped)[0])):
        k = int(np.flatnonzero(snapped != x)[0])
        return (
            f"the objective is infinite where {problem.layout.label(k)} is at its bound {snapped[k]:g}: there "
            "the problem has no end; give a bound at which the objective is finite"
        )
    if rays.suspected(problem, x, 0.0 if stationary else objective):
        k = int(np.abs(x).argmax())
        return (
            f"{problem.layout.label(k)} went to {x[k]:.1e} and the objective to {problem.signed(objective):.1e}: the "
            "problem may be unbounded, which could not be proved; give the variables bounds"
        )
    return ""


def _infeasible(answer: MinimizeAnswer, proof: Check) -> Ended:
    ended = replace(
        answer, status="infeasible", x=None, objective=None, bound=None, multipliers=None, message=proof.text
    )
    return ended, [proof]


def _along(problem: Minimize, answer: MinimizeAnswer, ray: rays.Ray) -> Ended:
    at = values_at(problem, ray.x)
    text = f"where the ray begins, constraints and bounds are violated by {at.violation:.2g} at most"
    ended = replace(
        answer,
        status="unbounded",
        x=ray.x,
        ray=ray.direction,
        objective=problem.signed(float(at.objective)),
        bound=None,
        multipliers=None,
        violation=at.violation,
        message=ray.check.text,
    )
    return ended, [Check("feasibility", "passed", text, at.violation, None, arithmetic_of(problem)), ray.check]
