"""Reading what an engine handed over: nothing it may put into an answer makes a check raise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def read_vector(given: Any, size: int, what: str) -> tuple[np.ndarray | None, str]:
    """(vector of ``size`` finite doubles, "") or (None, what is wrong with it); (None, "") if there is none."""
    if given is None:
        return None, ""
    try:
        vector = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None, f"{what} is not an array of numbers"
    if vector.shape != (size,):
        return None, f"{what} has shape {vector.shape}, where {size} numbers are needed"
    finite = np.isfinite(vector)
    if np.count_nonzero(finite) < size:
        first = int(finite.argmin())
        return None, f"{what} has the value {vector[first]} at position {first}"
    return vector, ""


def read_number(given: Any, what: str) -> tuple[float | None, str]:
    """(a double that is not NaN, "") or (None, what is wrong with it); (None, "") if there is none."""
    if given is None:
        return None, ""
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        return None, f"{what} is not a number"
    if math.isnan(number):
        return None, f"{what} is not a number (NaN)"
    return number, ""


def read_integers(given: Any, size: int, what: str) -> tuple[np.ndarray | None, str]:
    """As ``read_vector``, for whole numbers."""
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu" and given.shape == (size,):
        return given, ""
    vector, complaint = read_vector(given, size, what)
    if vector is None:
        return None, complaint
    whole = vector == np.floor(vector)
    if not whole.all():
        return None, f"{what} has the value {vector[int(whole.argmin())]}, which is no whole number"
    return vector.astype(np.int64), ""
