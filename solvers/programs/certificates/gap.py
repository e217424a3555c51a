"""Is the bound proved, and does it meet the objective?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core.certificate import Check, Outcome
from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates.arithmetic import Entries
from solvers.programs.certificates.bound import SafeBound
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.duality import Dual
from solvers.programs.certificates.lattice import next_below, objective_step, rounded_up
from solvers.programs.certificates.propagation import implied_box
from solvers.programs.certificates.tolerances import ARITHMETIC_TOLERANCE, tolerances
from solvers.programs.certificates.violations import verdict
from solvers.programs.problem import Program

BOUND, GAP = "dual-bound", "gap"

#: Non-zeros up to which it is tried to refute all better points of a discrete program by propagation.
MOST_PROPAGATED = 200_000


def root_bound(
    problem: Program, multipliers: np.ndarray | None = None, options: Mapping[str, Any] | None = None
) -> float:
    """A bound of the optimal objective (lower for min, upper for max) that holds whatever the rounding.

    It is proved by weak duality on the continuous relaxation, and rounded to the next possible value of the objective
    where that is integral.

    Args:
        multipliers: of the m rows, in the user's sense, as ``ProgramAnswer.row_duals``; None: zeros, which give what
            the bounds of the variables alone imply.

    Returns:
        Minus (for max: plus) infinity if the multipliers prove nothing, or the objective is not convex.
    """
    with np.errstate(all="ignore"):
        case = Case(problem, ProgramAnswer("no-solution", row_duals=multipliers), tolerances(options))
        y = case.row_duals[0]
        dual = Dual(case, np.zeros(problem.m) if y is None else case.sign * y, None)
        bound = dual.bound(math.inf)
        value = -math.inf if bound is None else bound.value
        return case.sign * rounded_up(value, case.sign * problem.offset, objective_step(problem))


def check_continuous_optimality(case: Case) -> list[Check]:
    """What the multipliers of a continuous program prove."""
    y, complaint = case.row_duals
    s, cone_complaint = case.cone_duals
    if complaint or cone_complaint:
        return [Check("dual-feasibility", "failed", f"The duals are unusable: {complaint or cone_complaint}.")]
    given = y is not None
    dual = Dual(case, np.zeros(case.problem.m) if y is None else case.sign * y, s)
    checks: list[Check | None] = []
    if given and not case.nonlinear:
        if (
            case.answer.status != "feasible"
        ):  # multipliers on the way to an optimum claim only the bound that they prove
            checks += [dual.check_signs(), dual.check_complementarity()]
        checks.append(dual.check_reduced_costs())
    elif case.answer.reduced_costs is not None:
        checks.append(Check("reduced-costs", "trusted", "Without row duals, the reduced costs cannot be recomputed."))
    bound = dual.bound(_goal(case))
    checks.append(_bound_check(case, bound, given))
    if case.answer.status == "optimal":
        checks.append(_continuous_gap_check(case, bound, given))
    return [check for check in checks if check is not None]


def _goal(case: Case) -> float:
    """The bound that would prove all that is claimed (sense of minimization)."""
    claimed = [_claimed_bound(case), case.objective if case.answer.status == "optimal" else None]
    targets = [target for target in claimed if target is not None and math.isfinite(target)]
    return max((case.sign * target - case.tolerances.continuous_gap(target) for target in targets), default=math.inf)


def _bound_check(case: Case, bound: SafeBound | None, given: bool) -> Check | None:
    """The claimed bound, or what the multipliers prove without a claim."""
    if case.bound_complaint:
        return Check(BOUND, "failed", f"The claimed bound is unusable: {case.bound_complaint}.")
    claimed = _claimed_bound(case)
    contradiction = _contradiction(case, claimed)
    if contradiction is not None:
        return contradiction
    if bound is None:
        return Check(BOUND, "trusted", "No bound can be proved here: the objective was not shown to be convex.")
    proved = case.sign * bound.value
    if claimed is None:
        if not given:
            return Check(BOUND, "trusted", "The engine gave no multipliers that could prove a bound.")
        passed = math.isfinite(bound.value)
        text = f"The multipliers prove a bound of {proved:.12g}{_scope(case, bound)}."
        outcome = _outcome(bound) if passed else "failed"
        return Check(BOUND, outcome, text if passed else _no_bound(case, bound), proved if passed else None)
    tolerance = case.tolerances.continuous_gap(claimed)
    passed = case.sign * claimed <= bound.value + tolerance
    if passed:
        how = "The multipliers prove" if given else "The bounds of the variables alone prove"
        text = f"{how} a bound of {proved:.12g}{_scope(case, bound)}."
        return Check(BOUND, _outcome(bound), text, proved, claimed - case.sign * tolerance, _arithmetic(bound))
    if not given:
        return Check(BOUND, "trusted", f"The bound {claimed:.12g} rests on the engine's word: it gave no multipliers.")
    text = _no_bound(case, bound)
    if math.isfinite(bound.value):
        text = (
            f"The bound {claimed:.12g} was claimed, but the multipliers prove only {proved:.12g}{_scope(case, bound)}."
        )
    return Check(BOUND, "failed", text, proved if math.isfinite(proved) else None, claimed - case.sign * tolerance)


def _continuous_gap_check(case: Case, bound: SafeBound | None, given: bool) -> Check:
    """Against the proved bound; without multipliers (a global search, say) against the claimed one."""
    objective = case.objective
    if objective is None or not math.isfinite(objective):
        return Check(GAP, "failed", "Optimality was claimed without a point that has an objective.")
    tolerance = case.tolerances.continuous_gap(objective)
    gap = math.inf if bound is None else case.sign * objective - bound.value
    if bound is not None and abs(gap) <= tolerance:
        text = f"The proved bound meets the objective within {max(gap, 0.0):.3g}{_scope(case, bound)}."
        return Check(GAP, _outcome(bound), text, gap, tolerance, _arithmetic(bound))
    if gap < 0:
        text = f"The objective beats the proved bound by {-gap:.3g}: that much is owed to the point's small violations."
        return Check(GAP, "failed", text, gap, tolerance)
    if given and bound is not None:
        text = "The multipliers prove no bound, so that nothing shows the point to be optimal."
        if math.isfinite(gap):
            text = f"The objective misses the bound that the multipliers prove by {gap:.3g}."
        return Check(GAP, "failed", text, gap if math.isfinite(gap) else None, tolerance)
    claimed = _claimed_bound(case)
    if claimed is None:
        return Check(GAP, "trusted", "That no point is better rests on the engine's word.")
    tolerance = max(tolerance, _search_tolerance(case, objective))
    gap = case.sign * (objective - claimed)
    if gap > tolerance:
        text = f"Optimality was claimed, but objective and bound differ by {gap:.3g}, more than the gap asked for."
        return Check(GAP, "failed", text, gap, tolerance)
    text = "Objective and bound meet within the gap asked for; that no point is better rests on the engine's word."
    return Check(GAP, "trusted", text, max(gap, 0.0), tolerance)


def _search_tolerance(case: Case, objective: float) -> float:
    return case.tolerances.discrete_gap(objective) + ARITHMETIC_TOLERANCE * max(1.0, abs(objective))


def check_discrete_optimality(case: Case) -> list[Check]:
    """The bound of a tree search rests on the engine's word, unless the root alone proves it."""
    if case.bound_complaint:
        return [Check(BOUND, "failed", f"The claimed bound is unusable: {case.bound_complaint}.")]
    objective, claimed = case.objective, _claimed_bound(case)
    contradiction = _contradiction(case, claimed)
    optimal = case.answer.status == "optimal"
    checks = []
    target = claimed
    if optimal and objective is not None:
        target = objective - case.sign * case.tolerances.discrete_gap(objective)
    proof = None if contradiction is not None else _root_proof(case, target)
    if contradiction is not None:
        checks.append(contradiction)
    elif proof is not None:
        checks.append(Check(BOUND, "passed", proof, target))
    elif claimed is not None:
        text = f"The bound {claimed:.12g} was found by the engine's tree search and rests on its word."
        checks.append(Check(BOUND, "trusted", text, claimed))
    elif optimal:
        checks.append(Check(BOUND, "trusted", "The engine gave no bound: that no point is better rests on its word."))
    if optimal and objective is not None:
        checks.append(_discrete_gap_check(case, objective, claimed, proof is not None))
    return checks


