"""Which status may stand: the one place that decides what a transport answer is called after its check."""

from __future__ import annotations

from dataclasses import replace

from solvers.core.certificate import Check
from solvers.transport.answer import Status, TransportAnswer

#: Checks that decide whether an answer is optimal; when they fail, it is feasible.
_OPTIMALITY = frozenset({"gap", "regularized-gap"})

#: Without these there is nothing to use.
_FATAL = frozenset({"plan"})

_FROM_BEST = ("optimal", "feasible", "imprecise", "no-solution", "error")


def settle(answer: TransportAnswer, checks: list[Check]) -> TransportAnswer:
    """The answer with the status that its checks allow; never a better one than it had. In this order:

    - an answer without a usable plan: ``no-solution``;
    - ``optimal`` whose gap is open: ``feasible``; anything else that failed: ``imprecise``.

    A claim that rests on the engine ("trusted") stands; the certificate says so.
    """
    failures = {check.name: check for check in checks if check.outcome == "failed"}
    if not failures or answer.status in ("no-solution", "error"):
        return answer
    status: Status
    if _FATAL & failures.keys():
        status = "no-solution"
    elif answer.status != "imprecise" and failures.keys() <= _OPTIMALITY:
        status = "feasible"
    else:
        status = "imprecise"
    found = " ".join(check.text for check in failures.values())
    words = (
        f"Kantor's check found: {found}"
        if status == answer.status
        else f"The engine answered {answer.status!r}; after Kantor's check this is {status!r}. {found}"
    )
    message = f"{answer.message}\n{words}" if answer.message else words
    if status == "no-solution":
        return replace(
            answer,
            status=status,
            message=message,
            plan=None,
            cost=None,
            bound=None,
            objective=None,
            objective_bound=None,
        )
    return replace(answer, status=status, message=message)


def worst(statuses: list[Status]) -> Status:
    """Of the answers of a batch."""
    return max(statuses, key=_FROM_BEST.index)
