"""The worst violation of two-sided constraints, decided without doubt."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from solvers.core.certificate import Arithmetic, Outcome
from solvers.programs.certificates.arithmetic import UNIT, Bounded, some


def verdict(passed: bool) -> Outcome:
    return "passed" if passed else "failed"


@dataclass(frozen=True, slots=True)
class Violation:
    """By how much the worst member is beyond one of its sides.

    Attributes:
        index, side, limit: the member, its side and that side's value.
        amount: zero if every member is within its sides; NaN if the member is not defined.
        allowed: ``tolerance * max(1, |limit|)``.
        failures: how many members are beyond what is allowed (at least 1 if any is).
    """

    index: int
    side: Literal["lower", "upper"]
    limit: float
    amount: float
    allowed: float
    failures: int
    arithmetic: Arithmetic

    @property
    def relative(self) -> float:
        return self.amount / max(1.0, abs(self.limit))


def worst_violation(
    value: Bounded,
    lower: np.ndarray,
    upper: np.ndarray,
    tolerance: float | np.ndarray,
    exact: Callable[..., float],
) -> Violation | None:
    """The member that is furthest beyond what is allowed, or beyond its sides; None if there are no members.

    Args:
        exact: ``exact(i, *more)`` is member i's exact value plus ``more``, rounded, its sign exact; NaN if undefined.
    """
    if not value.value.size:
        return None
    below, above = lower - value.value, value.value - upper
    allowed_below = tolerance * np.maximum(1.0, np.abs(lower))
    allowed_above = tolerance * np.maximum(1.0, np.abs(upper))
    excess = np.maximum(below - allowed_below, above - allowed_above)
    margin = value.error + 4 * UNIT * (1.0 + np.abs(value.value))
    unsettled = ~(excess < -margin)
    amounts = np.maximum(below, above)
    worst, failures = int(amounts.argmax()), 0
    arithmetic: Arithmetic = "double"
    if some(unsettled):
        candidates = np.flatnonzero(unsettled)
        certain = candidates[excess[candidates] > margin[candidates]]
        if certain.size:
            worst, failures = int(certain[excess[certain].argmax()]), int(certain.size)
        else:
            arithmetic = "exact"
            failing = [
                i
                for i in candidates.tolist()
                if not (lower[i] == -np.inf or exact(i, -lower[i], allowed_below[i]) >= 0.0)
                or not (upper[i] == np.inf or exact(i, -upper[i], -allowed_above[i]) <= 0.0)
            ]
            worst, failures = (failing[0], len(failing)) if failing else (worst, 0)
    at_lower = not below[worst] < above[worst]
    amount = float(amounts[worst])
    if arithmetic == "exact":
        amounts_exactly = [
            -exact(worst, -lower[worst]) if lower[worst] > -np.inf else -math.inf,
            exact(worst, -upper[worst]) if upper[worst] < np.inf else -math.inf,
        ]
        at_lower = not amounts_exactly[0] < amounts_exactly[1]
        undefined = any(math.isnan(one) for one in amounts_exactly)
        amount = math.nan if undefined else max(amounts_exactly)
    allowed = float(allowed_below[worst] if at_lower else allowed_above[worst])
    return Violation(
        index=worst,
        side="lower" if at_lower else "upper",
        limit=float(lower[worst] if at_lower else upper[worst]),
        amount=0.0 if amount < 0.0 else amount,
        allowed=allowed if math.isfinite(allowed) else float(np.max(tolerance)),
        failures=failures,
        arithmetic=arithmetic,
    )
