"""What a training is to the comparison of schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Of one training.

    Attributes:
        loss: what schedules are compared by; infinite if it diverged.
        other: a second number for the table.
        norms: (steps,) of the gradients, in the norm of the task.
    """

    loss: float
    other: float
    norms: Array


@dataclass(frozen=True)
class Task:
    """A training that can be done with any schedule.

    Attributes:
        rates: base rates to choose from.
        norm: of the gradients that refinement needs: l2 for SGD, l1 for Adam.
        train: (base rate, (steps,) curve, seed) to what came of it.
    """

    name: str
    note: str
    steps: int
    rates: tuple[float, ...]
    norm: Literal["l2", "l1"]
    other: str
    train: Callable[[float, Array, int], Outcome]
