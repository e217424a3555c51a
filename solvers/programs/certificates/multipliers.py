"""Multipliers of rows and cones, made valid, and what they weigh: the material of every proof by duality.

Everything here is in the sense of minimization. For rows ``row_lower <= A x <= row_upper`` and cones ``F x + g in K``,
any y with the right signs and any s in K give, for every feasible x,

    y'(A x) + s'(F x)  >=  sum(y_i > 0: y_i row_lower_i) + sum(y_i < 0: y_i row_upper_i) - s'g.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solvers.programs.certificates.arithmetic import FLUSHED, UNIT, Bounded, Entries, exact_products, total
from solvers.programs.certificates.cones import Cones, pulled_into
from solvers.programs.problem import Program


@dataclass(frozen=True, slots=True)
class Misfit:
    """How far given multipliers were from valid ones: the largest change that was needed, and where."""

    amount: float = 0.0
    place: str = ""


class Multipliers:
    """Valid multipliers next to the given ones: those of a side that does not exist are set to zero, heads of cone
    multipliers are raised into the cone. A proof with them is as good as any.

    Attributes:
        y, s: m and sum(k) numbers; s is empty without cones.
        misfit: the largest change.
    """

    def __init__(
        self, problem: Program, entries: Entries, cones: Cones | None, y: np.ndarray, s: np.ndarray | None
    ) -> None:
        self.problem = problem
        self.entries = entries
        self.cones = cones
        no_lower, no_upper = problem.row_lower == -np.inf, problem.row_upper == np.inf
        self.y = np.where((y > 0) & no_lower | (y < 0) & no_upper | (np.abs(y) < FLUSHED), 0.0, y)
        changes = np.abs(self.y - y)
        worst = int(changes.argmax()) if changes.size else -1
        self.misfit = Misfit()
        if changes.size and changes[worst] > 0:
            self.misfit = Misfit(float(changes[worst]), f"row {problem.constraint_name(worst)!r}")
        if problem.nonlinear is not None and problem.nonlinear.rows:
            self.y[list(problem.nonlinear.rows)] = 0.0  # the row's curvature is unknown here: it proves nothing
        self.s = np.empty(0)
        if cones is not None and s is not None:
            self.s, outside, k = pulled_into(cones, np.where(np.abs(s) < FLUSHED, 0.0, s))
            if outside > self.misfit.amount:
                self.misfit = Misfit(outside, f"cone {k}")

    def weighted_rows(self) -> Bounded:
        """A'y + F's."""
        weights = self.entries.transposed_times(self.y)
        if self.s.size and self.cones is not None:
            weights = weights + self.cones.entries.transposed_times(self.s)
        return weights

    def sizes(self) -> np.ndarray:
        """|A|'|y| + |F|'|s|: of what is summed in the weighted rows."""
        sizes = self.entries.transposed_sizes(self.y)
        if self.s.size and self.cones is not None:
            sizes = sizes + self.cones.entries.transposed_sizes(self.s)
        return sizes

    def exact_weight(self, j: int) -> list[float | Fraction]:
        """Numbers whose exact sum is entry j of A'y + F's."""
        rows, values = self.entries.column(j)
        terms = list(exact_products(values, self.y[rows]))
        if self.s.size and self.cones is not None:
            rows, values = self.cones.entries.column(j)
            terms.extend(exact_products(values, self.s[rows]))
        return terms

    def weighted_sides(self) -> tuple[float, float]:
        """The right-hand side of the inequality above, and a bound of its error."""
        sides = np.where(self.y > 0, self.problem.row_lower, self.problem.row_upper)
        terms = np.where(self.y == 0, 0.0, self.y * sides)
        value, error = total(terms)
        if self.s.size and self.cones is not None:
            offset, offset_error = total(-self.s * self.cones.g)
            value += offset
            error += offset_error
        return value, error + 2 * UNIT * abs(value)
