"""Upper bounds: what a plan, once it is certainly feasible, costs at most; without and with its regularization."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import UNIT
from solvers.transport.certificates.plans import Evaluated, Exponential, Measured, SparseEntries, product_cost
from solvers.transport.certificates.repair import Missing, repaired
from solvers.transport.certificates.sums import dot, total, up

#: Marginals off by less than this part of the mass are rounding; what is missing is charged at the highest cost.
DUST = 1e-11

#: A plan that may not be completed and is off by more than this part of the mass proves nothing.
NEAR = 1e-6

#: A product that completes a plan and is heavier than this part of it has its entropy evaluated together with the rest.
SMALL_REST = 1e-9


@dataclass(frozen=True)
class UpperBound:
    """Attributes:
    value: certainly not below the optimum of the problem without regularization; inf if the plan proves nothing.
    objective: the same with the regularization; None without.
    plan, found: as measured last.
    repaired: the plan's own marginals were off by more than rounding.
    error: ``sum |P 1 - a| + sum |P' 1 - b|`` of the plan as it was given, over fixed marginals; what exceeds them and
        what is missing, for partial plans; 0 where marginals are free.
    """

    value: float
    objective: float | None
    plan: Evaluated
    found: Measured
    repaired: bool
    error: float


def upper_bound(plan: Evaluated, case: Case, lowest: float, highest: float, *, may_repair: bool = True) -> UpperBound:
    """
    Args:
        lowest, highest: of all costs.
        may_repair: False where entries may not be added (k-sparse plans).
    """
    given = plan.measure(case.costs)
    error = _marginal_error(case, given) + given.lost
    found, missing = given, None
    # entries are scaled at no cost where only rows must be exact, and then none is off by much of its own size
    dust = 0.0 if isinstance(plan, SparseEntries) and case.a.fixed and not case.b.fixed else DUST
    mend = may_repair and error > dust * case.scale and case.mass is not None
    if mend:
        plan, found, missing = repaired(plan, case, given)
    if not may_repair and error > NEAR * case.scale:
        # what completes it may have no place in a column that is full
        return UpperBound(math.inf, None, plan, found, False, error)
    parts = _Parts(case, plan, found, missing, lowest, highest)
    return UpperBound(parts.value, parts.objective, plan, found, mend, error)


class _Parts:
    """A plan in three parts: the entries themselves, a product that completes them, and dust for what rounding
    hides."""

    def __init__(
        self, case: Case, plan: Evaluated, found: Measured, missing: Missing | None, lowest: float, highest: float
    ) -> None:
        self.case, self.plan, self.found, self.missing = case, plan, found, missing
        self.lowest, self.highest = lowest, highest
        self.cost, self.error = found.cost, found.cost_error
        self.rows, self.columns, self.mass = found.rows, found.columns, found.mass
        if missing is not None:
            cost, error = product_cost(case.costs, missing.rows, missing.columns)
            self.cost, self.error = self.cost + cost, self.error + error + 2 * UNIT * (abs(cost) + abs(self.cost))
            self.rows = self.rows + missing.rows * total(missing.columns)
            self.columns = self.columns + missing.columns * total(missing.rows)
            self.mass += missing.mass
        self.slack = found.sum_error + 8 * UNIT
        self.removed, self.dust = self._margins()
        self.penalties, self.penalty_error = self._penalties()
        self.value = self._value()
        self.objective = self._objective()

    def _margins(self) -> tuple[float, float]:
        """Mass to take away until the plan certainly keeps within its marginals, and to add until it is certainly
        whole."""
        case = self.case
        if case.mass is None or self._rows_scaled:
            return 0.0, 0.0
        over_a = np.maximum(self.rows * (1.0 + self.slack) - case.a.weights, 0.0)
        over_b = np.maximum(self.columns * (1.0 + self.slack) - case.b.weights * (1.0 - 4 * UNIT), 0.0)
        removed = total(over_a) + total(over_b)
        if case.a.mass is not None:
            removed += max(0.0, self.mass * (1.0 + self.slack) - case.mass)
        dust = max(0.0, case.mass * (1.0 + 4 * UNIT) - self.mass * (1.0 - self.slack) + removed)
        return removed, dust

    @property
    def _rows_scaled(self) -> bool:
        """Semi-relaxed: every row is multiplied by what makes it exact, and nothing is added."""
        return self.case.a.fixed and not self.case.b.fixed

    @property
    def _stretch(self) -> float:
        """Largest relative change of an entry by that."""
        if not self._rows_scaled:
            return 0.0
        with np.errstate(divide="ignore"):
            off = np.abs(self.case.a.weights / self.rows - 1.0)
        return float(off.max(initial=0.0)) + self.slack

    def _penalties(self) -> tuple[float, float]:
        relative = self.slack + self._stretch
        parts = [self.case.a.penalty(self.rows, self.slack), self.case.b.penalty(self.columns, relative)]
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    def _value(self) -> float:
        stretch = self._stretch
        largest = max(abs(self.lowest), abs(self.highest))
        cost = self.cost + self.removed * max(0.0, -self.lowest) + self.dust * max(0.0, self.highest)
        if stretch > 0.0:
            cost += stretch * self.mass * largest if self.lowest < 0.0 else stretch * self.cost
        value = up(cost + self.penalties, self.error + self.penalty_error + 8 * UNIT * (abs(cost) + self.penalties))
        return math.inf if math.isnan(value) else value

    def _objective(self) -> float | None:
        case = self.case
        if not case.epsilon:
            return None
        if case.kind == "quadratic":
            if self.found.squares is None:
                return None
            norm = math.sqrt(self.found.squares * (1.0 + self.slack)) * (1.0 + self._stretch) + self.dust
            if self.missing is not None:
                norm += math.sqrt(total(self.missing.rows**2) * total(self.missing.columns**2)) * (1.0 + 8 * UNIT)
            return up(self.value + 0.5 * case.epsilon * norm * norm, 8 * UNIT * case.epsilon * norm * norm)
        entropy = self._entropy()
        if entropy is None:
            return None
        value, error = entropy
        product = total(case.a.weights) * total(case.b.weights)
        mass = self.mass + self.dust
        whole = value - mass + product
        error += 8 * UNIT * (abs(value) + mass + product) + 2 * (self.slack + self._stretch) * mass
        return up(self.value + case.epsilon * whole, case.epsilon * error + 4 * UNIT * abs(self.value))

    def _entropy(self) -> tuple[float, float] | None:
        """``sum P log(P / (a b))`` at most, and a bound on rounding. Of several parts, by the convexity of ``t log(t /
        w)``: ``sum_p [E(P_p) - m_p log(m_p / m)]`` with masses m_p of total m."""
        parts = _raw_entropy(self.plan, self.case, self.found)
        if parts is None:
            return None
        logarithms = 1.0 + max((part.largest for part in parts), default=0.0)
        value = sum(part.value for part in parts)
        error = sum(part.error for part in parts)
        masses = [part.mass for part in parts]
        if self.missing is not None:
            part = _product_entropy(self.case, self.missing.rows, self.missing.columns)
            value, error = value + part.value, error + part.error
            masses.append(part.mass)
        if self.dust > 0.0:
            masses.append(self.dust)
            value += self.dust * max(0.0, -math.log(self.dust))
        error += (self.removed + self._stretch * self.mass) * logarithms
        whole = sum(masses)
        mixing = sum(-mass * math.log(mass / whole) for mass in masses if mass > 0.0)
        return value + max(mixing, 0.0), error + 8 * UNIT * (abs(value) + mixing)


@dataclass(frozen=True)
class _Entropy:
    value: float
    error: float
    mass: float
    largest: float


def _raw_entropy(plan: Evaluated, case: Case, found: Measured) -> list[_Entropy] | None:
    a, b = case.a.weights, case.b.weights
    if isinstance(plan, SparseEntries):
        positive = plan.values > 0.0
        values = plan.values[positive]
        logs = np.log(values) - np.log(a[plan.rows[positive]]) - np.log(b[plan.columns[positive]])
        value, error = dot(values, logs)
        largest = float(np.abs(logs).max(initial=0.0))
        return [_Entropy(value, error + 16 * UNIT * total(values * (2.0 + np.abs(logs))), total(values), largest)]
    if not isinstance(plan, Exponential):
        return None
    rest = plan.rest
    if rest > SMALL_REST * found.mass:
        value, size = plan.logarithms(case.costs, a, b)
        error = (found.sum_error + 16 * UNIT) * (size + 4.0 * found.mass)
        return [_Entropy(value, error, found.mass, 40.0 + size / max(found.mass, 1e-300))]
    rows = found.rows - plan.row_rest * total(plan.column_rest)
    columns = found.columns - plan.column_rest * total(plan.row_rest)
    cost = found.cost - (product_cost(case.costs, plan.row_rest, plan.column_rest)[0] if rest else 0.0)
    left, right = plan.u - np.log(a), plan.v - np.log(b)
    left, right = np.where(rows > 0.0, left, 0.0), np.where(columns > 0.0, right, 0.0)
    value = dot(rows, left)[0] + dot(columns, right)[0] - cost / plan.epsilon
    size = total(np.abs(found.rows * left)) + total(np.abs(found.columns * right)) + abs(found.cost) / plan.epsilon
    size += total(np.abs(found.rows * np.log(a))) + total(np.abs(found.columns * np.log(b)))
    error = (found.sum_error + 16 * UNIT) * size + found.cost_error / plan.epsilon
    largest = float(np.abs(left).max(initial=0.0) + np.abs(right).max(initial=0.0)) + abs(cost) / plan.epsilon
    parts = [_Entropy(value, error, max(found.mass - rest, 0.0), largest)]
    return [*parts, _product_entropy(case, plan.row_rest, plan.column_rest)] if rest else parts


def _product_entropy(case: Case, rows: np.ndarray, columns: np.ndarray) -> _Entropy:
    """Of ``rows_i columns_j`` against ``a_i b_j``."""
    left, left_error = _relative_entropy(rows, case.a.weights)
    right, right_error = _relative_entropy(columns, case.b.weights)
    mass_rows, mass_columns = total(rows), total(columns)
    value = left * mass_columns + right * mass_rows
    error = left_error * mass_columns + right_error * mass_rows + 8 * UNIT * abs(value)
    return _Entropy(value, error, mass_rows * mass_columns, 0.0)


def _relative_entropy(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    positive = values > 0.0
    logs = np.log(values[positive]) - np.log(weights[positive])
    value, error = dot(values[positive], logs)
    return value, error + 16 * UNIT * total(values[positive] * (2.0 + np.abs(logs)))


def _marginal_error(case: Case, found: Measured) -> float:
    """In units of mass; see ``UpperBound.error``."""
    if case.mass is None:
        return 0.0
    if case.a.mass is not None:
        over = (
            np.maximum(found.rows - case.a.weights, 0.0).sum() + np.maximum(found.columns - case.b.weights, 0.0).sum()
        )
        return float(over + abs(found.mass - case.mass))
    error = float(np.abs(found.rows - case.a.weights).sum())
    return error + (float(np.abs(found.columns - case.b.weights).sum()) if case.b.fixed else 0.0)
