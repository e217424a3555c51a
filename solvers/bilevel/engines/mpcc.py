"""Points of a small problem to full accuracy: the lower level's KKT conditions in its place, by sequential quadratic
programs.

``min F`` over x, y and multipliers, subject to the upper constraints, ``grad_y L = 0``, the lower constraints and
``0 <= mu, -c(x, y) >= 0, mu_i (-c_i) <= t`` with t falling (Scholtes 2001); then the active constraints are held as
equations, which leaves a smooth program. Bounds of y are constraints like the others here.

For a nonconvex lower level its KKT conditions are only necessary: whoever calls must solve it globally at the x found.

Floor: an evaluation is one vectorised Jacobian, a millisecond; a solve some tens of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize, nnls

from solvers.bilevel.engines.lower import constraint_values
from solvers.bilevel.problem import Bilevel, tensor

#: Complementarity is let go to these values in turn.
RELAXED = (1e-1, 1e-3, 1e-6)
#: More pairs than this that could be active on either side are not all tried.
MOST_DOUBTFUL = 3
#: A point counts if no condition is missed by more.
ACCURATE = 1e-8
#: Up to so many unknowns dense quadratic programs are quick.
MOST_UNKNOWNS = 80


class Point(NamedTuple):
    """x (n), y (m) with the minimized upper objective."""

    value: float
    x: np.ndarray
    y: np.ndarray


class Mpcc:
    """Raises nothing but what the problem's functions raise; points that are not reached are not given.

    Attributes:
        unknowns: of the nonlinear program; ``MOST_UNKNOWNS`` is what is worth a try.
        others: lower points than which y must not be worse: with a nonconvex lower level they rule out points that
            satisfy its conditions only.
    """

    def __init__(self, problem: Bilevel, stop: Callable[[], object] = lambda: None) -> None:
        self._problem, self._stop = problem, stop
        self._n, self._m = problem.n, problem.m
        level = problem.lower
        self._low, self._high = np.isfinite(level.lower), np.isfinite(level.upper)
        c, h = constraint_values(problem, tensor(problem.upper.start), tensor(level.start))
        self._k = int(c.numel() + self._low.sum() + self._high.sum())
        self._e = int(h.numel())
        self.unknowns = self._n + self._m + self._k + self._e
        self.others: list[np.ndarray] = []

    def search(self, x: np.ndarray, y: np.ndarray) -> Point | None:
        """A point of the KKT conditions, from anywhere."""
        z = self._start(x, y)
        for t in RELAXED:
            if self._stop():
                return None
            z = self._minimize(z, t)
            if not np.isfinite(z).all():
                return None
        return self._best(z)

    def polished(self, x: np.ndarray, y: np.ndarray) -> Point | None:
        """The point near (x, y) at which the constraints that are active there are held."""
        return self._best(self._start(x, y))

    def _best(self, z: np.ndarray) -> Point | None:
        found: Point | None = None
        for active in self._active(z):
            if self._stop():
                break
            end = self._minimize(z, 0.0, active)
            if not np.isfinite(end).all() or self._missed(end) > ACCURATE:
                continue
            x, y = end[: self._n], end[self._n : self._n + self._m]
            value = float(self._problem.upper.objective(tensor(x), tensor(y)).detach())
            if np.isfinite(value) and (found is None or value < found.value):
                found = Point(value, x.copy(), y.copy())
        return found

    def _active(self, z: np.ndarray) -> Iterator[np.ndarray]:
        """Sets of constraints to hold: those with multipliers, with all choices for the doubtful ones."""
        mu = z[self._n + self._m : self._n + self._m + self._k]
        c = self._values(z)[0][self._m : self._m + self._k]
        size = 1e-3 * (1.0 + np.abs(mu).max(initial=0.0))
        doubtful = np.flatnonzero((np.maximum(mu, -c) <= size) & (-c <= size))
        sure = (mu > -c) & ~np.isin(np.arange(self._k), doubtful)
        if len(doubtful) > MOST_DOUBTFUL:
            yield sure | np.isin(np.arange(self._k), doubtful)
            return
        for choice in product((True, False), repeat=len(doubtful)):
            active = sure.copy()
            active[doubtful] = choice
            yield active

    def _split(self, z: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.split(z, [self._n, self._m, self._k, self._e]))

    def _rows(self, z: torch.Tensor) -> list[torch.Tensor]:
        """grad_y L, lower inequalities, lower equations, upper inequalities, upper equations."""
        problem, level = self._problem, self._problem.lower
        x, y, mu, nu = self._split(z)
        c, h = constraint_values(problem, x, y)
        low, high = torch.tensor(self._low), torch.tensor(self._high)
        all_c = torch.cat([c, (tensor(level.lower) - y)[low], (y - tensor(level.upper))[high]])
        lagrangian = level.objective(x, y) + (mu * all_c).sum() + (nu * h).sum()
        (slope,) = torch.autograd.grad(lagrangian, y, create_graph=True)
        none = torch.zeros(0, dtype=torch.float64)
        upper = problem.upper
        G = none if upper.inequalities is None else upper.inequalities(x, y)
        if self.others:
            here = level.objective(x, y)
            G = torch.cat([G, *[(here - level.objective(x, tensor(other))).reshape(1) for other in self.others]])
        H = none if upper.equalities is None else upper.equalities(x, y)
        return [slope, all_c, h, G, H]

    def _values(self, z: np.ndarray, *, jacobian: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """All rows, and their derivatives if wanted."""
        at = torch.tensor(z, requires_grad=True)
        rows = torch.cat(self._rows(at))
        if not jacobian:
            return rows.detach().numpy(), np.zeros((0, 0))
        eye = torch.eye(rows.numel(), dtype=torch.float64)
        found = None
        if rows.requires_grad:
            found = torch.autograd.grad(rows, at, eye, is_grads_batched=True, allow_unused=True)[0]
        dense = np.zeros((rows.numel(), z.size)) if found is None else found.numpy()
        return rows.detach().numpy(), dense

    def _sizes(self, z: np.ndarray) -> list[int]:
        at = torch.tensor(z, requires_grad=True)
        return [part.numel() for part in self._rows(at)]

    def _missed(self, z: np.ndarray) -> float:
        """The largest violation of the conditions, complementarity by the smaller of its sides."""
        slope, c, h, G, H = np.split(self._values(z)[0], np.cumsum(self._sizes(z))[:-1])
        mu = z[self._n + self._m : self._n + self._m + self._k]
        scale = 1.0 + np.abs(mu).max(initial=0.0)
        parts = [np.abs(slope) / scale, c, np.abs(h), G, np.abs(H), np.minimum(mu, np.abs(c)) / scale, -mu / scale]
        return max(float(np.max(part, initial=0.0)) if np.isfinite(part).all() else np.inf for part in parts)

    def _start(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """With the multipliers that fit best, of constraints that are nearly active."""
        z = np.concatenate([x, y, np.zeros(self._k + self._e)])
        values, rows = self._values(z, jacobian=True)
        m, k = self._m, self._k
        c, slope = values[m : m + k], values[:m]
        if not np.isfinite(values[: m + k + self._e]).all() or not np.isfinite(rows).all():
            return z
        by_y = rows[m : m + k + self._e, self._n : self._n + m]
        near = np.flatnonzero(c >= -1e-3 * (1.0 + np.abs(y).max(initial=0.0)))
        matrix = np.hstack([by_y[near].T, by_y[k:].T, -by_y[k:].T])
        if matrix.shape[1]:
            found = nnls(matrix, -slope, maxiter=50 * matrix.shape[1])[0]
            z[self._n + m + near] = found[: near.size]
            z[self._n + m + k :] = found[near.size : near.size + self._e] - found[near.size + self._e :]
        return z

    def _minimize(self, z: np.ndarray, t: float, active: np.ndarray | None = None) -> np.ndarray:
        """By SLSQP; with ``active``, complementarity is that choice."""
        problem, n, m, k = self._problem, self._n, self._m, self._k
        sizes = self._sizes(z)
        ends = np.cumsum(sizes)
        inside = slice(n + m, n + m + k)
        low = np.concatenate([problem.upper.lower, problem.lower.lower, np.zeros(k), np.full(self._e, -np.inf)])
        high = np.concatenate([problem.upper.upper, problem.lower.upper, np.full(k + self._e, np.inf)])
        if active is not None:
            high[inside][~active] = 0.0
        kept: dict[str, tuple[bytes, tuple[np.ndarray, np.ndarray]]] = {}

        def at(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            key = point.tobytes()
            if "last" not in kept or kept["last"][0] != key:
                kept["last"] = key, self._values(point, jacobian=True)
            return kept["last"][1]

        def equal(point: np.ndarray, *, slopes: bool) -> np.ndarray:
            part = at(point)[1 if slopes else 0]
            chosen = [part[: ends[0]], part[ends[1] : ends[2]], part[ends[3] : ends[4]]]
            return np.concatenate(chosen if active is None else [*chosen, part[ends[0] : ends[1]][active]])

        def below(point: np.ndarray, *, slopes: bool) -> np.ndarray:
            values, rows = at(point)
            c, by_z, mu = values[ends[0] : ends[1]], rows[ends[0] : ends[1]], point[inside]
            if active is not None:
                part = rows if slopes else values
                return -np.concatenate([part[ends[0] : ends[1]][~active], part[ends[2] : ends[3]]])
            if not slopes:
                return np.concatenate([-c, -values[ends[2] : ends[3]], t + mu * c])
            moved = mu[:, None] * by_z
            moved[np.arange(k), n + m + np.arange(k)] += c
            return np.concatenate([-by_z, -rows[ends[2] : ends[3]], moved])

        def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
            if self._stop():
                raise StopIteration
            x, y = (torch.tensor(part, requires_grad=True) for part in (point[:n], point[n : n + m]))
            value = problem.upper.objective(x, y)
            slope = np.zeros_like(point)
            if value.requires_grad:
                for part, place in zip(
                    torch.autograd.grad(value, (x, y), allow_unused=True), (slice(n), slice(n, n + m)), strict=True
                ):
                    slope[place] = 0.0 if part is None else part.numpy()
            return float(value.detach()), slope

        constraints = []
        for kind, function in (("eq", equal), ("ineq", below)):
            if function(z, slopes=False).size:
                constraints.append(
                    {
                        "type": kind,
                        "fun": lambda point, f=function: f(point, slopes=False),
                        "jac": lambda point, f=function: f(point, slopes=True),
                    }
                )
        try:
            with np.errstate(all="ignore"):
                result = minimize(
                    objective,
                    np.clip(z, low, high),
                    jac=True,
                    method="SLSQP",
                    bounds=np.column_stack([low, high]),
                    constraints=constraints,
                    options={"maxiter": 100 if t <= RELAXED[-1] else 40, "ftol": 1e-13 if active is not None else 1e-8},
                )
        except (StopIteration, ValueError):
            return np.full_like(z, np.nan)
        return np.asarray(np.clip(result.x, low, high))
