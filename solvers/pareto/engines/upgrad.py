"""UPGrad's direction (Quinton, Rey 2024, by torchjd): every gradient is projected onto the cone of directions that
harm no objective, and the projections are averaged."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls

#: Added to the Gramian, relative to its trace.
REGULARIZATION = 1e-8


@cache
def _projector() -> Any:
    """``min w'Gw`` over w >= u as nonnegative least squares in w - u (Lawson, Hanson 1974), for torchjd."""
    # importing it imports torch: not before an engine solves
    from torchjd.linalg import DualConeProjector

    class Nnls(DualConeProjector):
        def __call__(self, U: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
            gramian = G.numpy()
            size = max(float(np.trace(gramian)), 1e-300)
            factor = np.linalg.cholesky(gramian / size + REGULARIZATION * np.eye(gramian.shape[0])).T
            rows = U.reshape(-1, U.shape[-1]).numpy()
            found = np.stack([u + nnls(factor, -factor @ u)[0] for u in rows])
            return torch.from_numpy(found).reshape(U.shape)

    return Nnls()


class Direction:
    """Weights of the objectives by their Jacobian, with one preference vector for each point, or none."""

    def __init__(self, preferences: np.ndarray | None = None) -> None:
        self._preferences = preferences
        self._weightings: dict[int, Any] = {}

    def weights(self, J: np.ndarray, point: int) -> np.ndarray:
        """(objectives, n) to (objectives,), for the point of that number."""
        key = -1 if self._preferences is None else point
        if key not in self._weightings:
            from torchjd.aggregation import UPGradWeighting

            leaning = None if self._preferences is None else torch.from_numpy(self._preferences[point])
            self._weightings[key] = UPGradWeighting(leaning, projector=_projector())
        found: np.ndarray = self._weightings[key](torch.from_numpy(J @ J.T)).numpy()
        return found
