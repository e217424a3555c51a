"""What a batch has so far as one array of doubles, so that it outlives the process that works on it.

The array is ``[n, m, done, has base, base x (n), scenarios]``; a scenario is ``[status, objective, bound, iterations,
has x, has duals, x (n), duals (m)]``, NaN for a number that it has not.
"""

from __future__ import annotations

import math
import time
from typing import Protocol, get_args, runtime_checkable

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.programs.answer import ScenarioAnswer, Status

#: Between two copies pass so many times the seconds that one took: copies cost at most a twentieth of the batch.
PAUSES = 20.0
#: The most numbers of a copy: 32 MB, which take about 10 ms.
MOST_KEPT = 4_000_000

_STATUSES: tuple[Status, ...] = get_args(Status)
_HEAD = 4
_FIXED = 6


@runtime_checkable
class Keeping(Protocol):
    """A context that outlives the solve."""

    def keep(self, values: np.ndarray) -> None:
        """Keep this array of doubles, and let go the one before."""
        ...


class Keeper:
    """Hands what is done to a context that keeps it."""

    def __init__(self, context: object, n: int, m: int, base: np.ndarray | None) -> None:
        self._context = context if isinstance(context, Keeping) else None
        self._n, self._m = n, m
        self._base = base
        self._parts: list[np.ndarray] = []
        self._size = _HEAD + (0 if base is None else n)
        self._due = 0.0

    def add(self, answer: ScenarioAnswer) -> None:
        """The next scenario's answer, in their order."""
        if self._context is None or self._size > MOST_KEPT:
            return
        part = _packed(answer)
        self._size += part.size
        self._parts.append(part)
        now = time.monotonic()
        if now >= self._due and self._size <= MOST_KEPT:
            head = np.array([self._n, self._m, len(self._parts), self._base is not None], dtype=np.float64)
            base = () if self._base is None else (self._base,)
            done = np.concatenate(self._parts)
            self._context.keep(np.concatenate([head, *base, done]))
            spent = time.monotonic() - now
            self._due = now + spent + PAUSES * spent


def unpack(values: np.ndarray, n: int, m: int) -> tuple[np.ndarray | None, list[ScenarioAnswer]]:
    """The base point and the scenarios that were done. None of it is certified: the process that wrote it has failed.

    Raises:
        InvalidProblem: the array is not one of a batch on a program of n variables and m rows.
    """
    try:
        if values[:2].tolist() != [n, m]:
            raise ValueError
        done, at = int(values[2]), _HEAD
        base = None
        if values[3]:
            base, at = values[at : at + n], at + n
        answers = []
        for _ in range(done):
            answer, at = _unpacked(values, at, n, m)
            answers.append(answer)
    except (ValueError, IndexError) as error:
        raise InvalidProblem("what the batch had done cannot be read") from error
    return base, answers


def _packed(answer: ScenarioAnswer) -> np.ndarray:
    numbers = [answer.objective, answer.bound, answer.iterations]
    fixed = [
        float(_STATUSES.index(answer.status)),
        *(math.nan if number is None else float(number) for number in numbers),
        float(answer.x is not None),
        float(answer.row_duals is not None),
    ]
    arrays = [array for array in (answer.x, answer.row_duals) if array is not None]
    return np.concatenate([np.array(fixed), *arrays])


def _unpacked(values: np.ndarray, at: int, n: int, m: int) -> tuple[ScenarioAnswer, int]:
    status, objective, bound, iterations, has_x, has_duals = values[at : at + _FIXED].tolist()
    at += _FIXED
    x = duals = None
    if has_x:
        x, at = values[at : at + n].copy(), at + n
    if has_duals:
        duals, at = values[at : at + m].copy(), at + m
    if at > values.size:
        raise IndexError(at)
    answer = ScenarioAnswer(
        status=_STATUSES[int(status)],
        objective=None if math.isnan(objective) else objective,
        bound=None if math.isnan(bound) else bound,
        x=x,
        row_duals=duals,
        certified=False,
        iterations=None if math.isnan(iterations) else int(iterations),
    )
    return answer, at
