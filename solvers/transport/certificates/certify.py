"""The certificate of a transport answer: every claim of it, checked on the problem as the user sent it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.core.certificate import Certificate, Check
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import others
from solvers.transport.certificates.plain import examine
from solvers.transport.certificates.settle import settle, worst
from solvers.transport.problem import Transport, TransportBatch, TransportProblem

_RANK = {"failed": 3, "trusted": 2, "passed": 1, "skipped": 0}


def certify(
    problem: TransportProblem, answer: TransportAnswer, options: Mapping[str, Any] | None = None
) -> tuple[TransportAnswer, Certificate]:
    """Check every claim of an answer. Never raises: what cannot be read or checked has failed, and says why.

    Args:
        options: of the solve: ``tolerance`` and ``marginal_tolerance`` are taken from it.

    Returns:
        The answer settled: cost and bound (objective and its bound) are those that were proved, with all roundings on
        the safe side; the plan is repaired where it needed it and is sparse; the status is no better than the checks
        allow. And the certificate.
    """
    start = time.perf_counter()
    with np.errstate(all="ignore"):
        answer, checks = _certified(problem, answer, options or {})
    return answer, Certificate(tuple(checks), time.perf_counter() - start)


def _certified(
    problem: TransportProblem, answer: TransportAnswer, options: Mapping[str, Any]
) -> tuple[TransportAnswer, list[Check]]:
    if isinstance(problem, TransportBatch):
        return _batch(problem, answer, options)
    if answer.status not in ("optimal", "feasible", "imprecise"):
        return answer, [Check("claim", "skipped", "The answer claims nothing that could be checked.")]
    try:
        look = examine if isinstance(problem, Transport) else others.examine
        found = look(problem, answer, options)  # type: ignore[arg-type]
        proved, checks = found.answer, found.checks
    except Exception as error:  # an answer must not be able to break its checker
        proved, checks = answer, [Check("plan", "failed", f"The answer cannot be checked: {error}.")]
    return settle(proved, checks), checks


def _batch(
    problem: TransportBatch, answer: TransportAnswer, options: Mapping[str, Any]
) -> tuple[TransportAnswer, list[Check]]:
    if len(answer.batch) != len(problem.problems):
        text = f"There are {len(answer.batch)} answers to {len(problem.problems)} problems."
        return replace(answer, status="error"), [Check("batch", "failed", text)]
    answers, all_checks = [], []
    for one, given in zip(problem.problems, answer.batch, strict=True):
        settled, checks = _certified(one, given, options)
        answers.append(settled)
        all_checks.append(checks)
    statuses = [one.status for one in answers]
    whole = replace(answer, batch=tuple(answers), status=worst([answer.status, *statuses]))
    return _summed(whole), merged(all_checks)


def _summed(answer: TransportAnswer) -> TransportAnswer:
    """Cost and bound of a batch are sums, where all are known."""
    changes: dict[str, Any] = {}
    for name in ("cost", "bound"):
        values = [getattr(one, name) for one in answer.batch]
        changes[name] = None if None in values else float(np.sum(values))
    return replace(answer, **changes)


def merged(groups: Sequence[Sequence[Check]]) -> list[Check]:
    """The checks of many problems as one list: of each claim, the worst case and how many there were."""
    by_name: dict[str, list[tuple[int, Check]]] = {}
    for k, checks in enumerate(groups):
        for check in checks:
            by_name.setdefault(check.name, []).append((k, check))
    found = []
    for name, entries in by_name.items():
        k, worst_check = max(entries, key=lambda entry: (_RANK[entry[1].outcome], _excess(entry[1])))
        bad = sum(check.outcome == worst_check.outcome for _, check in entries)
        counted = f"{bad} of {len(groups)}" if bad < len(groups) else f"all {len(groups)}"
        text = f"{worst_check.outcome} for {counted} problems; the worst, problem {k}: {worst_check.text}"
        found.append(replace(worst_check, name=name, text=text[:1].upper() + text[1:]))
    return found


def _excess(check: Check) -> float:
    if check.value is None:
        return 0.0
    return check.value / check.tolerance if check.tolerance else check.value
