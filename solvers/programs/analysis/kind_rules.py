"""The rules by which rows are sorted into kinds: see ``kinds`` for the definitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from solvers.programs.analysis.kind_table import CODE, NONE
from solvers.programs.problem import CONTINUOUS, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

#: Two numbers count as equal, and a number as whole, within this (relative above 1): MIPLIB's own tolerance.
TOLERANCE = 1e-9


@dataclass
class Rows:
    """What the rules look at, by row.

    Attributes:
        low, high: the sides not yet classified.
        integral, continuous, binary, binary_integers, nonnegative: all variables are integer; are continuous; are
            binary; are binary unless continuous; have no negative lower bound.
        uniform, scale: all coefficients have the same absolute value, which is ``scale``.
        whole: all coefficients are whole numbers.
    """

    size: np.ndarray
    low: np.ndarray
    high: np.ndarray
    equation: np.ndarray
    integral: np.ndarray
    continuous: np.ndarray
    binary: np.ndarray
    binary_integers: np.ndarray
    nonnegative: np.ndarray
    uniform: np.ndarray
    scale: np.ndarray
    whole: np.ndarray
    negative_count: np.ndarray
    negative_sum: np.ndarray
    positive_sum: np.ndarray


class Labels:
    """The kinds given so far. A row's first label goes to ``first``, a further one to ``second``."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.first = np.full(rows.size.shape, NONE, dtype=np.int8)
        self.second = self.first.copy()

    @property
    def open(self) -> np.ndarray:
        """Rows without any label."""
        return np.asarray(self.first == NONE)

    def one(self, which: np.ndarray, kind: str) -> None:
        """One label for each of these rows."""
        again = which & ~self.open
        self.second[again] = CODE[kind]
        self.first[which & ~again] = CODE[kind]

    def close(self, which: np.ndarray, kind: str) -> None:
        """The label for all sides that are left of these rows: two of them if there are two different ones."""
        rows = self.rows
        twice = which & self.open & ~rows.equation & np.isfinite(rows.low) & np.isfinite(rows.high)
        self.one(which, kind)
        self.second[twice] = CODE[kind]
        rows.low[which], rows.high[which] = -np.inf, np.inf

    def upper(self, which: np.ndarray, kind: str) -> None:
        self.one(which, kind)
        self.rows.high[which] = np.inf

    def lower(self, which: np.ndarray, kind: str) -> None:
        self.one(which, kind)
        self.rows.low[which] = -np.inf


def _is_one(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(values - 1.0) <= TOLERANCE)


def _is_whole(values: np.ndarray) -> np.ndarray:
    """Finite and within the tolerance of a whole number."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(values - np.round(values))
    return np.asarray(np.isfinite(values) & (distance <= TOLERANCE * np.maximum(1.0, np.abs(values))))


def _is_count(values: np.ndarray) -> np.ndarray:
    """Whole and not negative."""
    return _is_whole(values) & (values >= -TOLERANCE)


def binary_variables(program: Program) -> np.ndarray:
    """True for integer variables (semi-integer ones too) that can only be 0 or 1."""
    integer = (program.integrality == INTEGER) | (program.integrality == SEMI_INTEGER)
    return np.asarray(integer & (program.lower > -1.0) & (program.upper < 2.0))


def _per_row(A: sp.csr_array, values: np.ndarray) -> np.ndarray:
    """Sums of values, one for each entry of A, over its rows."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return np.asarray(total[A.indptr[1:]] - total[A.indptr[:-1]])


def rows_of(program: Program) -> Rows:
    A = program.A
    size = np.diff(A.indptr)
    used = size > 0
    starts = A.indptr[:-1][used]
    magnitude = np.abs(A.data)
    smallest, largest = np.ones(program.m), np.ones(program.m)
    if starts.size:
        smallest[used] = np.minimum.reduceat(magnitude, starts)
        largest[used] = np.maximum.reduceat(magnitude, starts)
    integer = (program.integrality == INTEGER) | (program.integrality == SEMI_INTEGER)
    binary = binary_variables(program)
    negative_lower = np.where(program.integrality >= SEMI_CONTINUOUS, np.minimum(program.lower, 0), program.lower) < 0
    columns, negative = A.indices, A.data < 0
    whole = _is_whole(A.data)
    low, high = program.row_lower.copy(), program.row_upper.copy()
    with np.errstate(invalid="ignore"):
        equation = np.abs(high - low) <= TOLERANCE * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    equation &= np.isfinite(low) & np.isfinite(high)
    negative_sum = np.zeros(program.m)
    positive_sum = np.zeros(program.m)
    if starts.size:
        negative_sum[used] = np.add.reduceat(np.where(negative, A.data, 0.0), starts)
        positive_sum[used] = np.add.reduceat(np.where(negative, 0.0, A.data), starts)
    return Rows(
        size=size,
        low=low,
        high=high,
        equation=equation,
        integral=_per_row(A, integer[columns]) == size,
        continuous=_per_row(A, integer[columns]) == 0,
        binary=_per_row(A, binary[columns]) == size,
        binary_integers=_per_row(A, (integer & ~binary)[columns]) == 0,
        nonnegative=_per_row(A, negative_lower[columns]) == 0,
        uniform=largest - smallest <= TOLERANCE * np.maximum(1.0, largest),
        scale=largest,
        whole=_per_row(A, whole) == size,
        negative_count=_per_row(A, negative),
        negative_sum=negative_sum,
        positive_sum=positive_sum,
    )


