"""A pool of solutions: each feasible, none twice, best first."""

from __future__ import annotations

import time

from solvers.core.certificate import Check
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.feasibility import feasibility_checks
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.reading import read_number, read_vector
from solvers.programs.certificates.tolerances import ARITHMETIC_TOLERANCE, TIME_BUDGET

POOL, BEST = "pool", "best-of-pool"


def check_pool(case: Case) -> Check | list[Check] | None:
    """Every member satisfies everything, has the objective that it claims, differs from those before and is no better.

    A right member that is better than an answer that claims to be optimal, by more than the gap, refutes that claim.
    Tests as many as there is time for.
    """
    members = case.answer.pool
    if not members:
        return None
    refutation: Check | None = None
    deadline = time.monotonic() + TIME_BUDGET
    seen: set[bytes] = set()
    last: float | None = None
    tested = 0
    for k, member in enumerate(members):
        if time.monotonic() > deadline:
            break
        vector, complaint = read_vector(getattr(member, "x", None), case.problem.n, "its point")
        claimed, objective_complaint = read_number(getattr(member, "objective", None), "its objective")
        if vector is None or claimed is None:
            return _failed(k, complaint or objective_complaint or "its point or objective is missing")
        point = Point(case.problem, case.entries, vector)
        for check in feasibility_checks(point, case.cones, case.tolerances):
            if check.outcome == "failed":
                return _failed(k, check.text)
        value = point.objective[0]
        slack = ARITHMETIC_TOLERANCE * max(1.0, abs(value)) + point.objective[1]
        if not abs(value - claimed) <= slack:
            return _failed(k, f"its objective is {value:.12g}, not {claimed:.12g}")
        if vector.tobytes() in seen:
            return _failed(k, "it is the same point as one before it")
        if last is not None and case.sign * (value - last) < -slack:
            return _failed(k, "it is better than the one before it: the pool is not sorted")
        if refutation is None and case.answer.status == "optimal" and case.objective is not None:
            refutation = _refutation(case, k, value, case.objective)
        seen.add(vector.tobytes())
        last = value
        tested += 1
    count = len(members)
    verdict = Check(POOL, "passed", f"All {count} solutions in the pool are feasible, distinct and in order.")
    if tested < count:
        text = f"Of {count} solutions in the pool, {tested} were checked and are right; there was no time for more."
        verdict = Check(POOL, "trusted", text, float(tested), float(count))
    return verdict if refutation is None else [verdict, refutation]


def _refutation(case: Case, k: int, value: float, objective: float) -> Check | None:
    gap = case.tolerances.continuous_gap(objective)
    if case.discrete:
        gap = max(gap, case.tolerances.discrete_gap(objective))
    better = case.sign * (objective - value)
    if better <= gap:
        return None
    text = (
        f"Solution {k} of the pool has the objective {value:.12g}: better than the answer, which claims to be optimal."
    )
    return Check(BEST, "failed", text, better, gap)


def _failed(k: int, why: str) -> Check:
    return Check(POOL, "failed", f"Solution {k} of the pool is wrong: {why.rstrip('.')}.")
