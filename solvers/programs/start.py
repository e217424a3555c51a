"""A warm start: whatever is known of a good answer before the solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.answer import Basis


@dataclass(frozen=True)
class Start:
    """Attributes:
    x: n; NaN where unknown (a partial start), or None.
    row_duals: m, or None.
    basis: or None.
    """

    x: np.ndarray | None = None
    row_duals: np.ndarray | None = None
    basis: Basis | None = None