def _discrete_gap_check(case: Case, objective: float, claimed: float | None, proved: bool) -> Check:
    tolerance = _search_tolerance(case, objective)
    if proved:
        return Check(GAP, "passed", "No point is better by more than the gap tolerance.", tolerance=tolerance)
    if claimed is None:
        return Check(GAP, "trusted", "Optimality rests on the engine's word.", tolerance=tolerance)
    gap = case.sign * (objective - claimed)
    if gap <= tolerance:
        text = f"Objective and bound differ by {max(gap, 0.0):.3g}, within the gap asked for."
    else:
        text = f"Optimality was claimed, but objective and bound differ by {gap:.3g}, more than the gap asked for."
    return Check(GAP, verdict(gap <= tolerance), text, gap, tolerance)


def _root_proof(case: Case, target: float | None) -> str | None:
    """Words for how the root alone proves that no point is better than ``target``; None if it does not."""
    if target is None or not math.isfinite(target):
        return None
    goal = case.sign * target
    y = case.row_duals[0]
    step = objective_step(case.problem)
    if y is not None:
        dual = Dual(case, case.sign * y, case.cone_duals[0])
        bound = dual.bound(goal if step is None else goal - float(step))
        if bound is not None and math.isinf(bound.reach):
            value = rounded_up(bound.value, case.sign * case.problem.offset, step)
            if value >= goal:
                return f"The multipliers of the root relaxation prove a bound of {case.sign * value:.12g}."
    if case.entries.values.size <= MOST_PROPAGATED and _refuted(case, goal):
        return f"Propagation of the rows shows that no point has an objective better than {target:.12g}."
    return None


