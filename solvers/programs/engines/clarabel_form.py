"""The conic form ``min x'Px/2 + q'x`` subject to ``Ax + s = b``, s in a product of cones, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.programs.problem import Program


class ConicForm:
    """A continuous convex program in Clarabel's form: equations, then upper sides, then lower sides, then cones.

    Attributes:
        P, q, A, b: in the sense of minimization; P's upper triangle.
    """

    def __init__(self, problem: Program) -> None:
        self._problem = problem
        self._sign = 1.0 if problem.sense == "min" else -1.0
        rows = _sides(problem.row_lower, problem.row_upper)
        own = _sides(problem.lower, problem.upper)
        identity = sp.eye_array(problem.n, format="csr")
        blocks: list[Any] = []
        offsets: list[np.ndarray] = []
        self._equal, self._above, self._below = rows
        self._counts: list[int] = []
        for k, turn in ((0, 1.0), (1, 1.0), (2, -1.0)):
            blocks += [turn * problem.A[rows[k]], turn * identity[own[k]]]
            low = k == 2
            offsets += [turn * (problem.row_lower if low else problem.row_upper)[rows[k]]]
            offsets += [turn * (problem.lower if low else problem.upper)[own[k]]]
            self._counts += [rows[k].size, own[k].size]
        for cone in problem.cones:
            blocks.append(-cone.F)
            offsets.append(cone.g)
        self.A = sp.csc_matrix(sp.vstack(blocks, format="csc"))
        self.b = np.concatenate(offsets)
        self.q = self._sign * problem.c
        empty = sp.csc_matrix((problem.n, problem.n))
        self.P = empty if problem.Q is None else sp.csc_matrix(sp.triu(self._sign * problem.Q, format="csc"))

    def cones(self) -> list[Any]:
        """Clarabel's cones, in the order of the rows."""
        import clarabel

        equations, inequalities = sum(self._counts[:2]), sum(self._counts[2:])
        found: list[Any] = []
        if equations:
            found.append(clarabel.ZeroConeT(equations))
        if inequalities:
            found.append(clarabel.NonnegativeConeT(inequalities))
        found.extend(clarabel.SecondOrderConeT(cone.g.size) for cone in self._problem.cones)
        return found

    def objective(self, cost: float) -> float:
        """The user's objective value of a cost in this form."""
        return self._sign * cost + self._problem.offset

    def row_duals(self, z: np.ndarray) -> np.ndarray:
        """The rows' multipliers in the user's sense. ``Px + q + A'z = 0`` makes an upper side's dual ``-z``."""
        parts = np.split(z, np.cumsum(self._counts))
        y = np.zeros(self._problem.m)
        y[self._equal] = -parts[0]
        y[self._above] -= parts[2]
        y[self._below] += parts[4]
        return self._sign * y + 0.0

    def infeasibility(self, z: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Farkas multipliers of rows and cones: they do not depend on the sense of the objective."""
        return self._sign * self.row_duals(z) + 0.0, self.cone_duals(z)

    def cone_duals(self, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """One vector for each cone, in the sense of minimization."""
        sizes = [cone.g.size for cone in self._problem.cones]
        return tuple(np.split(z[sum(self._counts) :], np.cumsum(sizes)[:-1])) if sizes else ()


def _sides(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices with equal sides, with a finite upper side, with a finite lower side."""
    equal = low == high
    return (
        np.flatnonzero(equal),
        np.flatnonzero(np.isfinite(high) & ~equal),
        np.flatnonzero(np.isfinite(low) & ~equal),
    )
