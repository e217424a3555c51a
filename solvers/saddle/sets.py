"""The players' sets and the projection onto them.

Bounds alone: clipping. One affine constraint on variables that no other constraint touches (a simplex, a budget):
the shift along its normal is found by Newton's method on a piecewise linear function. One ball likewise: scaling. All
else that is affine or convex quadratic: a cone program by Clarabel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import UnsupportedProblem
from solvers.expression.coefficients import affine, quadratic
from solvers.onelevel.problem import Minimize

if TYPE_CHECKING:
    import torch

    from solvers.saddle.problem import Saddle

STEPS = 200


@dataclass(frozen=True)
class Row:
    """``a . x (<= or ==) b`` on the positions where a is not zero."""

    positions: np.ndarray
    a: np.ndarray
    b: float
    equality: bool


@dataclass(frozen=True)
class Ellipsoid:
    """``x'Qx/2 + q.x + r <= 0`` on ``positions``, Q positive semidefinite and of their size."""

    positions: np.ndarray
    Q: np.ndarray
    q: np.ndarray
    r: float

    @property
    def ball(self) -> tuple[np.ndarray, float] | None:
        """Centre and radius if it is a ball."""
        scale = float(self.Q[0, 0])
        if scale <= 0.0 or np.abs(self.Q - scale * np.eye(self.q.size)).max() > 1e-12 * scale:
            return None
        centre = -self.q / scale
        square = float(centre @ centre) - 2.0 * self.r / scale
        return (centre, float(np.sqrt(square))) if square >= 0.0 else None


