"""A point of a program with what follows from it: activities and objective, with rigorous error bounds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from solvers.programs.certificates.arithmetic import (
    UNIT,
    Bounded,
    Entries,
    exact_dot,
    exact_products,
    exact_sum,
    nearest_double,
    total,
)
from solvers.programs.certificates.nonlinear import enclosure
from solvers.programs.problem import Expression, Program


class Point:
    """``x`` must be n finite doubles. Everything else is computed when first asked for."""

    def __init__(self, problem: Program, entries: Entries, x: np.ndarray) -> None:
        self.problem = problem
        self.entries = entries
        self.x = x
        self._enclosures: dict[int, tuple[Fraction, Fraction] | None] = {}

    @cached_property
    def activity(self) -> Bounded:
        """A x, with the nonlinear parts of rows; an infinite error where a row is not defined at x."""
        linear = self.entries.times(self.x)
        if self.problem.nonlinear is None or not self.problem.nonlinear.rows:
            return linear
        value, error = linear.value.copy(), linear.error.copy()
        for i, expression in self.problem.nonlinear.rows.items():
            part, part_error = self._nonlinear(expression)
            value[i] += part
            error[i] += part_error + 2 * UNIT * (abs(value[i]) + error[i])
        return Bounded(value, error)

    def exact_row(self, i: int, *more: float) -> float:
        """Activity of row i plus ``more``, correctly rounded with an exact sign; NaN where the row is not defined at x.

        With a nonlinear part, a sum that cannot be told from zero within about 50 digits is given as zero.
        """
        columns, values = self.entries.row(i)
        expression = None if self.problem.nonlinear is None else self.problem.nonlinear.rows.get(i)
        if expression is None:
            return exact_dot(values, self.x[columns], *more)
        return self._with_nonlinear([*exact_products(values, self.x[columns]), *more], expression)

    @cached_property
    def gradient_of_square(self) -> Bounded | None:
        """Q x; None without a quadratic part."""
        return None if self.problem.Q is None or not self.problem.Q.nnz else Entries(self.problem.Q).times(self.x)

    @cached_property
    def objective(self) -> tuple[float, float]:
        """The objective at x and a bound of the error, in the user's sense; NaN where it is not defined."""
        problem = self.problem
        value, error = total(problem.c * self.x)
        square = self.gradient_of_square
        if square is not None:
            half, half_error = total(0.5 * self.x * square.value)
            value += half
            error += half_error + 0.5 * total(np.abs(self.x) * square.error)[0] * (1 + 1e-9)
        if problem.nonlinear is not None and problem.nonlinear.objective is not None:
            part, part_error = self._nonlinear(problem.nonlinear.objective)
            value += part
            error += part_error
        value += problem.offset
        return value, error + 4 * UNIT * (abs(value) + abs(problem.offset) + error)

    def exact_objective(self, *more: float) -> float:
        """The objective plus ``more``, rounded and signed as ``exact_row``; NaN where it is not defined."""
        problem = self.problem
        used = np.flatnonzero(problem.c)
        terms: list[float | Fraction] = [problem.offset, *more, *exact_products(problem.c[used], self.x[used])]
        if problem.Q is not None and problem.Q.nnz:
            entries = Entries(problem.Q)
            terms.extend(exact_products(0.5 * entries.values, self.x[entries.rows], self.x[entries.columns]))
        if problem.nonlinear is None or problem.nonlinear.objective is None:
            return exact_sum(terms)
        return self._with_nonlinear(terms, problem.nonlinear.objective)

    def _enclosure(self, expression: Expression) -> tuple[Fraction, Fraction] | None:
        key = id(expression)
        if key not in self._enclosures:
            self._enclosures[key] = enclosure(expression, self.x)
        return self._enclosures[key]

    def _nonlinear(self, expression: Expression) -> tuple[float, float]:
        enclosed = self._enclosure(expression)
        if enclosed is None:
            return float("nan"), float("inf")
        value = nearest_double(enclosed[0])
        return value, nearest_double(enclosed[1] - enclosed[0]) * (1 + 4 * UNIT) + 2 * UNIT * abs(value)

    def _with_nonlinear(self, terms: Sequence[float | Fraction], expression: Expression) -> float:
        enclosed = self._enclosure(expression)
        if enclosed is None:
            return float("nan")
        base = sum((Fraction(term) for term in terms), Fraction(0))
        low, high = base + enclosed[0], base + enclosed[1]
        return 0.0 if low <= 0 <= high else nearest_double((low + high) / 2)
