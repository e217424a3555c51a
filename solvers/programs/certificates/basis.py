"""A basis and its sensitivity ranges: do they fit the program and the point?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.answer import AT_UPPER, BASIC, BASIS_WORDS, FREE
from solvers.programs.certificates.arithmetic import some
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.reading import read_integers

BASIS, RANGING = "basis", "ranging"


def check_basis(case: Case) -> Check | None:
    """As many basic members as rows, and every other one at the bound that its status names.

    That the basis matrix is regular is not checked.
    """
    basis, problem = case.answer.basis, case.problem
    if basis is None:
        return None
    variables, complaint = read_integers(getattr(basis, "variables", None), problem.n, "the variables' status")
    rows, row_complaint = read_integers(getattr(basis, "rows", None), problem.m, "the rows' status")
    if variables is None or rows is None:
        why = complaint or row_complaint or "a part is missing"
        return Check(BASIS, "failed", f"The basis is unusable: {why}.")
    for status, name, kind in (
        (variables, problem.variable_name, "variable"),
        (rows, problem.constraint_name, "row"),
    ):
        if status.size and (status.min() < 0 or status.max() >= len(BASIS_WORDS)):
            k = int(((status < 0) | (status >= len(BASIS_WORDS))).argmax())
            return Check(BASIS, "failed", f"The basis status {status[k]} of {kind} {name(k)!r} is none.")
    basic = int(np.count_nonzero(variables == BASIC) + np.count_nonzero(rows == BASIC))
    if basic != problem.m:
        text = f"The basis has {basic} basic members, where a basis of {problem.m} rows has {problem.m}."
        return Check(BASIS, "failed", text, float(basic), float(problem.m))
    if case.point is None:
        return Check(BASIS, "passed", f"The basis has {problem.m} basic members.", float(basic), float(problem.m))
    parts = (
        (variables, case.point.x, problem.lower, problem.upper, problem.variable_name, "variable"),
        (rows, case.point.activity.value, problem.row_lower, problem.row_upper, problem.constraint_name, "row"),
    )
    for status, value, lower, upper, name, kind in parts:
        fault = _misplaced(status, value, lower, upper, case.tolerances.primal)
        if fault is not None:
            k, word = fault
            text = f"The basis says that {kind} {name(k)!r} is {word}, but its value is {value[k]:.9g}."
            return Check(BASIS, "failed", text)
    return Check(BASIS, "passed", f"The basis has {basic} basic members, and all others are where it says.")


def _misplaced(
    status: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray, tolerance: float
) -> tuple[int, str] | None:
    """The first member that is not where its status says, with that status in words."""

    place = np.where(status == AT_UPPER, upper, lower)
    place = np.where(status == FREE, 0.0, np.where(status == BASIC, value, place))
    wrong = np.isinf(place) | ~(np.abs(value - place) <= tolerance * np.maximum(1.0, np.abs(place)))
    special = status >= FREE
    if some(special):
        bounded = np.isfinite(lower) | np.isfinite(upper)
        wrong |= special & np.where(status == FREE, bounded, lower != upper)
    if not some(wrong):
        return None
    k = int(wrong.argmax())
    return k, BASIS_WORDS[int(status[k])]


def check_ranging(case: Case) -> Check | None:
    """The ranges contain the present numbers. Their ends rest on the engine's word."""
    ranging, problem = case.answer.ranging, case.problem
    if ranging is None:
        return None
    pairs: tuple[tuple[str, str, np.ndarray, Callable[[int], str]], ...] = (
        ("cost_down", "cost_up", problem.c, problem.variable_name),
    )
    for low_name, high_name, present, name in pairs:
        low, low_complaint = _read_range(getattr(ranging, low_name, None), present.size, low_name)
        high, high_complaint = _read_range(getattr(ranging, high_name, None), present.size, high_name)
        if low is None or high is None:
            return Check(RANGING, "failed", f"The ranging is unusable: {low_complaint or high_complaint}.")
        slack = case.tolerances.dual * np.maximum(1.0, np.abs(present))
        outside = np.flatnonzero(~((low <= present + slack) & (present <= high + slack)))
        if outside.size:
            k = int(outside[0])
            text = f"The range [{low[k]:.9g}, {high[k]:.9g}] of {name(k)!r} does not contain its cost {present[k]:.9g}."
            return Check(RANGING, "failed", text)
    for names, size in ((("row_down", "row_up"), problem.m), (("bound_down", "bound_up"), problem.n)):
        low, low_complaint = _read_range(getattr(ranging, names[0], None), size, names[0])
        high, high_complaint = _read_range(getattr(ranging, names[1], None), size, names[1])
        if low is None or high is None:
            return Check(RANGING, "failed", f"The ranging is unusable: {low_complaint or high_complaint}.")
        crossed = np.flatnonzero(~(low <= high + case.tolerances.primal * np.maximum(1.0, np.abs(high))))
        if crossed.size:
            text = f"The range of {names[0]} to {names[1]} is empty at position {int(crossed[0])}."
            return Check(RANGING, "failed", text)
    return Check(RANGING, "trusted", "The ranges contain the present numbers; their ends rest on the engine's word.")


def _read_range(given: object, size: int, what: str) -> tuple[np.ndarray | None, str]:
    """Like ``read_vector``, but infinite entries are allowed."""
    try:
        vector = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None, f"{what} is not an array of numbers"
    if vector.shape != (size,) or np.isnan(vector).any():
        return None, f"{what} must have {size} numbers"
    return vector, ""
