"""What a plan really is: its marginals, cost and norms, evaluated from its own form, tile by tile where it is not
sparse.

A plan that is not given entry by entry is taken to be the doubles that its formula gives here; whatever they are, they
are a non-negative matrix, and only the sums over them are subject to rounding (``sum_error``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import COLUMNS, ROWS, UNIT, Costs
from solvers.transport.certificates.sums import accumulated, total
from solvers.transport.plan import LowRankPlan, Plan, PotentialPlan, SparsePlan

#: Exponents are cut here: what is left out is far below a rounding of anything else; what is larger would overflow.
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class Measured:
    """Attributes:
    rows, columns: marginals, over the points with weight; each right up to ``sum_error``, relatively.
    mass: total of the entries.
    cost: ``<M, P>``, and ``cost_error`` for all roundings in it.
    squares: ``sum P_ij^2``, None where it was not asked for.
    lost: mass at points without weight, which no plan may have.
    """

    rows: np.ndarray
    columns: np.ndarray
    mass: float
    cost: float
    cost_error: float
    sum_error: float
    squares: float | None = None
    lost: float = 0.0


class Evaluated(Protocol):
    """A plan of one of the three forms, over the points with weight."""

    def measure(self, costs: Costs) -> Measured: ...

    def scaled(self, rows: np.ndarray, columns: np.ndarray) -> Evaluated:
        """With every row and column multiplied by a factor; without its rank-one rest, if it had one."""
        ...


def evaluated(plan: Plan, case: Case) -> Evaluated:
    """
    Raises:
        ValueError: shapes that don't fit the problem, or entries that are negative or not finite.
    """
    problem = case.problem
    if isinstance(plan, SparsePlan):
        matrix = sp.csr_array(plan.matrix)
        _require(matrix.shape == (problem.n, problem.m), f"a plan of shape {matrix.shape}")
        _require(bool(np.isfinite(matrix.data).all()), "a plan with entries that are not finite")
        _require(bool((matrix.data >= 0.0).all()), f"a plan with a negative entry ({matrix.data.min(initial=0.0):.3g})")
        kept = matrix if case.whole else matrix[case.rows][:, case.columns]
        entries = sp.coo_array(kept)
        lost = max(0.0, total(matrix.data) - total(entries.data)) if not case.whole else 0.0
        return SparseEntries.of(entries.coords[0], entries.coords[1], entries.data, entries.shape, lost)
    if isinstance(plan, PotentialPlan):
        _require(plan.f.shape == (problem.n,) and plan.g.shape == (problem.m,), "potentials of another size")
        _require(plan.epsilon > 0.0, f"a plan with epsilon {plan.epsilon}")
        _require(not _beside(plan.row_rest, case.rows).any(), "a rest at points without weight")
        _require(not _beside(plan.column_rest, case.columns).any(), "a rest at points without weight")
        rests = plan.row_rest[case.rows], plan.column_rest[case.columns]
        _require(all(bool((rest >= 0.0).all() and np.isfinite(rest).all()) for rest in rests), "a negative rest")
        with np.errstate(divide="ignore"):
            return Exponential(
                plan.f[case.rows] / plan.epsilon + np.log(case.a.weights),
                plan.g[case.columns] / plan.epsilon + np.log(case.b.weights),
                plan.epsilon,
                *rests,
            )
    assert isinstance(plan, LowRankPlan)
    _require(bool((plan.weights > 0.0).all()), "a factored plan with a weight that is not positive")
    _require(plan.Q.shape[0] == problem.n and plan.R.shape[0] == problem.m, "factors of another size")
    for factor in (plan.Q, plan.R):
        _require(bool(np.isfinite(factor).all() and (factor >= 0.0).all()), "a factor with a negative entry")
    for factor, kept in ((plan.Q, case.rows), (plan.R, case.columns)):
        _require(not _beside(factor, kept).any(), "mass at points without weight")
    return Factored(plan.Q[case.rows] / plan.weights, plan.R[case.columns])


@dataclass(frozen=True)
class SparseEntries:
    """Entry k is ``values[k]`` at (``rows[k]``, ``columns[k]``), each place at most once: squares and logarithms are
    those of whole entries."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    lost: float = 0.0

    @classmethod
    def of(
        cls, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, ...], lost: float = 0.0
    ) -> SparseEntries:
        """With the values of one place summed."""
        whole = sp.coo_array((values, (rows, columns)), shape=shape).tocsr().tocoo()  # tocsr sums
        return cls(whole.coords[0], whole.coords[1], whole.data, lost)

    def measure(self, costs: Costs) -> Measured:
        unit, error = costs.entries(self.rows, self.columns)
        row_sums = np.bincount(self.rows, self.values, costs.n)
        column_sums = np.bincount(self.columns, self.values, costs.m)
        longest = max(int(np.bincount(self.rows, minlength=1).max()), int(np.bincount(self.columns, minlength=1).max()))
        products = unit * self.values
        return Measured(
            row_sums,
            column_sums,
            total(self.values),
            total(products),
            total(error * self.values) + 2 * UNIT * total(np.abs(products)),
            accumulated(longest),
            squares=total(self.values**2),
            lost=self.lost,
        )

    def scaled(self, rows: np.ndarray, columns: np.ndarray) -> SparseEntries:
        return replace(self, values=self.values * rows[self.rows] * columns[self.columns], lost=0.0)


