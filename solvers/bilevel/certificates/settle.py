"""Which status word may stand after the check: never a better one than the checks give."""

from __future__ import annotations

from dataclasses import replace

from solvers.bilevel.answer import BilevelAnswer, Status
from solvers.bilevel.certificates.certify import WITH_POINT
from solvers.core.certificate import Certificate, Check

#: Without these a point is worth nothing as a solution of the bilevel problem.
_BASE = ("upper-feasibility", "lower-feasibility", "objective")


def settle(answer: BilevelAnswer, certificate: Certificate) -> BilevelAnswer:
    """The answer with the status that its certificate allows, the checker's lower gap, and words.

    - globally-optimal: feasibility, objective, lower gap and bound all passed, and nothing failed; else as below.
    - locally-stationary: hypergradient and upper stationarity passed, the lower KKT conditions too, the lower gap not
      failed (for a nonconvex lower level it cannot pass: the word is about both levels' first-order conditions).
    - feasible: feasibility, objective and lower gap passed.
    - not-verified: a point is there, but that it solves the lower level was not shown, or is wrong; the upper objective
      at the only lower solution, found anew, being another says that it is wrong.

    A bound that was refuted is dropped. A status is never raised.
    """
    checks = {check.name: check for check in certificate.checks}
    if answer.status not in WITH_POINT:
        claim = next(iter(checks.values()), None)
        if claim is not None and claim.outcome == "failed":
            return replace(answer, status="no-solution", message=_words(answer, "no-solution", [claim]))
        # where an engine was when it saw that there is no end is no answer
        return replace(answer, x=None, y=None, objective=None) if answer.status == "unbounded" else answer
    if "point" in checks or "answer" in checks:
        failed = [check for check in certificate.checks if check.outcome == "failed"]
        return replace(
            answer, status="no-solution", x=None, y=None, objective=None, message=_words(answer, "no-solution", failed)
        )
    outcome: dict[str, str] = {name: check.outcome for name, check in checks.items()}
    status = _status(answer.status, outcome)
    gap = checks["lower-gap"].value if "lower-gap" in checks else None
    changed = replace(answer, status=status, lower_gap=gap)
    if outcome.get("bound") == "failed":
        changed = replace(changed, bound=None)
    if status != answer.status:
        reasons = [check for check in certificate.checks if check.outcome in ("failed", "trusted")]
        changed = replace(changed, message=_words(answer, status, reasons))
    return changed


def _status(claimed: Status, outcome: dict[str, str]) -> Status:
    base = all(outcome.get(name) == "passed" for name in _BASE)
    gap = outcome.get("lower-gap")
    other = outcome.get("objective-at-lower-solution") == "failed"
    if not base or other or gap not in ("passed", "trusted"):
        return "not-verified"
    proved = gap == "passed" and outcome.get("bound") == "passed" and "failed" not in outcome.values()
    if claimed == "globally-optimal" and proved:
        return "globally-optimal"
    steps = ("hypergradient", "upper-stationarity", "lower-stationarity")
    stationary = all(outcome.get(name) == "passed" for name in steps)
    if claimed in ("globally-optimal", "locally-stationary") and stationary:
        return "locally-stationary"
    return "feasible" if gap == "passed" and claimed != "not-verified" else "not-verified"


def _words(answer: BilevelAnswer, status: str, reasons: list[Check]) -> str:
    found = " ".join(check.text for check in reasons)
    text = f"The engine answered {answer.status!r}; after Kantor's check this is {status!r}. {found}".strip()
    return f"{answer.message}\n{text}" if answer.message else text
