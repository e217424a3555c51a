"""Sparse matrices as users send them, checked and brought into canonical CSR."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import InvalidProblem

#: Two mirrored entries of Q may differ by this much, relative to the larger: the trace of rounding, not of intent.
SYMMETRY_TOLERANCE = 1e-10


def checked_matrix(matrix: Any, pointer: str) -> sp.csr_array:
    """The matrix as a CSR array of doubles with sorted, distinct indices and no explicit zeros.

    CSR and CSC must not hold duplicate entries; COO entries are summed.

    Raises:
        InvalidProblem: not a matrix of numbers, an index out of range, a duplicate, an entry that is not finite.
    """
    if not sp.issparse(matrix):
        return _from_dense(matrix, pointer)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiub":
        raise InvalidProblem(f"{pointer[1:]} must be a two-dimensional matrix of real numbers", pointer=pointer)
    kind = matrix.format
    if kind == "coo":
        _require_coordinates(matrix, pointer)
    elif kind in ("csr", "csc"):
        _require_compressed(matrix, pointer)
    else:
        matrix = matrix.tocsr()
    if not np.isfinite(matrix.data).all():
        k = int(np.argmin(np.isfinite(matrix.data)))
        raise InvalidProblem(
            f"entry {k} of {pointer[1:]} is {matrix.data[k]}", pointer=f"{pointer}/data/{k}", hint="a finite number"
        )
    if kind == "csr" and matrix.has_sorted_indices and matrix.dtype == np.float64 and isinstance(matrix, sp.csr_array):
        result = matrix
    else:
        result = sp.csr_array(matrix, dtype=np.float64, copy=kind == "csr" and not matrix.has_sorted_indices)
        result.sort_indices()
    if kind not in ("csr", "csc"):
        result.sum_duplicates()
    elif not result.has_canonical_format:
        raise _duplicate(matrix, pointer)
    if not result.data.all():
        result = result.copy()
        result.eliminate_zeros()
    return result


def symmetric_matrix(matrix: Any, n: int, pointer: str) -> sp.csr_array | None:
    """The n by n symmetric matrix of which one triangle, or all of it, is given; None if it is zero."""
    Q = checked_matrix(matrix, pointer)
    if Q.shape != (n, n):
        raise InvalidProblem(f"{pointer[1:]} is {Q.shape[0]} by {Q.shape[1]}", pointer=pointer, hint=f"{n} by {n}")
    if not Q.nnz:
        return None
    rows = np.repeat(np.arange(n, dtype=Q.indices.dtype), np.diff(Q.indptr))
    above, below = bool((Q.indices > rows).any()), bool((Q.indices < rows).any())
    if not above and not below:
        return Q
    if above != below:
        mirrored = sp.csr_array(Q + Q.T - sp.diags_array(Q.diagonal(), format="csr"))
        mirrored.sort_indices()
        return mirrored
    difference = sp.csr_array(abs(Q - Q.T))
    if difference.nnz and (difference > SYMMETRY_TOLERANCE * abs(Q).maximum(abs(Q.T))).nnz:
        entries = sp.coo_array(difference)
        k = int(np.argmax(entries.data))
        i, j = int(entries.row[k]), int(entries.col[k])
        raise InvalidProblem(
            f"{pointer[1:]} is not symmetric: entry ({i}, {j}) is {Q[i, j]:.17g}, entry ({j}, {i}) is {Q[j, i]:.17g}",
            pointer=pointer,
            hint="one triangle, or both with equal entries",
        )
    if difference.nnz:
        Q = sp.csr_array((Q + Q.T) * 0.5)
        Q.sort_indices()
    return Q


def _from_dense(matrix: Any, pointer: str) -> sp.csr_array:
    try:
        dense = np.asarray(matrix)
        if dense.dtype.kind not in "fiubO":
            raise TypeError
        dense = np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be a matrix of numbers", pointer=pointer) from None
    if dense.ndim != 2:
        raise InvalidProblem(f"{pointer[1:]} must have two dimensions, not {dense.ndim}", pointer=pointer)
    if not np.isfinite(dense).all():
        i, j = np.unravel_index(int(np.argmin(np.isfinite(dense))), dense.shape)
        raise InvalidProblem(
            f"entry ({i}, {j}) of {pointer[1:]} is {dense[i, j]}", pointer=f"{pointer}/{i}/{j}", hint="a finite number"
        )
    rows, columns = np.nonzero(dense)
    indptr = np.zeros(dense.shape[0] + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=dense.shape[0]), out=indptr[1:])
    return _canonical(dense[rows, columns], columns, indptr, dense.shape)


def _canonical(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> sp.csr_array:
    narrow = np.int32 if max(data.size, *shape) < 2**31 else np.int64
    result = sp.csr_array((data, indices.astype(narrow), indptr.astype(narrow)), shape=shape)
    result.has_sorted_indices = True
    result.has_canonical_format = True
    return result


def _require_coordinates(matrix: Any, pointer: str) -> None:
    for axis, words in enumerate(("row", "column")):
        index = matrix.coords[axis]
        wrong = (index < 0) | (index >= matrix.shape[axis])
        if wrong.any():
            k = int(np.argmax(wrong))
            raise InvalidProblem(
                f"{words} {index[k]} of entry {k} of {pointer[1:]} is out of range",
                pointer=f"{pointer}/{words}/{k}",
                hint=f"0 to {matrix.shape[axis] - 1}",
            )


def _require_compressed(matrix: Any, pointer: str) -> None:
    """Index arrays are checked here since scipy's compiled code trusts them."""
    outer, inner = matrix.shape if matrix.format == "csr" else matrix.shape[::-1]
    indptr, indices = matrix.indptr, matrix.indices
    if indptr.shape != (outer + 1,) or indptr[0] != 0 or indptr[-1] != indices.shape[0]:
        raise InvalidProblem(
            f"{pointer[1:]}.indptr must have {outer + 1} entries from 0 to {indices.shape[0]}",
            pointer=f"{pointer}/indptr",
        )
    if indices.shape != matrix.data.shape:
        raise InvalidProblem(
            f"{indices.shape[0]} indices for {matrix.data.shape[0]} entries", pointer=f"{pointer}/indices"
        )
    if (indptr[1:] < indptr[:-1]).any():
        k = int(np.argmax(indptr[1:] < indptr[:-1])) + 1
        raise InvalidProblem(f"{pointer[1:]}.indptr decreases", pointer=f"{pointer}/indptr/{k}")
    if indices.size and (indices.min() < 0 or indices.max() >= inner):
        k = int(np.argmax((indices < 0) | (indices >= inner)))
        raise InvalidProblem(
            f"index {indices[k]} of entry {k} of {pointer[1:]} is out of range",
            pointer=f"{pointer}/indices/{k}",
            hint=f"0 to {inner - 1}",
        )


def _duplicate(matrix: Any, pointer: str) -> InvalidProblem:
    outer = np.repeat(np.arange(matrix.indptr.shape[0] - 1), np.diff(matrix.indptr))
    order = np.lexsort((np.arange(outer.size), matrix.indices, outer))
    same = (np.diff(outer[order]) == 0) & (np.diff(matrix.indices[order]) == 0)
    k = int(order[1:][same].min())
    i, j = int(outer[k]), int(matrix.indices[k])
    row, column = (i, j) if matrix.format == "csr" else (j, i)
    return InvalidProblem(
        f"entry ({row}, {column}) of {pointer[1:]} is given twice",
        pointer=f"{pointer}/indices/{k}",
        hint="each entry once (COO entries are summed)",
    )
