"""The sizes of a program's numbers, and what in them makes trouble for solvers in double precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.analysis.kind_rules import binary_variables
from solvers.programs.problem import INTEGER, Program

#: Orders of magnitude between the smallest and largest number of one kind above which scaling suffers.
WIDE_RANGE = 1e9

#: Solvers drop coefficients below this (HiGHS: small_matrix_value), and refuse those from 1e15 on.
TINY, HUGE = 1e-9, 1e15

#: A coefficient of a binary variable this much larger than any other in its row, and at least BIG, is a big M.
BIG_RATIO, BIG = 1e3, 1e4

#: With larger values of an integer variable, an integrality tolerance of 1e-6 is below the precision of the LP solver.
LARGE_INTEGER = 1e9

#: Larger finite bounds and sides are probably meant to be infinite.
LARGE_BOUND = 1e9


@dataclass(frozen=True)
class Range:
    """Smallest and largest absolute value of the nonzero, finite numbers of one kind; None if there are none."""

    smallest: float | None
    largest: float | None

    @property
    def ratio(self) -> float:
        """Largest by smallest; 1 if there are none."""
        return self.largest / self.smallest if self.largest and self.smallest else 1.0


@dataclass(frozen=True)
class Numerics:
    """Attributes:
    matrix, objective, sides, bounds, quadratic: ranges of A, c, the row sides, the variable bounds and Q.
    widest_row: (row, ratio) of the row whose coefficients differ most; None without rows.
    big_m_rows: number of rows with a big M; ``largest_big_m`` is the largest of these coefficients, 0 without.
    warnings: in plain words, the most important first.
    """

    matrix: Range
    objective: Range
    sides: Range
    bounds: Range
    quadratic: Range
    widest_row: tuple[int, float] | None
    big_m_rows: int
    largest_big_m: float
    warnings: tuple[str, ...]


def numerics_of(program: Program) -> Numerics:
    matrix = _range(program.A.data)
    objective = _range(program.c)
    sides = _range(np.concatenate([program.row_lower, program.row_upper]))
    bounds = _range(np.concatenate([program.lower, program.upper]))
    quadratic = _range(np.zeros(0) if program.Q is None else program.Q.data)
    widest = _widest_row(program)
    big, size = _big_m(program)
    warnings = [
        *_coefficient_warnings(program, matrix, widest),
        *_big_m_warning(program, big, size),
        *_range_warnings(objective, sides, quadratic),
        *_bound_warnings(program),
    ]
    return Numerics(matrix, objective, sides, bounds, quadratic, widest, int(big.size), size, tuple(warnings))


def _range(values: np.ndarray) -> Range:
    magnitude = np.abs(values[np.isfinite(values) & (values != 0)])
    return Range(float(magnitude.min()), float(magnitude.max())) if magnitude.size else Range(None, None)


def _widest_row(program: Program) -> tuple[int, float] | None:
    A = program.A
    used = np.flatnonzero(np.diff(A.indptr) > 0)
    if not used.size:
        return None
    starts = A.indptr[:-1][used]
    magnitude = np.abs(A.data)
    ratio = np.maximum.reduceat(magnitude, starts) / np.minimum.reduceat(magnitude, starts)
    k = int(np.argmax(ratio))
    return int(used[k]), float(ratio[k])


def _big_m(program: Program) -> tuple[np.ndarray, float]:
    """Inequalities in which binary variables have by far the largest coefficients, besides other variables."""
    A = program.A
    size = np.diff(A.indptr)
    used = np.flatnonzero((size > 1) & (program.row_lower != program.row_upper))
    if not used.size:
        return used, 0.0
    row = np.repeat(np.arange(program.m), size)
    binary = binary_variables(program)[A.indices]
    magnitude = np.abs(A.data)
    of_binary, of_others = np.zeros(program.m), np.zeros(program.m)
    np.maximum.at(of_binary, row[binary], magnitude[binary])
    np.maximum.at(of_others, row[~binary], magnitude[~binary])
    big = (of_others > 0) & (of_binary >= BIG) & (of_binary >= BIG_RATIO * of_others)
    rows = used[big[used]]
    return rows, float(of_binary[rows].max()) if rows.size else 0.0


def _coefficient_warnings(program: Program, matrix: Range, widest: tuple[int, float] | None) -> list[str]:
    found = []
    if matrix.largest is None or matrix.smallest is None:
        return []
    if matrix.largest >= HUGE:
        found.append(f"A coefficient is {matrix.largest:.3g}: solvers refuse coefficients from {HUGE:g} on.")
    if matrix.smallest <= TINY:
        count = int(np.count_nonzero(np.abs(program.A.data) <= TINY))
        found.append(f"{counted(count, 'coefficient is', 'coefficients are')} at most {TINY:g}: solvers drop them.")
    if matrix.ratio > WIDE_RANGE:
        found.append(
            f"The coefficients of the constraints reach from {matrix.smallest:.3g} to {matrix.largest:.3g}: more than "
            "nine orders of magnitude, so that answers may be imprecise. Other units may help."
        )
    if widest is not None and widest[1] > WIDE_RANGE:
        found.append(f"In row {program.constraint_name(widest[0])!r} one coefficient is {widest[1]:.2g} times another.")
    return found


def _big_m_warning(program: Program, rows: np.ndarray, size: float) -> list[str]:
    if not rows.size:
        return []
    example = program.constraint_name(int(rows[0]))
    return [
        f"{counted(rows.size, 'row looks', 'rows look')} like a big-M constraint, with M up to {size:.3g} (for example "
        f"{example!r}): smaller values of M, or indicator constraints, make such programs tighter and safer."
    ]


def _range_warnings(objective: Range, sides: Range, quadratic: Range) -> list[str]:
    found = []
    for name, values in (("objective", objective), ("quadratic objective", quadratic)):
        if values.ratio > WIDE_RANGE:
            found.append(f"The coefficients of the {name} reach from {values.smallest:.3g} to {values.largest:.3g}.")
    if sides.ratio > WIDE_RANGE:
        found.append(f"The right-hand sides reach from {sides.smallest:.3g} to {sides.largest:.3g}.")
    return found


def _bound_warnings(program: Program) -> list[str]:
    found = []
    ends = np.stack([program.lower, program.upper])
    large = (np.isfinite(ends) & (np.abs(ends) >= LARGE_BOUND)).any(axis=0)
    integer = program.integrality == INTEGER
    wide = large & integer
    if wide.any():
        words = counted(int(wide.sum()), "integer variable has", "integer variables have")
        example = program.variable_name(int(np.argmax(wide)))
        found.append(
            f"{words} a bound of {LARGE_INTEGER:g} or more (for example {example!r}): such values cannot be told from "
            "fractional ones within tolerances."
        )
    loose = large & ~integer
    if loose.any():
        words = counted(int(loose.sum()), "variable has", "variables have")
        example = program.variable_name(int(np.argmax(loose)))
        found.append(
            f"{words} a finite bound of {LARGE_BOUND:g} or more (for example {example!r}): leave out what is not meant."
        )
    return found


def counted(count: int, one: str, more: str) -> str:
    """The count with the right word."""
    return f"{count} {one if count == 1 else more}"
