"""The dual side of a continuous answer: signs, reduced costs, complementary slackness, and the bound they prove.

Nothing is taken from the engine but the multipliers: reduced costs are recomputed as ``c + Qx - A'y - F's``.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.agreement import check_agreement
from solvers.programs.certificates.arithmetic import FLUSHED, UNIT, Bounded, Entries, exact_products, exact_sum, total
from solvers.programs.certificates.bound import Lagrangian, SafeBound, safe_bound
from solvers.programs.certificates.case import Case
from solvers.programs.certificates.multipliers import Multipliers
from solvers.programs.certificates.repair import repaired
from solvers.programs.certificates.violations import verdict, worst_violation

SIGNS = "dual-feasibility"

#: Multipliers, and coordinates at which a quadratic objective is linearized, that are this small beside the largest are
#: tried as zeros where the bound fails with them: what engines of limited precision leave there adds up to slopes of
#: its own, and any multipliers and any point prove a bound.
DUST = (1e-9, 1e-7, 1e-5)

#: How often multipliers are repaired: each time may make reduced costs wrong that were right.
REPAIRS = 6


class Dual:
    """Multipliers of an answer with the reduced costs and the bound that follow from them (sense of minimization).

    ``y`` and ``s`` are as ``Multipliers`` takes them; zeros are right for none. ``dust``: see ``DUST``.
    """

    def __init__(self, case: Case, y: np.ndarray, s: np.ndarray | None, dust: float = 0.0) -> None:
        self.case = case
        self.given = y, s
        self.multipliers = Multipliers(case.problem, case.entries, case.cones, _without(y, dust), s)
        problem = case.problem
        self.center: np.ndarray | None = None
        self.square: Bounded | None = None
        if problem.Q is not None and problem.Q.nnz:
            at = np.zeros(problem.n) if case.point is None else case.point.x
            self.center = _without(np.where(np.abs(at) < FLUSHED, 0.0, at), dust)
            self.square = Entries(problem.Q).times(self.center)

    @cached_property
    def reduced_costs(self) -> Bounded:
        problem, sign = self.case.problem, self.case.sign
        weights = self.multipliers.weighted_rows()
        gradient = sign * problem.c
        if self.square is not None:
            joined = Bounded(gradient, np.zeros(problem.n)) + Bounded(sign * self.square.value, self.square.error)
        else:
            joined = Bounded(gradient, np.zeros(problem.n))
        return joined + Bounded(-weights.value, weights.error)

    def exact_reduced_cost(self, j: int, *more: float) -> float:
        problem, sign = self.case.problem, self.case.sign
        terms: list[float | Fraction] = [sign * float(problem.c[j]), *more]
        terms.extend(-term for term in self.multipliers.exact_weight(j))
        if problem.Q is not None and self.center is not None:
            start, end = problem.Q.indptr[j : j + 2]
            columns, values = problem.Q.indices[start:end], problem.Q.data[start:end]
            terms.extend(exact_products(sign * values, self.center[columns]))
        return exact_sum(terms)

    def bound(self, goal: float) -> SafeBound | None:
        """A bound of the objective (sense of minimization), at best ``goal``; None if the objective was not shown to be
        convex."""
        best = self._bound(goal)
        if best is None or _settled(best, goal) or not (best.open or self._endless()):
            return best
        for bound in self._repaired(best, goal):
            best = _better(best, bound, goal)
            if _settled(best, goal):
                return best
        for dust in DUST:
            if best.value >= goal and not best.leans:
                break
            best = _better(best, Dual(self.case, *self.given, dust)._bound(goal), goal)
        return best

    def _endless(self) -> tuple[int, ...]:
        """The variables whose reduced cost points to where they have no bound of their own."""
        problem, reduced = self.case.problem, self.reduced_costs
        below = np.isneginf(problem.lower) & (reduced.value > reduced.error)
        above = np.isposinf(problem.upper) & (reduced.value < -reduced.error)
        return tuple(np.flatnonzero(below | above).tolist())

    def _repaired(self, bound: SafeBound, goal: float) -> Iterator[SafeBound]:
        """Bounds by multipliers near these ones with the right signs where the bound fails, for as long as others turn
        wrong by that; only where nothing is wrong by more than the tolerance."""
        problem, dual, wrong = self.case.problem, self, set(bound.open or self._endless())
        for _ in range(REPAIRS):
            columns = np.array(sorted(wrong))
            if (np.abs(dual.reduced_costs.value) > self._allowed)[columns].any():
                return  # these are not imprecise, but wrong
            y = repaired(problem, self.case.entries, dual.multipliers.y, dual.reduced_costs, columns)
            if y is None:
                return
            dual = Dual(self.case, y, self.given[1])
            found = dual._bound(goal)
            if found is None:
                return
            yield found
            more = found.open or dual._endless()
            if wrong.issuperset(more):
                return
            wrong.update(more)

    def _bound(self, goal: float) -> SafeBound | None:
        case, problem = self.case, self.case.problem
        if problem.nonlinear is not None and problem.nonlinear.objective is not None:
            return None
        curvature = case.curvature
        if curvature is None:
            return None
        value, error = self.multipliers.weighted_sides()
        base = case.sign * problem.offset + value
        if self.square is not None and self.center is not None:
            half, half_error = total(0.5 * self.center * self.square.value)
            base -= case.sign * half
            error += half_error + 0.5 * total(np.abs(self.center) * self.square.error)[0] * (1 + 1e-9)
        error += 4 * UNIT * (abs(base) + abs(value) + abs(problem.offset))
        lagrangian = Lagrangian(
            base,
            error,
            self.reduced_costs,
            self._sizes(),
            curvature if self.square is not None else None,
            self.center,
            self.exact_reduced_cost,
        )
        size = None if case.point is None else np.abs(case.point.x)
        return safe_bound(lagrangian, problem, case.entries, goal, size, case.tolerances.primal)

    def _sizes(self) -> np.ndarray:
        """Of what the reduced costs are made of."""
        sizes: np.ndarray = np.abs(self.case.problem.c) + self.multipliers.sizes()
        if self.case.problem.Q is not None and self.center is not None:
            sizes = sizes + Entries(self.case.problem.Q).sizes(self.center)
        return sizes

    @property
    def _allowed(self) -> np.ndarray:
        """By how much each reduced cost may have the wrong sign."""
        allowed: np.ndarray = self.case.tolerances.dual * np.maximum(1.0, np.abs(self.case.problem.c))
        return allowed

    def check_signs(self) -> Check:
        """A dual must be zero or of the sign of a side that exists; so must a reduced cost."""
        case, problem = self.case, self.case.problem
        reduced = self.reduced_costs
        allowed = self._allowed
        worst = worst_violation(
            reduced,
            np.where(problem.upper == np.inf, 0.0, -np.inf),
            np.where(problem.lower == -np.inf, 0.0, np.inf),
            allowed,
            self.exact_reduced_cost,
        )
        misfit = self.multipliers.misfit
        rows_fit = misfit.amount <= case.tolerances.dual
        costs_fit = worst is None or not worst.failures
        if not rows_fit and (costs_fit or worst is None or misfit.amount > worst.amount):
            where = (
                f"the dual of {misfit.place} has the wrong sign or lies outside the dual cone by {misfit.amount:.3g}"
            )
            return Check(
                "dual-feasibility", "failed", f"Not dual feasible: {where}.", misfit.amount, case.tolerances.dual
            )
        if worst is None:
            return Check(
                "dual-feasibility", "passed", "Every dual has the right sign.", misfit.amount, case.tolerances.dual
            )
        amount, limit, arithmetic = worst.amount, float(allowed[worst.index]), worst.arithmetic
        if costs_fit and misfit.amount > amount:
            amount, limit, arithmetic = misfit.amount, case.tolerances.dual, "double"
        if costs_fit:
            text = f"Every dual and reduced cost has the right sign; the largest violation is {amount:.3g}."
        else:
            text = (
                f"Not dual feasible: the reduced cost of variable {problem.variable_name(worst.index)!r} is "
                f"{case.sign * reduced.value[worst.index]:.6g}, and it has no bound that would allow that"
                + (f"; {worst.failures - 1} more are wrong." if worst.failures > 1 else ".")
            )
        return Check(SIGNS, verdict(costs_fit), text, amount, limit, arithmetic)

    def check_complementarity(self) -> Check | None:
        """A dual may differ from zero only where its row is at the side of its sign; reduced costs likewise."""
        case, problem, point = self.case, self.case.problem, self.case.point
        if point is None or case.objective is None:
            return None
        y, d, x, activity = self.multipliers.y, self.reduced_costs, point.x, point.activity
        row_side = np.where(y > 0, problem.row_lower, problem.row_upper)
        bound = np.where(d.value > 0, problem.lower, problem.upper)
        row_terms = np.where(y == 0, 0.0, np.abs(y * (activity.value - row_side)))
        row_errors = np.abs(y) * activity.error
        terms = np.where(np.isinf(bound), 0.0, np.abs(d.value * (x - bound)))
        errors = np.where(np.isinf(bound), 0.0, d.error * np.abs(x - bound))
        allowed = case.tolerances.continuous_gap(case.objective)
        sizes = [
            (terms, errors, "variable", problem.variable_name),
            (row_terms, row_errors, "row", problem.constraint_name),
        ]
        worst, place = 0.0, ""
        for products, rounding, kind, name in sizes:
            sure = products - rounding
            if sure.size and float(sure.max()) > worst:
                k = int(sure.argmax())
                worst, place = float(products[k]), f"{kind} {name(k)!r}"
        if case.cones is not None and self.multipliers.s.size:
            argument = case.cones.argument(x)
            s = self.multipliers.s
            products = np.abs(np.bincount(case.cones.of, s * argument.value, minlength=case.cones.sizes.size))
            k = int(products.argmax())
            if products[k] > worst:
                worst, place = float(products[k]), f"cone {k}"
        passed = worst <= allowed
        if passed:
            where = f"; the largest product is {worst:.3g}, at {place}" if place and worst > 0 else ""
            text = f"Complementary slackness holds{where}."
        else:
            text = f"At {place}, neither the slack nor its dual or reduced cost is zero: their product is {worst:.3g}."
        return Check("complementary-slackness", verdict(passed), text, worst, allowed)

    def check_reduced_costs(self) -> Check | None:
        """The engine's reduced costs against the recomputed ones."""
        case = self.case
        if case.answer.reduced_costs is None:
            return None
        recomputed = Bounded(case.sign * self.reduced_costs.value, self.reduced_costs.error)
        return check_agreement(
            "reduced-costs",
            "The reduced cost of variable",
            case.answer.reduced_costs,
            recomputed,
            case.problem.variable_name,
            case.tolerances.dual,
        )


def _settled(bound: SafeBound, goal: float) -> bool:
    return bound.value >= goal and bound.reach == np.inf


def _better(one: SafeBound, other: SafeBound | None, goal: float) -> SafeBound:
    """Which proves more: the goal, then without leaning, then for more points, then by value."""

    def worth(bound: SafeBound) -> tuple[bool, bool, float, float]:
        enough = bound.value >= goal
        return enough, not bound.leans, bound.reach if enough else 0.0, bound.value

    return one if other is None or worth(other) <= worth(one) else other


def _without(values: np.ndarray, dust: float) -> np.ndarray:
    """Entries up to ``dust`` times the largest are zeros."""
    if not dust or not values.size:
        return values
    sizes = np.abs(values)
    return np.where(sizes <= dust * sizes.max(), 0.0, values)