def label_pairs(program: Program, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of rows with two variables: those with ``a x - a y`` of one type, and other ones with a binary variable."""
    A = program.A
    at = A.indptr[:-1][which]
    binary = binary_variables(program)
    kind = np.where(np.isin(program.integrality, (CONTINUOUS, SEMI_CONTINUOUS)), 0, np.where(binary, 2, 1))
    first, second = kind[A.indices[at]], kind[A.indices[at + 1]]
    a, b = A.data[at], A.data[at + 1]
    opposite = np.abs(a + b) <= TOLERANCE * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    alike = which.copy()
    alike[which] = (first == second) & opposite
    switch = which & ~alike
    switch[which] &= (first == 2) | (second == 2)
    return alike, switch


def label_sums(labels: Labels, literal: bool) -> None:
    """Sums of binary variables, some complemented, with a common factor."""
    rows = labels.rows
    sums = labels.open & rows.binary & rows.uniform
    # a'x <= high means that at most `most` of the literals are 1; low <= a'x that at least `least` are, and so at most
    # `size - least` of their complements
    with np.errstate(invalid="ignore"):
        most = rows.high / rows.scale + rows.negative_count
        least = rows.low / rows.scale + rows.negative_count
    equal = sums & rows.equation
    labels.close(equal & _is_one(most), "set-partitioning")
    labels.close(equal & ~_is_one(most) & _is_count(most), "cardinality")
    upper = sums & np.isfinite(rows.high)
    labels.upper(upper & _is_one(most), "set-packing")
    labels.upper(upper & ~_is_one(most) & _is_count(most), "invariant-knapsack")
    lower = sums & ~rows.equation & np.isfinite(rows.low)
    covering = lower & _is_one(least)
    labels.lower(covering, "set-covering")
    if not literal:
        packing = lower & ~covering & _is_one(rows.size - least)
        labels.lower(packing, "set-packing")
        labels.lower(lower & ~covering & ~packing & _is_count(rows.size - least), "invariant-knapsack")


def label_knapsacks(program: Program, labels: Labels, literal: bool) -> None:
    """Weighted sums of binary variables; complementing makes all weights positive."""
    rows = labels.rows
    items = rows.binary & rows.whole
    upper = items & np.isfinite(rows.high)
    capacity = rows.high - rows.negative_sum
    upper &= _is_count(capacity)
    labels.close(upper & rows.equation, "equation-knapsack")
    upper &= ~rows.equation
    bins = upper & _has_weight(program.A, capacity)
    labels.upper(bins, "bin-packing")
    labels.upper(upper & ~bins, "knapsack")
    if not literal:
        capacity = rows.positive_sum - rows.low
        lower = items & ~rows.equation & np.isfinite(rows.low) & _is_count(capacity)
        bins = lower & _has_weight(program.A, capacity)
        labels.lower(bins, "bin-packing")
        labels.lower(lower & ~bins, "knapsack")


def _has_weight(A: sp.csr_array, capacity: np.ndarray) -> np.ndarray:
    """Rows with a coefficient of the absolute value ``capacity``."""
    wanted = np.repeat(capacity, np.diff(A.indptr))
    with np.errstate(invalid="ignore"):
        equal = np.abs(np.abs(A.data) - wanted) <= TOLERANCE * np.maximum(1.0, np.abs(wanted))
    return _per_row(A, equal) > 0


def label_integer_knapsacks(labels: Labels, literal: bool) -> None:
    rows = labels.rows
    items = rows.integral & rows.nonnegative & rows.whole
    labels.upper(items & (rows.negative_count == 0) & _is_count(rows.high), "integer-knapsack")
    if not literal:
        labels.lower(
            items & ~rows.equation & (rows.negative_count == rows.size) & _is_count(-rows.low), "integer-knapsack"
        )
