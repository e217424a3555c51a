"""Exact linear algebra over a prime field: ranks of matrices of doubles without any rounding.

A double is a whole number times a power of two, so that it has a value modulo an odd prime. The rank there never
exceeds the true rank.
"""

from __future__ import annotations

import time

import numpy as np

PRIMES = (2**31 - 1, 2**31 - 19)


def residues(values: np.ndarray, prime: int) -> np.ndarray:
    """Finite doubles modulo an odd prime below 2**31, as int64."""
    mantissas, exponents = np.frexp(values)
    whole = (mantissas * 2.0**53).astype(np.int64) % prime
    shifts = exponents.astype(np.int64) - 53
    powers = {int(shift): pow(2, int(shift), prime) for shift in np.unique(shifts)}
    factors = np.array([powers[int(shift)] for shift in shifts.ravel()], dtype=np.int64).reshape(shifts.shape)
    result: np.ndarray = whole * factors % prime
    return result


def only_dependency(vectors: np.ndarray, prime: int, deadline: float) -> np.ndarray | None:
    """Coefficients of the one linear dependency among k vectors (the rows, residues): k residues, scaled so that the
    last non-zero one is 1.

    None if the vectors are independent, or have more than one dependency.

    Raises:
        TimeoutError: ``time.monotonic()`` passed the deadline.
    """
    matrix = vectors.T.copy() % prime  # the dependency is its null vector
    rows, k = matrix.shape
    pivots: list[int] = []
    free: list[int] = []
    for column in range(k):
        if time.monotonic() > deadline:
            raise TimeoutError
        rank = len(pivots)
        candidates = np.flatnonzero(matrix[rank:, column]) if rank < rows else np.empty(0, dtype=np.int64)
        if not candidates.size:
            free.append(column)
            if len(free) > 1:
                return None
            continue
        pivot = rank + int(candidates[0])
        matrix[[rank, pivot]] = matrix[[pivot, rank]]
        matrix[rank] = matrix[rank] * pow(int(matrix[rank, column]), -1, prime) % prime
        others = np.flatnonzero(matrix[:, column])
        others = others[others != rank]
        matrix[others] = (matrix[others] - matrix[others, column][:, None] * matrix[rank][None, :] % prime) % prime
        pivots.append(column)
    if not free:
        return None
    dependency = np.zeros(k, dtype=np.int64)
    dependency[free[0]] = 1
    dependency[pivots] = -matrix[: len(pivots), free[0]] % prime
    return dependency
