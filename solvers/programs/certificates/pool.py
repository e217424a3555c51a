"""A pool of solutions: each feasible, none twice, best first."""

from __future__ import annotations

import time

from solvers.core.certificate import Check
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.feasibility import feasibility_checks
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.reading import read_number, read_vector
from solvers.programs.certificates.tolerances import ARITHMETIC_TOLERANCE, TIME_BUDGET

POOL = "pool"


def check_pool(case: Case) -> Check | None:
    """Every member satisfies everything, has the objective that it claims, differs from those before and is no better.

    Nor may a member be better than the answer by more than the gap tolerance. Tests as many as there is time for.
    """
    members = case.answer.pool
    if not members:
        return None
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
        if case.answer.status == "optimal" and case.objective is not None:
            gap = case.tolerances.continuous_gap(case.objective)
            if case.discrete:
                gap = max(gap, case.tolerances.discrete_gap(case.objective))
            if case.sign * (case.objective - value) > gap:
                return _failed(k, f"with {value:.12g} it is better than the answer, which claims to be optimal")
        seen.add(vector.tobytes())
        last = value
        tested += 1
    count = len(members)
    if tested < count:
        text = f"Of {count} solutions in the pool, {tested} were checked and are right; there was no time for more."
        return Check(POOL, "trusted", text, float(tested), float(count))
    return Check(POOL, "passed", f"All {count} solutions in the pool are feasible, distinct and in order.")


def _failed(k: int, why: str) -> Check:
    return Check(POOL, "failed", f"Solution {k} of the pool is wrong: {why.rstrip('.')}.")