def _refuted(case: Case, goal: float) -> bool:
    """Does propagating the rows, with one that asks for an objective below ``goal``, show that there is no point?

    Rows count with the primal tolerance: those of a program that is infeasible by rounding alone must not refute all.
    """
    problem, sign = case.problem, case.sign
    if (problem.Q is not None and problem.Q.nnz) or (problem.nonlinear and problem.nonlinear.objective is not None):
        return False
    step = objective_step(problem)
    if step == 0:
        return goal <= sign * problem.offset
    if step is not None:
        goal = next_below(goal, sign * problem.offset, step)
    limit = goal - sign * problem.offset
    limit += 1e-15 * (abs(goal) + abs(problem.offset))  # rounding: the row below asks for more than it has to
    used = np.flatnonzero(problem.c)
    row = sp.csr_array((sign * problem.c[used], used, [0, used.size]), shape=(1, problem.n))
    matrix = sp.csr_array(sp.vstack([problem.A, row], format="csr"))
    stricter = replace(
        problem,
        A=matrix,
        row_lower=np.append(problem.row_lower, -np.inf),
        row_upper=np.append(problem.row_upper, limit),
        constraint_names=None,
    )
    return bool(implied_box(stricter, Entries(matrix), slack=case.tolerances.primal).empty)


def _claimed_bound(case: Case) -> float | None:
    """The claimed bound; None if there is none, or one that says nothing."""
    claimed = case.claimed_bound
    return None if claimed is None or case.sign * claimed == -math.inf else claimed


def _contradiction(case: Case, claimed: float | None) -> Check | None:
    """A bound that the engine's own point refutes, or that would mean that there is none."""
    if claimed is not None and math.isinf(claimed):
        return Check(BOUND, "failed", f"The claimed bound {claimed} would mean that no point is feasible.")
    if claimed is None or case.objective is None or not math.isfinite(case.objective):
        return None
    tolerance = case.tolerances.continuous_gap(case.objective)
    if case.discrete:
        tolerance = max(tolerance, case.tolerances.discrete_gap(case.objective))
    excess = case.sign * (claimed - case.objective)
    if excess <= tolerance:
        return None
    text = f"The claimed bound {claimed:.12g} is refuted by the point itself, whose objective is {case.objective:.12g}."
    return Check(BOUND, "failed", text, excess, tolerance)


def _scope(case: Case, bound: SafeBound) -> str:
    """For which points a bound holds, in words; "" if for all."""
    if math.isinf(bound.reach):
        return ", using bounds that follow from the rows" if bound.implied else ""
    example = f" ({len(bound.open)}, such as {case.problem.variable_name(bound.open[0])!r})" if bound.open else ""
    beyond = "; that points beyond are no better rests on the engine's word" if bound.leans else ""
    return (
        f" for all points whose variables without bounds{example} are at most {bound.reach:,.0f} times as large{beyond}"
    )


def _outcome(bound: SafeBound) -> Outcome:
    return "trusted" if bound.leans else "passed"


def _no_bound(case: Case, bound: SafeBound) -> str:
    name = case.problem.variable_name(bound.open[0]) if bound.open else ""
    return (
        f"The multipliers prove no bound: {name!r} has no bound against its reduced cost."
        if name
        else ("The multipliers prove no bound.")
    )


def _arithmetic(bound: SafeBound) -> Any:
    return "exact" if bound.arithmetic_exact else "double"
