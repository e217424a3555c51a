"""Infeasible subsystems: the members contradict each other, and no proper part of them does.

Linear members need no solver for either claim. A system ``a_i x <= b_i`` without a solution is irreducible exactly if
its normals have one single linear dependency and that involves every member: any part is then linearly independent,
and a system with independent normals always has a solution (J. Gleeson and J. Ryan, Identifying minimally infeasible
subsystems of inequalities, ORSA J. Comput. 2 (1990)). Dependencies are found exactly, modulo a prime.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.arithmetic import Entries
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.discrete import check_integrality
from solvers.programs.certificates.modular import PRIMES, only_dependency, residues
from solvers.programs.certificates.parts import Member, as_program, read_members, row_indices
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.primal import check_rows_and_bounds
from solvers.programs.certificates.propagation import implied_box
from solvers.programs.certificates.rays import farkas_proof
from solvers.programs.certificates.reading import read_vector
from solvers.programs.certificates.tolerances import TIME_BUDGET, Tolerances
from solvers.programs.problem import Program

#: Solves a program without objective: (a feasible point or None, a Farkas ray or None). What it says is checked.
FeasiblePoint = Callable[[Program], tuple[np.ndarray | None, np.ndarray | None]]

INFEASIBLE, IRREDUCIBLE = "iis", "iis-irreducible"

#: Most rows whose dependency is worked out in floating point.
_MOST_ROWS = 1000


def check_subsystem(case: Case, feasible_point: FeasiblePoint | None = None) -> list[Check]:
    """That the subsystem is infeasible, and (if claimed) irreducible.

    Args:
        feasible_point: used for what linear algebra cannot decide: members that are integrality conditions, and
            systems too large; each answer of it is checked.
    """
    iis, problem = case.answer.iis, case.problem
    if iis is None:
        return []
    members, complaint = read_members(problem, iis)
    if complaint:
        return [Check(INFEASIBLE, "failed", f"The infeasible subsystem is unusable: {complaint}.")]
    rows = row_indices(members)
    if problem.nonlinear is not None and any(int(i) in problem.nonlinear.rows for i in rows):
        return [Check(INFEASIBLE, "trusted", "The subsystem has nonlinear rows: it rests on the engine's word.")]
    linear = not any(member.kind == "integrality" for member in members)
    deadline = time.monotonic() + TIME_BUDGET
    complete = _depends_completely(problem, members, deadline) if linear else None
    checks = [_infeasible(case, members, rows, complete, feasible_point)]
    if iis.irreducible and checks[0].outcome != "failed":
        checks.append(_irreducible(case, members, complete, feasible_point, deadline))
    return checks


def _infeasible(
    case: Case, members: list[Member], rows: np.ndarray, complete: bool | None, feasible_point: FeasiblePoint | None
) -> Check:
    part = as_program(case.problem, members)
    entries = Entries(part.A)
    size = f"{len(members)} members" if len(members) > 1 else "one member"
    ray = read_vector(case.answer.dual_ray, case.problem.m, "")[0]
    rays = [] if ray is None else [ray[rows]]
    if complete:
        rays += _dependencies(part)
    proofs = [farkas_proof(part, entries, None, candidate, None) for candidate in rays]
    if any(proof.outcome == "passed" for proof in proofs):
        text = f"The subsystem of {size} is infeasible: its rows combine to a contradiction."
        return Check(INFEASIBLE, "passed", text)
    if implied_box(part, entries).empty:
        return Check(INFEASIBLE, "passed", f"The subsystem of {size} is infeasible by propagation.")
    if feasible_point is not None:
        x, found = feasible_point(part)
        if _is_solution(part, entries, x, case.tolerances):
            return Check(INFEASIBLE, "failed", f"The subsystem of {size} has a feasible point.")
        ray = read_vector(found, part.m, "")[0]
        if ray is not None and farkas_proof(part, entries, None, ray, None).outcome == "passed":
            return Check(
                INFEASIBLE, "passed", f"The subsystem of {size} is infeasible: its rows contradict each other."
            )
    if complete and len(proofs) >= 2 and all(proof.tolerance == 0.0 for proof in proofs[-2:]):
        text = "This is no infeasible subsystem: the only way in which its members combine is no contradiction."
        return Check(INFEASIBLE, "failed", text)
    if complete is False and case.answer.iis is not None and case.answer.iis.irreducible:
        text = (
            "This is no irreducible infeasible subsystem: its rows and bounds do not depend on each other in one way."
        )
        return Check(INFEASIBLE, "failed", text)
    return Check(INFEASIBLE, "trusted", f"That the subsystem of {size} is infeasible rests on the engine's word.")


def _irreducible(
    case: Case,
    members: list[Member],
    complete: bool | None,
    feasible_point: FeasiblePoint | None,
    deadline: float,
) -> Check:
    count = len(members)
    if complete:
        text = f"Each of the {count} members is needed: without any one of them, a feasible point exists."
        return Check(IRREDUCIBLE, "passed", text, arithmetic="exact")
    if complete is False:
        text = f"Not all of the {count} members are needed: they depend on each other in more than one way, or not all."
        return Check(IRREDUCIBLE, "failed", text, arithmetic="exact")
    if feasible_point is None:
        return Check(IRREDUCIBLE, "trusted", f"That all {count} members are needed rests on the engine's word.")
    shown = tried = 0
    for k, member in enumerate(members):
        if time.monotonic() > deadline:
            break
        tried += 1
        part = as_program(case.problem, [*members[:k], *members[k + 1 :]])
        entries = Entries(part.A)
        x, ray = feasible_point(part)
        if _is_solution(part, entries, x, case.tolerances):
            shown += 1
            continue
        y = read_vector(ray, part.m, "")[0]
        if y is not None and farkas_proof(part, entries, None, y, None).outcome == "passed":
            return Check(IRREDUCIBLE, "failed", f"Not all members are needed: {member.name} can be left out.")
    if shown == count:
        text = f"Each of the {count} members is needed: without any one of them, a feasible point was found."
        return Check(IRREDUCIBLE, "passed", text, float(shown), float(count))
    text = (
        f"Of {count} parts, {tried} were tested and {shown} shown to be feasible; the rest rests on the engine's word."
    )
    return Check(IRREDUCIBLE, "trusted", text, float(shown), float(count))


def _is_solution(part: Program, entries: Entries, x: object, tolerances: Tolerances) -> bool:
    vector = read_vector(x, part.n, "")[0]
    if vector is None:
        return False
    point = Point(part, entries, vector)
    whole = not part.integrality.any() or check_integrality(point, tolerances).outcome == "passed"
    return whole and check_rows_and_bounds(point, tolerances).outcome != "failed"


def _depends_completely(problem: Program, members: Sequence[Member], deadline: float) -> bool | None:
    """Have the members' normals exactly one linear dependency, and does it involve all? None if there was no time.

    A variable with a bound among the members makes up for whatever its rows leave over, so that only the other columns
    decide; it takes part if something is left over.
    """
    row_members = [member for member in members if member.kind == "row"]
    bounded = [member.index for member in members if member.kind == "bound"]
    if len(set(bounded)) < len(bounded) or len({member.index for member in row_members}) < len(row_members):
        return False  # both sides of a row or bound with room between them: parallel normals
    rows = np.array([member.index for member in row_members], dtype=np.int64)
    part = problem.A[rows]
    columns = np.unique(part.indices)
    dense = part[:, columns].toarray() if columns.size * rows.size <= 4_000_000 else None
    if dense is None:
        return None
    covered = np.isin(columns, bounded)
    if not np.isin(bounded, columns).all():
        return False
    for prime in PRIMES:
        matrix = residues(dense, prime)
        try:
            dependency = only_dependency(matrix[:, ~covered], prime, deadline)
        except TimeoutError:
            return None
        if dependency is None or not dependency.all():
            continue
        leftovers = np.zeros(int(covered.sum()), dtype=np.int64)
        for coefficient, row in zip(dependency.tolist(), matrix[:, covered], strict=True):
            leftovers = (leftovers + coefficient * row) % prime
        if leftovers.all():
            return True
    return False


def _dependencies(part: Program) -> list[np.ndarray]:
    """Candidates for the rows' multipliers: the null vector on the columns without bounds, with both signs; first with
    its entries rounded to multiples of the smallest, which often is exact."""
    if part.m == 0 or part.m > _MOST_ROWS:
        return []
    free = np.flatnonzero(np.isinf(part.lower) & np.isinf(part.upper))
    matrix = part.A[:, free].toarray()
    if part.m == 1:
        vector = np.ones(1)
    else:
        scale = np.linalg.norm(matrix, axis=1)
        scale[scale == 0] = 1.0
        triangle = np.linalg.qr((matrix / scale[:, None]).T, mode="r")
        vector = np.linalg.svd(triangle, full_matrices=True)[2][-1] / scale
    smallest = np.abs(vector[vector != 0]).min(initial=np.inf)
    whole = np.rint(vector / smallest) if np.isfinite(smallest) else vector
    return [whole, -whole, vector, -vector]