@dataclass(frozen=True)
class Exponential:
    """``exp(u_i + v_j - M_ij / epsilon) + row_rest_i column_rest_j``."""

    u: np.ndarray
    v: np.ndarray
    epsilon: float
    row_rest: np.ndarray
    column_rest: np.ndarray

    def kernel(self, rows: slice, columns: slice, tile: np.ndarray) -> np.ndarray:
        """The first term."""
        exponents = tile * (-1.0 / self.epsilon)
        exponents += self.u[rows, None]
        exponents += self.v[None, columns]
        np.minimum(exponents, _LARGEST_EXPONENT, out=exponents)
        return np.exp(exponents, out=exponents)

    @property
    def rest(self) -> float:
        """Mass of the second term."""
        return total(self.row_rest) * total(self.column_rest)

    def without_rest(self) -> Exponential:
        return replace(self, row_rest=np.zeros_like(self.row_rest), column_rest=np.zeros_like(self.column_rest))

    def measure(self, costs: Costs) -> Measured:
        found = _sweep(costs, self.kernel)
        if self.rest == 0.0:
            return found
        rest_cost, rest_error = product_cost(costs, self.row_rest, self.column_rest)
        return Measured(
            found.rows + self.row_rest * total(self.column_rest),
            found.columns + self.column_rest * total(self.row_rest),
            found.mass + self.rest,
            found.cost + rest_cost,
            found.cost_error + rest_error + 2 * UNIT * (abs(found.cost) + abs(rest_cost)),
            found.sum_error + 4 * UNIT,
        )

    def logarithms(self, costs: Costs, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
        """``sum P log(P / (a b))`` entry by entry, and the sum of the sizes of its terms."""
        sums, sizes = np.zeros(costs.n), np.zeros(costs.n)
        logs_a, logs_b = np.log(a), np.log(b)
        for rows, columns, tile in costs.tiles():
            plan = self.kernel(rows, columns, tile)
            plan += self.row_rest[rows, None] * self.column_rest[None, columns]
            logs = np.log(np.maximum(plan, 1e-300)) - logs_a[rows, None] - logs_b[None, columns]
            sums[rows] += np.einsum("ij,ij->i", plan, logs)
            sizes[rows] += np.einsum("ij,ij->i", plan, np.abs(logs, out=logs))
        return total(sums), total(sizes)

    def scaled(self, rows: np.ndarray, columns: np.ndarray) -> Exponential:
        with np.errstate(divide="ignore"):
            return replace(self.without_rest(), u=self.u + np.log(rows), v=self.v + np.log(columns))


@dataclass(frozen=True)
class Factored:
    """``left right'``."""

    left: np.ndarray
    right: np.ndarray

    def measure(self, costs: Costs) -> Measured:
        return _sweep(costs, lambda rows, columns, _: self.left[rows] @ self.right[columns].T)

    def scaled(self, rows: np.ndarray, columns: np.ndarray) -> Factored:
        return Factored(self.left * rows[:, None], self.right * columns[:, None])


def product_cost(costs: Costs, left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """``sum_ij left_i right_j M_ij`` of non-negative vectors, and a bound on the rounding error."""
    sums, sizes = np.zeros(costs.n), np.zeros(costs.n)
    for rows, columns, tile in costs.tiles():
        product = tile @ right[columns]
        sums[rows] += product
        sizes[rows] += np.abs(tile) @ right[columns] if tile.min() < 0.0 else product
    size = total(left * sizes)
    separate = total(left * costs.row_error) * total(right) + total(right * costs.column_error) * total(left)
    return total(left * sums), size * (accumulated(_per_row(costs)) + costs.relative) + separate * (1.0 + 1e-9)


def _sweep(costs: Costs, entries: Callable[[slice, slice, np.ndarray], np.ndarray]) -> Measured:
    row_sums, column_sums = np.zeros(costs.n), np.zeros(costs.m)
    sums, sizes, squares = np.zeros(costs.n), np.zeros(costs.n), np.zeros(costs.n)
    for rows, columns, tile in costs.tiles():
        plan = entries(rows, columns, tile)
        row_sums[rows] += plan.sum(axis=1)
        column_sums[columns] += plan.sum(axis=0)
        products = np.einsum("ij,ij->i", plan, tile)
        sums[rows] += products
        sizes[rows] += np.einsum("ij,ij->i", plan, np.abs(tile)) if tile.min() < 0.0 else products
        squares[rows] += np.einsum("ij,ij->i", plan, plan)
    separate = total(row_sums * costs.row_error) + total(column_sums * costs.column_error)
    return Measured(
        row_sums,
        column_sums,
        total(row_sums),
        total(sums),
        total(sizes) * (accumulated(_per_row(costs)) + costs.relative) + separate * (1.0 + 1e-9),
        accumulated(max(_per_row(costs), ROWS + costs.n // ROWS)),
        squares=total(squares),
    )


def _per_row(costs: Costs) -> int:
    """Operations on the way of one entry into the sum of its row."""
    return int(min(COLUMNS, costs.m) + costs.m // COLUMNS + 2)


def _beside(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Those of the points that are left out."""
    result: np.ndarray = np.delete(values, kept, axis=0)
    return result


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(words)
