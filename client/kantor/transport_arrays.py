"""Points, weights, matrices and images in: whatever numpy reads becomes doubles, checked here before anything is
sent."""

from __future__ import annotations

import math
from typing import Any

from kantor.arrays import Numbers, dense, wrong
from kantor.errors import KantorError

MASS_ROUNDING = 1e-9
"""Relative difference of two totals that counts as rounding."""


def numpy() -> Any:
    """numpy, which transport needs.

    Raises:
        KantorError: it is not installed.
    """
    try:
        import numpy
    except ImportError:
        raise KantorError("optimal transport needs numpy: pip install 'kantor[transport]'") from None
    return numpy


def tensor(value: Any, pointer: str, dimensions: tuple[int, ...]) -> Any:
    """A contiguous array of doubles.

    Raises:
        InvalidProblem: not numbers, not of one of these numbers of dimensions, empty, or with an entry that is not
        finite.
    """
    np = numpy()
    value = dense(value, pointer)
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise wrong(pointer, _ragged(value) or "this cannot be read as an array of numbers") from None
    if array.ndim not in dimensions:
        wanted = " or ".join(str(number) for number in dimensions)
        raise wrong(pointer, f"{wanted} dimensions are wanted here, not shape {array.shape}")
    if array.size == 0:
        raise wrong(pointer, f"an array of shape {array.shape} holds nothing")
    bad = ~np.isfinite(array)
    if bad.any():
        where = [int(k) for k in np.unravel_index(int(bad.argmax()), array.shape)]
        raise wrong(
            pointer + "".join(f"/{k}" for k in where), f"a finite number is wanted here, not {array[tuple(where)]}"
        )
    return array


def _ragged(value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        return ""
    lengths = {len(row) for row in value if hasattr(row, "__len__")}
    return f"the rows have different lengths: {sorted(lengths)[:5]}" if len(lengths) > 1 else ""


def points(value: Any, pointer: str) -> Any:
    """(n, d); a one-dimensional array is n points on a line."""
    array = tensor(value, pointer, (1, 2))
    return array[:, None] if array.ndim == 1 else array


def weights(value: Any, size: int, pointer: str) -> Any:
    """``size`` weights.

    Raises:
        InvalidProblem: another number of them, a negative one, or nothing but zeros.
    """
    array = tensor(value, pointer, (1,))
    if len(array) != size:
        raise wrong(pointer, f"{len(array)} weights for {size} points")
    if (array < 0.0).any():
        k = int((array < 0.0).argmax())
        raise wrong(f"{pointer}/{k}", f"a weight is not negative, but this is {array[k]}")
    if not array.any():
        raise wrong(pointer, "all weights are zero: there is nothing to transport")
    return array


def same_dimension(x: Any, y: Any) -> None:
    """Raises:
    InvalidProblem: points of different spaces.
    """
    if x.shape[1] != y.shape[1]:
        raise wrong("/y", f"y has points of dimension {y.shape[1]}, x of dimension {x.shape[1]}")


def same_mass(a: Any, b: Any) -> None:
    """Raises:
    InvalidProblem: totals that differ by more than rounding.
    """
    left = 1.0 if a is None else math.fsum(a)
    right = 1.0 if b is None else math.fsum(b)
    if abs(left - right) > MASS_ROUNDING * max(left, right):
        raise wrong(
            "/b",
            f"a sums to {left:g} and b to {right:g}; give equal totals, or normalize=True, or variant='unbalanced' or"
            " 'partial'",
        )


def numbers(array: Any) -> Numbers:
    """An array on its way to the server."""
    return Numbers("int64" if array.dtype.kind in "iu" else "float64", array)