class FeasibleSet:
    """One player's set.

    Attributes:
        lower, upper: bounds.
        rows, ellipsoids: the constraints.

    Raises:
        UnsupportedProblem: a constraint that is neither affine nor convex quadratic.
    """

    def __init__(self, problem: Minimize) -> None:
        self.size = problem.n
        self.lower, self.upper = problem.lower, problem.upper
        self.rows: list[Row] = []
        self.ellipsoids: list[Ellipsoid] = []
        for k, constraint in enumerate(problem.constraints):
            function = problem.oracle.constraint(k)
            sign = -1.0 if constraint.sense == ">=" else 1.0
            if constraint.facts.affine:
                A, b = affine(function, self.size)
                for a, constant in zip(sign * A, sign * b, strict=True):
                    self._add_row(a, -float(constant), constraint.sense == "==")
                continue
            if constraint.facts.degree != 2 or constraint.sense == "==":
                raise _beyond(constraint.source)
            elements = int(np.prod(problem.program.operations[problem.program.outputs[constraint.output]].shape))
            for i in range(elements):

                def element(x: torch.Tensor, i: int = i, function: Any = function) -> torch.Tensor:
                    return function(x)[i]  # type: ignore[no-any-return]

                Q, q, r = quadratic(element, self.size)
                self._add_ellipsoid(sign * Q, sign * q, sign * r, constraint.source)
        self._plan()

    def _add_row(self, a: np.ndarray, b: float, equality: bool) -> None:
        positions = np.flatnonzero(np.abs(a) > 1e-15 * np.abs(a).max(initial=0.0))
        if positions.size:
            self.rows.append(Row(positions, a[positions], b, equality))

    def _add_ellipsoid(self, Q: np.ndarray, q: np.ndarray, r: float, source: str) -> None:
        used = (np.abs(Q).max(axis=1) > 0.0) | (q != 0.0)
        positions = np.flatnonzero(used)
        block = Q[np.ix_(positions, positions)]
        if np.linalg.eigvalsh(block)[0] < -1e-10 * max(1.0, float(np.abs(block).max())):
            raise _beyond(source)
        self.ellipsoids.append(Ellipsoid(positions, block, q[positions], r))

    def _plan(self) -> None:
        """Which constraints stand alone on their variables, and which go to the cone program."""
        touched = np.zeros(self.size, dtype=int)
        for positions in self._supports(self.rows, self.ellipsoids):
            touched[positions] += 1
        bounded = np.isfinite(self.lower) | np.isfinite(self.upper)
        self._alone = [row for row in self.rows if touched[row.positions].max() == 1]
        self._balls = [
            (e.positions, *ball)
            for e in self.ellipsoids
            if touched[e.positions].max() == 1 and not bounded[e.positions].any() and (ball := e.ball) is not None
        ]
        known = {id(row) for row in self._alone}
        self._joint_rows = [row for row in self.rows if id(row) not in known]
        done = {positions.tobytes() for positions, _, _ in self._balls}
        self._joint_ellipsoids = [e for e in self.ellipsoids if e.positions.tobytes() not in done]
        joint = self._supports(self._joint_rows, self._joint_ellipsoids)
        self._joint = np.unique(np.concatenate(joint)) if joint else np.zeros(0, dtype=int)

    @staticmethod
    def _supports(rows: list[Row], ellipsoids: list[Ellipsoid]) -> list[np.ndarray]:
        return [row.positions for row in rows] + [e.positions for e in ellipsoids]

    def project(self, point: np.ndarray) -> np.ndarray:
        """The nearest point of the set.

        Raises:
            UnsupportedProblem: the set is empty.
        """
        x: np.ndarray = np.clip(point, self.lower, self.upper)
        for row in self._alone:
            x[row.positions] = _on_row(row, point[row.positions], self.lower[row.positions], self.upper[row.positions])
        for positions, centre, radius in self._balls:
            away = point[positions] - centre
            length = float(np.linalg.norm(away))
            x[positions] = point[positions] if length <= radius else centre + radius / length * away
        if self._joint.size:
            x[self._joint] = self._by_cones(point[self._joint])
        return x

    def _by_cones(self, point: np.ndarray) -> np.ndarray:
        from solvers.saddle.cones import nearest

        return nearest(
            point,
            self.lower[self._joint],
            self.upper[self._joint],
            self._joint_rows,
            self._joint_ellipsoids,
            self._joint,
        )

    def active(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """Normals of the constraints (without bounds) that are active at x, one row each."""
        normals = [
            _spread(row.a, row.positions, self.size)
            for row in self.rows
            if row.equality or abs(float(row.a @ x[row.positions]) - row.b) <= tolerance * max(1.0, abs(row.b))
        ]
        for e in self.ellipsoids:
            part = x[e.positions]
            slope = e.Q @ part + e.q
            if abs(0.5 * float(part @ (slope + e.q)) + e.r) <= tolerance * max(1.0, abs(e.r)):
                normals.append(_spread(slope, e.positions, self.size))
        return np.array(normals).reshape(-1, self.size)


class Product:
    """Both players' sets on z = (x, y)."""

    def __init__(self, problem: Saddle) -> None:
        self.n = problem.n
        self.minimizer, self.maximizer = FeasibleSet(problem.minimizer), FeasibleSet(problem.maximizer)
        self.lower = np.concatenate([self.minimizer.lower, self.maximizer.lower])
        self.upper = np.concatenate([self.minimizer.upper, self.maximizer.upper])
        self.curved = bool(self.minimizer.ellipsoids or self.maximizer.ellipsoids)

    def project(self, z: np.ndarray) -> np.ndarray:
        """The nearest point."""
        return np.concatenate([self.minimizer.project(z[: self.n]), self.maximizer.project(z[self.n :])])

    def residuals(self, z: np.ndarray, slope: np.ndarray) -> tuple[float, float]:
        """Largest entries of both players' ``z - P(z - F)``: zero exactly where no first-order step helps."""
        step = np.abs(z - self.project(z - slope))
        return float(step[: self.n].max(initial=0.0)), float(step[self.n :].max(initial=0.0))

    def active(self, z: np.ndarray, tolerance: float) -> np.ndarray:
        """Normals of both players' active constraints, one row each."""
        first = self.minimizer.active(z[: self.n], tolerance)
        second = self.maximizer.active(z[self.n :], tolerance)
        blocks = sp.block_diag([first, second]).toarray() if first.size and second.size else None
        if blocks is not None:
            return np.asarray(blocks)
        rows = np.zeros((first.shape[0] + second.shape[0], z.size))
        rows[: first.shape[0], : self.n] = first
        rows[first.shape[0] :, self.n :] = second
        return rows


def _on_row(row: Row, p: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The nearest point to p within the bounds and on one affine constraint."""
    clipped: np.ndarray = np.clip(p, low, high)
    found = float(row.a @ clipped) - row.b
    if found == 0.0 or (found < 0.0 and not row.equality):
        return clipped
    # a . clip(p - t a) falls with t, piecewise linearly: Newton's method, kept within a bracket
    far = _bracket(row, p, low, high, found)
    left, right = min(0.0, far), max(0.0, far)
    t = far
    for _ in range(STEPS):
        result: np.ndarray = np.clip(p - t * row.a, low, high)
        value = float(row.a @ result) - row.b
        if abs(value) <= 4e-16 * max(1.0, abs(row.b), float(np.abs(row.a) @ np.abs(result))):
            break
        left, right = (t, right) if value > 0.0 else (left, t)
        free = row.a[(result > low) & (result < high)]
        rate = float(free @ free)
        ahead = t + value / rate if rate > 0.0 else right
        t = ahead if left < ahead < right else 0.5 * (left + right)
        if right - left <= 1e-16 * max(abs(left), abs(right)):
            break
    return result


def _bracket(row: Row, p: np.ndarray, low: np.ndarray, high: np.ndarray, found: float) -> float:
    t = found / float(row.a @ row.a)
    for _ in range(STEPS):
        value = float(row.a @ np.clip(p - t * row.a, low, high)) - row.b
        if (value > 0.0) != (found > 0.0):
            return t
        t *= 2.0
    raise UnsupportedProblem(
        "a player's bounds and constraints leave no point", pointer="/problem/constraints", hint="loosen one of them"
    )


def _spread(values: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    full = np.zeros(size)
    full[positions] = values
    return full


def _beyond(source: str) -> UnsupportedProblem:
    return UnsupportedProblem(
        f"the constraint {source!r} is neither affine nor a convex quadratic",
        pointer="/problem/constraints",
        hint="players' sets must be convex: affine constraints, balls and ellipsoids",
    )
