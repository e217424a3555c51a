"""The certificate of an answer: every claim of it, checked on the program as the user sent it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from solvers.core.certificate import Certificate, Check
from solvers.programs.answer import ProgramAnswer, ScenarioAnswer
from solvers.programs.certificates.basis import check_basis, check_ranging
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.feasibility import feasibility_checks
from solvers.programs.certificates.gap import check_continuous_optimality, check_discrete_optimality
from solvers.programs.certificates.iis import FeasiblePoint, check_subsystem
from solvers.programs.certificates.objective import check_activity, check_objective
from solvers.programs.certificates.pool import check_pool
from solvers.programs.certificates.primal import PRIMAL
from solvers.programs.certificates.rays import INFEASIBLE, check_infeasibility, check_unbounded_ray
from solvers.programs.certificates.relaxation import check_relaxation
from solvers.programs.certificates.tolerances import tolerances
from solvers.programs.problem import Program

Found = Check | list[Check] | None


def certify(
    problem: Program,
    answer: ProgramAnswer,
    options: Mapping[str, Any] | None = None,
    *,
    feasible_point: FeasiblePoint | None = None,
) -> Certificate:
    """Check every claim of an answer. Never raises: a claim that cannot be read or checked has failed, and says why.

    Args:
        problem: as the user sent it, never a presolved one.
        options: of the solve; tolerances and gaps are taken from it.
        feasible_point: a solver's help for infeasible subsystems with integrality conditions (see ``check_subsystem``);
            whatever it says is checked, and without it those claims are "trusted".
    """
    start = time.perf_counter()
    with np.errstate(all="ignore"):
        try:
            case = Case(problem, answer, tolerances(options))
            checks = _checks(case, feasible_point)
        except Exception as error:  # an answer must not be able to break its checker
            checks = [_broken("answer", error)]
    return Certificate(tuple(checks), time.perf_counter() - start)


def certify_scenario(problem: Program, answer: ScenarioAnswer, options: Mapping[str, Any] | None = None) -> Certificate:
    """The same for one scenario of a batch; ``problem`` is the base program with the scenario's changes applied."""
    return certify(problem, scenario_as_answer(answer), options)


def scenario_as_answer(answer: ScenarioAnswer) -> ProgramAnswer:
    """A scenario's answer in the form of an answer of its own."""
    return ProgramAnswer(
        status=answer.status,
        objective=answer.objective,
        bound=answer.bound,
        x=answer.x,
        row_duals=answer.row_duals,
    )


def _checks(case: Case, feasible_point: FeasiblePoint | None) -> list[Check]:
    status = case.answer.status
    if status in ("optimal", "feasible", "imprecise"):
        steps = _point_steps(case)
    elif status == "infeasible":
        steps = [
            (INFEASIBLE, lambda: _infeasibility(case)),
            ("iis", lambda: check_subsystem(case, feasible_point)),
            ("relaxation", lambda: check_relaxation(case)),
        ]
    elif status == "unbounded":
        steps = [
            ("unbounded-ray", lambda: check_unbounded_ray(case)),
            (PRIMAL, lambda: _starting_point(case)),
            ("objective", lambda: check_objective(case)),
        ]
    elif status == "infeasible-or-unbounded":
        steps = [("infeasible-or-unbounded", lambda: _either(case))]
    elif status in ("no-solution", "error"):
        return [Check("claim", "skipped", "The answer claims nothing that could be checked.")]
    else:
        return [Check("claim", "failed", f"The status {status!r} is none.")]
    checks: list[Check] = []
    for name, step in steps:
        try:
            found = step()
        except Exception as error:  # as above: one broken part must not hide the verdict on the others
            found = _broken(name, error)
        checks.extend(found if isinstance(found, list) else [] if found is None else [found])
    return checks


def _point_steps(case: Case) -> list[tuple[str, Callable[[], Found]]]:
    optimality = check_discrete_optimality if case.discrete else check_continuous_optimality
    return [
        (PRIMAL, lambda: _feasibility(case)),
        ("objective", lambda: check_objective(case)),
        ("row-activity", lambda: check_activity(case)),
        ("dual-bound", lambda: optimality(case)),
        ("basis", lambda: check_basis(case)),
        ("ranging", lambda: check_ranging(case)),
        ("pool", lambda: check_pool(case)),
    ]


def _feasibility(case: Case) -> list[Check]:
    if case.point is None:
        why = case.x_complaint or "no point was given"
        return [Check(PRIMAL, "failed", f"The claimed solution has no usable point: {why}.")]
    return feasibility_checks(case.point, case.cones, case.tolerances)


def _starting_point(case: Case) -> list[Check]:
    """A program is unbounded only if it has a feasible point from which to follow the ray."""
    if case.point is None and not case.x_complaint:
        text = "The engine gave no feasible point: that there is one, and not none, rests on its word."
        return [Check(PRIMAL, "trusted", text)]
    return _feasibility(case)


def _infeasibility(case: Case) -> list[Check]:
    """A feasible point refutes the claim that there is none, whatever the ray looks like."""
    if case.point is not None:
        checks = feasibility_checks(case.point, case.cones, case.tolerances)
        if all(check.outcome != "failed" for check in checks):
            text = "The program was called infeasible, but the point that came with it is feasible."
            return [Check(INFEASIBLE, "failed", text)]
    return check_infeasibility(case)


def _either(case: Case) -> list[Check]:
    """Infeasible or unbounded: a ray of either kind shows it."""
    if case.answer.dual_ray is not None:
        return check_infeasibility(case)
    if case.answer.primal_ray is not None:
        return [check_unbounded_ray(case)]
    return [Check("infeasible-or-unbounded", "trusted", "The engine gave no ray: the claim rests on its word.")]


def _broken(name: str, error: Exception) -> Check:
    return Check(name, "failed", f"This part of the answer could not be checked ({type(error).__name__}: {error}).")
