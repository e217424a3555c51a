"""A plan whose marginals are off, made feasible.

Rows, then columns, are scaled down to what they may hold (Altschuler, Weed, Rigollet, Near-linear time approximation
algorithms for optimal transport, 2017, algorithm 2). What is missing then is added: to a sparse plan along a staircase
of at most n + m - 1 entries through the points in an order that keeps near points together, so that it stays sparse
and cheap; to any other as the paper's product of the two remainders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import UNIT
from solvers.transport.certificates.plans import Evaluated, Exponential, Factored, Measured, SparseEntries
from solvers.transport.certificates.sums import total


@dataclass(frozen=True)
class Missing:
    """What a plan lacks, as a product: entry (i, j) is ``rows_i * columns_j``."""

    rows: np.ndarray
    columns: np.ndarray

    @property
    def mass(self) -> float:
        return total(self.rows) * total(self.columns)


def repaired(plan: Evaluated, case: Case, found: Measured) -> tuple[Evaluated, Measured, Missing | None]:
    """The plan within its marginals, measured, and what was still missing then and was not put into it."""
    if case.a.fixed and not case.b.fixed:
        return (*_exact_rows(plan, case, found), None)
    plan, found = _shrunk(plan, case, found)
    spare_a, spare_b = _spare(case.a.weights, found.rows), _spare(case.b.weights, found.columns)
    assert case.mass is not None
    missing = case.mass - found.mass
    if missing <= 0.0 or min(total(spare_a), total(spare_b)) <= 0.0:
        return plan, found, None
    spare_a, spare_b = (spare * min(1.0, missing / total(spare)) for spare in (spare_a, spare_b))
    if isinstance(plan, SparseEntries):
        whole = _with_staircase(plan, case, spare_a, spare_b)
        return (*_shrunk(whole, case, whole.measure(case.costs)), None)
    rest = Missing(spare_a, spare_b / total(spare_b))
    if isinstance(plan, Exponential):
        plan = replace(plan, row_rest=rest.rows, column_rest=rest.columns)
        return plan, plan.measure(case.costs), None
    return plan, found, rest


def _exact_rows(plan: Evaluated, case: Case, found: Measured) -> tuple[Evaluated, Measured]:
    """Semi-relaxed: rows may be scaled both ways, columns are free."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = case.a.weights / found.rows
    plan = plan.scaled(np.where(np.isfinite(factors), factors, 1.0), np.ones(case.costs.m))
    return plan, plan.measure(case.costs)


def _shrunk(plan: Evaluated, case: Case, found: Measured) -> tuple[Evaluated, Measured]:
    if isinstance(plan, Exponential) and plan.rest > 0.0:
        plan = plan.without_rest()
        found = plan.measure(case.costs)
    rows, columns = _at_most(case.a.weights, found.rows), np.ones(case.costs.m)
    if (rows < 1.0).any():
        plan = plan.scaled(rows, columns)
        found = plan.measure(case.costs)
    columns = _at_most(case.b.weights, found.columns)
    if (columns < 1.0).any():
        plan = plan.scaled(np.ones(case.costs.n), columns)
        found = plan.measure(case.costs)
    if case.mass is not None and found.mass > case.mass:
        plan = plan.scaled(np.full(case.costs.n, case.mass / found.mass), np.ones(case.costs.m))
        found = plan.measure(case.costs)
    return plan, found


def _at_most(weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(sums > weights, weights / sums, 1.0)
    return np.where(factors < 1.0, factors * (1.0 - 4 * UNIT), 1.0)


def _spare(weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.maximum(weights - sums, 0.0)
    return result


def _with_staircase(plan: SparseEntries, case: Case, spare_a: np.ndarray, spare_b: np.ndarray) -> SparseEntries:
    """With the cheapest of a few staircases."""
    best: tuple[float, tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None
    for order_a, order_b in _orders(case):
        stairs = staircase(spare_a, spare_b, order_a, order_b)
        cost = float(case.costs.entries(stairs[0], stairs[1])[0] @ stairs[2])
        if best is None or cost < best[0]:
            best = cost, stairs
    assert best is not None
    rows, columns, values = best[1]
    return SparseEntries.of(
        np.concatenate([plan.rows, rows]),
        np.concatenate([plan.columns, columns]),
        np.concatenate([plan.values, values]),
        (case.costs.n, case.costs.m),
        plan.lost,
    )


def _orders(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Orders of rows and columns: along the axes and the direction of largest spread; as given, without points."""
    orders = [(np.arange(case.costs.n), np.arange(case.costs.m))]
    x, y = case.problem.x, case.problem.y
    if x is None or y is None or case.problem.cost == "matrix":
        return orders
    x, y = x[case.rows], y[case.columns]
    both = np.concatenate([x, y])
    both = both - both.mean(axis=0)
    _, vectors = np.linalg.eigh(both.T @ both)
    directions = [vectors[:, -1], *np.eye(x.shape[1])[: min(3, x.shape[1])]]
    return orders + [(np.argsort(x @ way, kind="stable"), np.argsort(y @ way, kind="stable")) for way in directions]


def staircase(
    a: np.ndarray, b: np.ndarray, order_a: np.ndarray, order_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and masses of the north-west corner rule: the monotone coupling of a and b in these orders, of the
    smaller of their totals."""
    ends_a, ends_b = np.cumsum(a[order_a]), np.cumsum(b[order_b])
    mass = min(float(ends_a[-1]), float(ends_b[-1]))
    cuts = np.unique(np.minimum(np.concatenate([[0.0], ends_a, ends_b]), mass))
    widths = np.diff(cuts)
    starts = cuts[:-1]
    i = np.minimum(np.searchsorted(ends_a, starts, side="right"), len(a) - 1)
    j = np.minimum(np.searchsorted(ends_b, starts, side="right"), len(b) - 1)
    return order_a[i], order_b[j], widths


__all__ = ["Factored", "Missing", "repaired", "staircase"]
