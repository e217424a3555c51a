"""Which status may stand: the one place that decides what an answer is called after its check."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from solvers.core.certificate import Certificate, Check
from solvers.programs.answer import ProgramAnswer, Status

#: Checks of the point itself, of its optimality, and of parts without which the rest is as good as before.
_POINT = frozenset(
    {
        "primal-feasibility",
        "cones",
        "integrality",
        "semi-continuity",
        "special-ordered-sets",
        "indicators",
        "rounded-point",
    }
)
_OPTIMALITY = frozenset({"gap", "dual-bound", "best-of-pool"})
_APART = frozenset({"pool", "basis", "ranging", "iis", "iis-irreducible", "relaxation"})
_DUAL = frozenset({"dual-feasibility", "complementary-slackness", "reduced-costs"})

#: A point that violates something by more than this many times the tolerance is no solution, not an imprecise one.
GROSS = 1e3

#: Parts of an answer that are dropped when the check of this name fails, and what they become.
_PARTS: dict[str, dict[str, Any]] = {
    "dual-bound": {"bound": None},
    "pool": {"pool": ()},
    "basis": {"basis": None},
    "ranging": {"ranging": None},
    "iis": {"iis": None},
    "relaxation": {"relaxation": None},
    "farkas-ray": {"dual_ray": None},
    "unbounded-ray": {"primal_ray": None},
}
_NO_POINT: dict[str, Any] = {
    "x": None,
    "objective": None,
    "row_activity": None,
    "row_duals": None,
    "reduced_costs": None,
    "cone_duals": None,
    "basis": None,
    "ranging": None,
}


def settle(answer: ProgramAnswer, certificate: Certificate) -> ProgramAnswer:
    """The answer with the status that its certificate allows, without the parts that were found wrong, and with words.

    Only a *failed* check changes anything; a claim that could not be checked ("trusted") stands, and the certificate
    says that it rests on the engine. The rules, in this order:

    - optimal, feasible, imprecise: a point that is missing, unreadable, undefined or beyond 1000 times a tolerance is
      none: ``no-solution``. A point beyond a tolerance: ``imprecise``.
    - optimal: not proved optimal although the engine gave what should prove it, or its own bound leaves a gap, or a
      solution of its own pool is better: ``feasible``. Anything else that is wrong with objective, activity or duals:
      ``imprecise``.
    - feasible: the objective is not that of the point: ``imprecise``. Wrong multipliers change nothing but are named.
    - infeasible: a ray that proves nothing: ``no-solution``, for nothing is known then (unless the checker found a
      proof of its own). A point that is feasible after all: ``feasible``.
    - unbounded: a ray that fails leaves what the point is worth: ``feasible`` or ``no-solution``. A ray that passes,
      with a point that fails, leaves ``infeasible-or-unbounded``: that much the ray shows.
    - infeasible-or-unbounded: a ray that fails: ``no-solution``.

    A status is never raised: an ``imprecise`` answer stays imprecise whatever the checks find.
    """
    failures = {check.name: check for check in certificate.failures}
    if not failures:
        return answer
    passed = frozenset(check.name for check in certificate.checks if check.outcome == "passed")
    status = _status(answer, failures, passed)
    changes: dict[str, Any] = {}
    for name, part in _PARTS.items():
        if name in failures:
            changes |= part
    if "iis-irreducible" in failures and answer.iis is not None and "iis" not in failures:
        changes["iis"] = replace(answer.iis, irreducible=False)
    if status in ("no-solution", "infeasible-or-unbounded"):
        changes |= _NO_POINT
    words = _words(answer.status, status, list(failures.values()))
    message = f"{answer.message}\n{words}" if answer.message else words
    return replace(answer, status=status, message=message, **changes)


def _status(answer: ProgramAnswer, failures: dict[str, Check], passed: frozenset[str]) -> Status:
    claimed = answer.status
    point_fails = bool(_POINT & failures.keys())
    point_is_none = any(_gross(check) for name, check in failures.items() if name in _POINT)
    if claimed in ("optimal", "feasible", "imprecise"):
        if point_is_none:
            return "no-solution"
        if claimed == "imprecise" or point_fails:
            return "imprecise"
        if claimed == "feasible":
            return "imprecise" if failures.keys() - _APART - _DUAL - _OPTIMALITY else "feasible"
        if _OPTIMALITY & failures.keys():
            return "feasible"
        return "imprecise" if failures.keys() - _APART else claimed
    if claimed == "infeasible":
        if "infeasibility" in failures:
            return "feasible"
        return "no-solution" if "farkas-ray" in failures and "infeasibility" not in passed else claimed
    if claimed == "unbounded":
        if "unbounded-ray" in failures:
            return "no-solution" if point_fails or answer.x is None else "feasible"
        return "infeasible-or-unbounded" if point_fails else claimed
    if claimed == "infeasible-or-unbounded":
        rays = failures.keys() & {"farkas-ray", "unbounded-ray"}
        return "no-solution" if rays and "infeasibility" not in passed else claimed
    return claimed if claimed in ("no-solution", "error") else "error"


def _gross(check: Check) -> bool:
    if check.value is None or check.tolerance is None or math.isnan(check.value):
        return True
    return check.value > GROSS * check.tolerance


def _words(claimed: str, status: str, failures: list[Check]) -> str:
    found = " ".join(check.text for check in failures)
    if status == claimed:
        return f"Kantor's check found: {found}"
    return f"The engine answered {claimed!r}; after Kantor's check this is {status!r}. {found}"
