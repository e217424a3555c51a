"""A warm start: potentials that are known before the solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Start:
    """Attributes:
    f, g: (n,) and (m,) potentials in the convention of TransportAnswer; either may be None.
    """

    f: np.ndarray | None = None
    g: np.ndarray | None = None
