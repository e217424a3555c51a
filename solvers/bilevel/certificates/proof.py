"""What a checker of bounds concludes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BoundProof:
    """``proved``: no point of the problem is better; ``refuted``: the objective of one that is, ``point`` (x, y);
    neither: not decided, ``why`` says why. ``rests``: what a proof takes on another solver's word; empty if nothing."""

    proved: bool = False
    refuted: float | None = None
    nodes: int = 0
    why: str = ""
    rests: str = ""
    point: np.ndarray | None = None
