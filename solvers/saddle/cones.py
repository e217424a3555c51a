"""Projection onto several affine and convex quadratic constraints at once, by Clarabel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import clarabel
import numpy as np
import scipy.sparse as sp

from solvers.core.errors import UnsupportedProblem

if TYPE_CHECKING:
    from solvers.saddle.sets import Ellipsoid, Row


def nearest(
    point: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    rows: Sequence[Row],
    ellipsoids: Sequence[Ellipsoid],
    positions: np.ndarray,
) -> np.ndarray:
    """``min |x - point|^2 / 2`` over bounds, rows and ellipsoids; ``positions`` are those of x in the player's vector.

    Raises:
        UnsupportedProblem: there is no such point.
    """
    n = point.size
    place = {int(position): k for k, position in enumerate(positions)}

    def local(values: np.ndarray, where: np.ndarray) -> np.ndarray:
        full = np.zeros(n)
        full[[place[int(position)] for position in where]] = values
        return full

    A: list[np.ndarray] = []
    b: list[np.ndarray] = []
    cones: list[Any] = []
    equal = [row for row in rows if row.equality]
    if equal:
        A.append(np.array([local(row.a, row.positions) for row in equal]))
        b.append(np.array([row.b for row in equal]))
        cones.append(clarabel.ZeroConeT(len(equal)))
    below = [(local(row.a, row.positions), row.b) for row in rows if not row.equality]
    identity = np.eye(n)
    below += [(-identity[k], -lower[k]) for k in np.flatnonzero(np.isfinite(lower))]
    below += [(identity[k], upper[k]) for k in np.flatnonzero(np.isfinite(upper))]
    if below:
        A.append(np.array([a for a, _ in below]))
        b.append(np.array([value for _, value in below]))
        cones.append(clarabel.NonnegativeConeT(len(below)))
    for e in ellipsoids:
        # x'Qx/2 + q.x + r <= 0 with Q = LL': |L'x|^2 <= 2 s, s = -q.x - r
        values, vectors = np.linalg.eigh(e.Q)
        keep = values > 1e-14 * max(values[-1], 1e-300)
        factor = (vectors[:, keep] * np.sqrt(values[keep])).T
        linear = local(e.q, e.positions)
        spread = np.array([local(line, e.positions) for line in factor]).reshape(-1, n)
        # (s + 1/2, s - 1/2, L'x): the first squared less the second squared is 2 s
        A.append(np.concatenate([[linear], [linear], -spread]))
        b.append(np.concatenate([[0.5 - e.r], [-0.5 - e.r], np.zeros(spread.shape[0])]))
        cones.append(clarabel.SecondOrderConeT(spread.shape[0] + 2))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(sp.eye(n)), -point, sp.csc_matrix(np.concatenate(A)), np.concatenate(b), cones, settings
    )
    solution = solver.solve()
    if "Infeasible" in str(solution.status):
        raise UnsupportedProblem(
            "a player's bounds and constraints leave no point",
            pointer="/problem/constraints",
            hint="loosen one of them",
        )
    found: np.ndarray = np.clip(np.asarray(solution.x), lower, upper)
    return found
