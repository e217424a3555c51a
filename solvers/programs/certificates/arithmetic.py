"""Sums of products with rigorous error bounds, and exact ones where an error bound cannot decide.

Notation and bounds: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3; products
without error: T. J. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18 (1971).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import scipy.sparse as sp

#: Half the distance of 1 to the next double: the largest relative error of one operation.
UNIT = 2.0**-53

#: Larger than any error that underflow can add in one product. Multipliers below ``FLUSHED`` are taken as zero before
#: they are multiplied, so that only matrices with entries below 1e-100 need it.
UNDERFLOW = 1e-320
FLUSHED = 1e-200

#: Vectors up to this length are summed without any error but the last rounding; longer ones in blocks of this size.
SHORT, BLOCK = 2048, 64

_SPLITTER = 134217729.0  # 2**27 + 1
_SAFE_SMALL, _SAFE_LARGE = 2.0**-480, 2.0**480


@dataclass(frozen=True, slots=True)
class Bounded:
    """Doubles whose distance from the exact values is at most ``error``; infinite where the value overflowed."""

    value: np.ndarray
    error: np.ndarray

    def __add__(self, other: Bounded) -> Bounded:
        value = self.value + other.value
        return Bounded(value, (self.error + other.error) * (1 + 4 * UNIT) + UNIT * np.abs(value))


class Entries:
    """A sparse matrix as triples, ready for products in both directions with rigorous errors: O(nnz), no loops."""

    def __init__(self, matrix: sp.csr_array) -> None:
        self.matrix = matrix
        self.m, self.n = matrix.shape
        self.columns = matrix.indices
        self.values = matrix.data
        self.row_counts = np.diff(matrix.indptr)
        self.rows = np.repeat(np.arange(self.m), self.row_counts)

    @cached_property
    def column_counts(self) -> np.ndarray:
        return np.bincount(self.columns, minlength=self.n)

    @cached_property
    def by_columns(self) -> sp.csc_array:
        return sp.csc_array(self.matrix)

    def times(self, x: np.ndarray) -> Bounded:
        """The product with the vector x."""
        return self._sums(self.rows, self.values * x[self.columns], self.m, self.row_counts)

    def transposed_times(self, y: np.ndarray) -> Bounded:
        """The product of the transposed matrix with the vector y."""
        return self._sums(self.columns, self.values * y[self.rows], self.n, self.column_counts)

    def sizes(self, x: np.ndarray) -> np.ndarray:
        """|A| |x|: of what is summed in the product with x, rounded."""
        return np.bincount(self.rows, np.abs(self.values * x[self.columns]), minlength=self.m).astype(np.float64)

    def transposed_sizes(self, y: np.ndarray) -> np.ndarray:
        """|A|' |y|: of what is summed in the product of the transposed matrix with y, rounded."""
        return np.bincount(self.columns, np.abs(self.values * y[self.rows]), minlength=self.n).astype(np.float64)

    @cached_property
    def _smallest_product(self) -> float:
        """What underflow may add to a product with a number of at least 1e-200: nothing, but for tiny entries."""
        return UNDERFLOW if self.values.size and np.abs(self.values).min() < 1e-100 else 0.0

    def _sums(self, places: np.ndarray, products: np.ndarray, size: int, counts: np.ndarray) -> Bounded:
        """Sums of products that go to the same place. A sum of k products has an error of at most gamma_k times the sum
        of their sizes; two more units and the factor 1.01 cover the rounding of that sum itself (k < 1e13)."""
        value = np.bincount(places, products, minlength=size).astype(np.float64)  # of nothing: integers
        sizes = np.bincount(places, np.abs(products), minlength=size)
        return Bounded(value, (counts + 2) * (1.01 * UNIT * sizes + self._smallest_product))

    def row(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Columns and values of row i."""
        start, end = self.matrix.indptr[i : i + 2]
        return self.columns[start:end], self.values[start:end]

    def column(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and values of column j (the first call costs O(nnz))."""
        start, end = self.by_columns.indptr[j : j + 2]
        return self.by_columns.indices[start:end], self.by_columns.data[start:end]


def stacked(rows: Sequence[tuple[np.ndarray, np.ndarray]], n: int) -> sp.csr_array:
    """The matrix of n columns whose rows have these (columns, values)."""
    indptr = np.concatenate(([0], np.cumsum([columns.size for columns, _ in rows], dtype=np.int64)))
    columns = np.concatenate([np.empty(0, dtype=np.int64), *(columns for columns, _ in rows)])
    values = np.concatenate([np.empty(0), *(values for _, values in rows)])
    return sp.csr_array((values, columns.astype(np.int64), indptr), shape=(len(rows), n))


def some(mask: np.ndarray) -> bool:
    """``mask.any()``, three times as fast on short arrays."""
    return bool(np.count_nonzero(mask))


def total(terms: np.ndarray) -> tuple[float, float]:
    """The sum of doubles and a bound of its error, counting a rounding of each term when it was made."""
    block = 1
    if terms.size > SHORT:
        block = BLOCK
        whole = terms.size - terms.size % block
        sizes = np.abs(terms)
        sizes = np.append(sizes[:whole].reshape(-1, block).sum(axis=1), sizes[whole:])
        terms = np.append(terms[:whole].reshape(-1, block).sum(axis=1), terms[whole:])
    else:
        sizes = np.abs(terms)
    try:
        value, size = math.fsum(terms.tolist()), math.fsum(sizes.tolist())
    except (OverflowError, ValueError):
        return float(terms.sum()), math.inf
    return value, UNIT * ((block + 1) * 1.01 * size + abs(value)) + (terms.size * block) * UNDERFLOW


def exact_dot(a: np.ndarray, b: np.ndarray, *more: float) -> float:
    """``sum(a * b) + sum(more)`` of finite doubles, correctly rounded: its sign, and whether it is zero, are exact."""
    return exact_sum([*exact_products(a, b), *more])


def exact_sum(terms: Iterable[float | Fraction]) -> float:
    """The sum of finite numbers, correctly rounded; never zero unless it is."""
    terms = list(terms)
    if Fraction not in set(map(type, terms)):
        try:
            return math.fsum(terms)
        except OverflowError:
            return nearest_double(sum((Fraction(term) for term in terms), Fraction(0)))
    return nearest_double(sum((Fraction(term) for term in terms), Fraction(0)))


def exact_products(a: np.ndarray, b: np.ndarray, c: np.ndarray | None = None) -> Sequence[float | Fraction]:
    """Numbers whose exact sum is that of the products ``a * b`` (or ``a * b * c``) of finite doubles.

    They are doubles where products can be split without error, and rational numbers where exponents are too far out.
    """
    halves = _split_product(a, b)
    if halves is not None and c is not None:
        halves = _split_product(halves, np.concatenate((c, c)))
    if halves is not None:
        exact: list[float] = halves.tolist()
        return exact
    factors = [a.tolist(), b.tolist()] if c is None else [a.tolist(), b.tolist(), c.tolist()]
    return [math.prod(map(Fraction, group), start=Fraction(1)) for group in zip(*factors, strict=True)]


def _split_product(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The rounded products, then their rounding errors; None where these are no doubles."""
    for factor in (a, b):
        sizes = np.abs(factor[factor != 0])
        if sizes.size and not (sizes.min() >= _SAFE_SMALL and sizes.max() <= _SAFE_LARGE):
            return None
    product = a * b
    a_high, b_high = _high_part(a), _high_part(b)
    a_low, b_low = a - a_high, b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return np.concatenate((product, error))


def _high_part(a: np.ndarray) -> np.ndarray:
    scaled = _SPLITTER * a
    high: np.ndarray = scaled - (scaled - a)
    return high


def nearest_double(number: Fraction) -> float:
    """The nearest double; infinite beyond the doubles, and never zero for a number that is not: signs stay exact."""
    try:
        value = float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
    if value == 0.0 and number:
        return 5e-324 if number > 0 else -5e-324
    return value
