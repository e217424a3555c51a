"""What solving the lower level anew has found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Resolved:
    """A lower solution found anew.

    Attributes:
        y: m, or None if no feasible one was found.
        value: the minimized objective there, as ``LowerLevel.value`` counts it.
        bound: below the optimal value, by duality or a search, or None.
        solver: whose branch and bound ``bound`` rests on; empty if it was summed here from multipliers.
        unbounded: the lower objective has no lower limit here.
        infeasible: no y satisfies the lower constraints here.
    """

    y: np.ndarray | None
    value: float = np.inf
    bound: float | None = None
    solver: str = ""
    unbounded: bool = False
    infeasible: bool = False
