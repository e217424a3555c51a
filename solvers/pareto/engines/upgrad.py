"""UPGrad's direction (Quinton, Rey 2024, by torchjd): every gradient is projected onto the cone of directions that
harm no objective, and the projections are averaged."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import nnls
from torchjd.aggregation import UPGradWeighting
from torchjd.linalg import DualConeProjector

#: Added to the Gramian, relative to its trace.
REGULARIZATION = 1e-8


class Nnls(DualConeProjector):
    """``min w'Gw`` over w >= u as nonnegative least squares in w - u (Lawson, Hanson 1974)."""

    def __call__(self, U: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
        gramian = G.numpy()
        size = max(float(np.trace(gramian)), 1e-300)
        factor = np.linalg.cholesky(gramian / size + REGULARIZATION * np.eye(gramian.shape[0])).T
        rows = U.reshape(-1, U.shape[-1]).numpy()
        found = np.stack([u + nnls(factor, -factor @ u)[0] for u in rows])
        return torch.from_numpy(found).reshape(U.shape)


class Direction:
    """Weights of the objectives by their Jacobian, one preference vector for all points or one for each."""

    def __init__(self, preferences: np.ndarray | None = None) -> None:
        self._projector = Nnls()
        self._preferences = preferences
        self._shared = UPGradWeighting(projector=self._projector)

    def weights(self, J: np.ndarray, point: int) -> np.ndarray:
        """(objectives, n) to (objectives,), for the point of that number."""
        gramian = torch.from_numpy(J @ J.T)
        weighting = self._shared
        if self._preferences is not None:
            weighting = UPGradWeighting(torch.from_numpy(self._preferences[point]), projector=self._projector)
        found: np.ndarray = weighting(gramian).numpy()
        return found
