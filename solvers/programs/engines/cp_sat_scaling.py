"""Exact scaling to integers, which is all that CP-SAT computes with; and the bounds that it needs of every variable.

A double is read as the shortest decimal that denotes it (0.1 is one tenth), which is what people mean by it and differs
from the double by less than any tolerance.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from solvers.core.errors import UnsupportedProblem
from solvers.programs.engines.settings import can_solve
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

#: CP-SAT computes with 64 bits; sums must stay this far from overflow.
LARGEST_SUM = 2**61

#: Denominators above this one are taken as a sign that the numbers are not meant to be fractions.
LARGEST_DENOMINATOR = 10**9

#: A scaled side this close to an integer (relative) is that integer: 0.1 + 0.2 is 0.3.
NEAR = 1e-9

#: Rounds of bound propagation for variables without bounds.
_ROUNDS = 5


def scaled(values: list[float], what: str, pointer: str) -> tuple[list[int], Fraction]:
    """Integers without common divisor that are ``values`` times the returned positive scale.

    Raises:
        UnsupportedProblem: the decimals have no common denominator of reasonable size.
    """
    if all(value.is_integer() for value in values):
        numbers, denominator = [int(value) for value in values], 1
    else:
        fractions = [Fraction(repr(value)) for value in values]
        denominator = math.lcm(*(fraction.denominator for fraction in fractions))
        if denominator > LARGEST_DENOMINATOR:
            raise UnsupportedProblem(
                f"CP-SAT needs integers; the coefficients of {what} are some only when multiplied by {denominator:.3g}",
                pointer=pointer,
                hint="round or scale them, or use another engine, such as highs or scip",
            )
        numbers = [int(fraction * denominator) for fraction in fractions]
    divisor = math.gcd(*numbers) or 1
    return [number // divisor for number in numbers], Fraction(denominator, divisor)


def scaled_side(side: float, scale: Fraction, *, up: bool) -> int:
    """The scaled side, rounded inwards (up for a lower side) unless it is an integer but for rounding."""
    exact = Fraction(repr(side)) * scale
    nearest = round(exact)
    if abs(exact - nearest) <= NEAR * max(1, abs(nearest)):
        return nearest
    return math.ceil(exact) if up else math.floor(exact)


def require_small_sums(numbers: list[int], largest: list[int], what: str, pointer: str) -> None:
    """Raise ``UnsupportedProblem`` if a sum of numbers times variables could overflow."""
    if sum(abs(a) * b for a, b in zip(numbers, largest, strict=True)) > LARGEST_SUM:
        raise UnsupportedProblem(
            f"CP-SAT computes with 64-bit integers, which {what} can exceed within the variables' bounds",
            pointer=pointer,
            hint="tighten the bounds or scale the row",
        )


def require_integral(problem: Program) -> None:
    """Raise ``UnsupportedProblem`` unless every variable is integer, by declaration or by an equation."""
    whole = (problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER)
    whole |= (problem.lower == problem.upper) & (problem.lower == np.rint(problem.lower))
    if not whole.all() and (problem.integrality < SEMI_CONTINUOUS).any():
        _mark_implied(problem, whole)
    if not whole.all():
        j = int(np.argmin(whole))
        raise UnsupportedProblem(
            f"CP-SAT takes integer variables only, and {problem.variable_name(j)!r} is continuous",
            pointer=f"/integrality/{j}",
            hint=can_solve(problem, but="cp-sat"),
        )


def _mark_implied(problem: Program, whole: np.ndarray) -> None:
    """A continuous variable is integer if an equation gives it as a sum of integers times integers."""
    A = problem.A
    equations = np.flatnonzero(problem.row_lower == problem.row_upper)
    changed = True
    while changed:
        changed = False
        for i in equations.tolist():
            row = slice(A.indptr[i], A.indptr[i + 1])
            columns, values = A.indices[row], A.data[row]
            loose = np.flatnonzero(~whole[columns])
            if loose.size != 1 or problem.integrality[columns[loose[0]]] >= SEMI_CONTINUOUS:
                continue
            others = np.append(np.delete(values, loose[0]), problem.row_lower[i]) / values[loose[0]]
            if (np.abs(others - np.rint(others)) <= 1e-12 * np.maximum(1.0, np.abs(others))).all():
                whole[columns[loose[0]]] = changed = True


def require_exact(problem: Program) -> None:
    """Raise ``UnsupportedProblem`` unless everything can be scaled to integers; builds no model."""
    require_integral(problem)
    integer_bounds(problem)
    A = problem.A
    broken = A.data != np.rint(A.data)
    for i in np.unique(np.repeat(np.arange(problem.m), np.diff(A.indptr))[broken]).tolist():
        row = A.data[A.indptr[i] : A.indptr[i + 1]].tolist()
        scaled(row, f"row {problem.constraint_name(i)!r}", f"/A/data/{A.indptr[i]}")
    scaled(problem.c[np.flatnonzero(problem.c)].tolist(), "the objective", "/c")


def integer_bounds(problem: Program) -> tuple[list[int], list[int]]:
    """Finite integer bounds of every variable; where the program has none, those that its rows imply.

    Raises:
        UnsupportedProblem: a variable has none, naming it.
    """
    low, high = problem.lower.copy(), problem.upper.copy()
    semi = problem.integrality >= SEMI_CONTINUOUS
    low[semi], high[semi] = np.minimum(low[semi], 0.0), np.maximum(high[semi], 0.0)
    for _ in range(_ROUNDS):
        open_columns = ~(np.isfinite(low) & np.isfinite(high))
        if not open_columns.any() or not _propagate(problem, low, high, open_columns):
            break
    bad = ~(np.isfinite(low) & np.isfinite(high)) | (np.maximum(np.abs(low), np.abs(high)) > 2.0**53)
    if bad.any():
        j = int(np.argmax(bad))
        raise UnsupportedProblem(
            f"CP-SAT needs bounds of every variable; {problem.variable_name(j)!r} has none that the rows imply",
            pointer=f"/upper/{j}" if not np.isfinite(high[j]) else f"/lower/{j}",
            hint="give it bounds, or use another engine, such as highs or scip",
        )
    return [math.ceil(v - 1e-9) for v in low.tolist()], [math.floor(v + 1e-9) for v in high.tolist()]


def _propagate(problem: Program, low: np.ndarray, high: np.ndarray, wanted: np.ndarray) -> bool:
    """Derive bounds of the wanted variables from the rows that hold them; True if something was found."""
    A = problem.A
    rows = np.unique(np.repeat(np.arange(problem.m), np.diff(A.indptr))[wanted[A.indices]])
    found = False
    for i in rows.tolist():
        row = slice(A.indptr[i], A.indptr[i + 1])
        columns, values = A.indices[row], A.data[row]
        at_least = values * np.where(values > 0, low[columns], high[columns])
        at_most = values * np.where(values > 0, high[columns], low[columns])
        for k in np.flatnonzero(wanted[columns]).tolist():
            j, a = columns[k], values[k]
            top = (problem.row_upper[i] - np.delete(at_least, k).sum()) / a
            bottom = (problem.row_lower[i] - np.delete(at_most, k).sum()) / a
            if a < 0:
                top, bottom = bottom, top
            if np.isposinf(high[j]) and np.isfinite(top):
                high[j], found = np.floor(top + 1e-6), True
            if np.isneginf(low[j]) and np.isfinite(bottom):
                low[j], found = np.ceil(bottom - 1e-6), True
    return found
