"""Checks of single fields: lists of numbers, bounds, indices, names."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from solvers.core.errors import InvalidProblem

#: Bounds of variables and rows at least this large are infinite, as every engine and modelling tool has it.
INFINITE_BOUND = 1e20


def numbers(value: Any, pointer: str) -> np.ndarray:
    """A one-dimensional array of doubles, not yet checked for NaN."""
    if type(value) is np.ndarray and value.dtype == np.float64 and value.ndim == 1:
        return value
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiubO":
            raise TypeError
        if array.ndim != 1:
            raise InvalidProblem(
                f"{pointer[1:]} must be a list of numbers, but has shape {array.shape}", pointer=pointer
            )
        return np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be a list of numbers", pointer=pointer) from None


def finite_number(value: Any, pointer: str, what: str) -> float:
    """A finite double; ``what`` names it in the error."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{what} must be a number, not {value!r}", pointer=pointer) from None
    if not math.isfinite(number):
        raise InvalidProblem(f"{what} must be finite, not {number}", pointer=pointer)
    return number


def finite_vector(value: Any, size: int, pointer: str) -> np.ndarray:
    """``size`` finite doubles."""
    array = numbers(value, pointer)
    if array.shape[0] != size:
        raise InvalidProblem(f"{pointer[1:]} has {array.shape[0]} entries where {size} are needed", pointer=pointer)
    if not np.isfinite(array).all():
        k = int(np.argmin(np.isfinite(array)))
        raise InvalidProblem(f"{pointer[1:]}[{k}] is {array[k]}", pointer=f"{pointer}/{k}", hint="a finite number")
    return array


def bounds(value: Any, size: int, default: float, pointer: str) -> np.ndarray:
    """``size`` bounds, infinite from 1e20 on; a scalar is spread. ``pointer`` ends with lower or upper."""
    if value is None:
        return np.full(size, default)
    if np.ndim(value) == 0:
        value = np.full(size, scalar_bound(value, pointer))
    array = numbers(value, pointer)
    if array.shape[0] != size:
        raise InvalidProblem(f"{pointer[1:]} has {array.shape[0]} entries where {size} are needed", pointer=pointer)
    magnitude = np.abs(array)
    if (magnitude < INFINITE_BOUND).all():
        return array
    if np.isnan(magnitude).any():
        k = int(np.argmax(np.isnan(array)))
        raise InvalidProblem(
            f"{pointer[1:]}[{k}] is NaN", pointer=f"{pointer}/{k}", hint="a number, or an infinite one for no bound"
        )
    if ((magnitude >= INFINITE_BOUND) & np.isfinite(magnitude)).any():
        array = np.where(magnitude >= INFINITE_BOUND, np.copysign(math.inf, array), array)
    wrong = array == (math.inf if pointer.endswith("lower") else -math.inf)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InvalidProblem(
            f"{pointer[1:]}[{k}] is {array[k]}, which no finite value satisfies",
            pointer=f"{pointer}/{k}",
            hint=f"{-array[k]} for no bound",
        )
    return array


def scalar_bound(value: Any, pointer: str) -> float:
    """One number, not yet checked for NaN."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be a number or a list of numbers", pointer=pointer) from None


def variable_indices(value: Any, n: int, pointer: str) -> np.ndarray:
    """Distinct indices of variables, as int64."""
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidProblem(f"{pointer[1:]} must be a list of variable indices", pointer=pointer)
    array = array.astype(np.int64, copy=False)
    wrong = (array < 0) | (array >= n)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InvalidProblem(f"there is no variable {array[k]}", pointer=f"{pointer}/{k}", hint=f"0 to {n - 1}")
    ordered = np.sort(array)
    if (ordered[1:] == ordered[:-1]).any():
        twice = int(ordered[1:][ordered[1:] == ordered[:-1]][0])
        raise InvalidProblem(f"variable {twice} is listed twice", pointer=pointer)
    return array


def checked_names(value: Sequence[str] | None, size: int, pointer: str, what: str) -> tuple[str, ...] | None:
    """``size`` distinct, non-empty names without control characters."""
    if value is None:
        return None
    if isinstance(value, str):
        raise InvalidProblem(f"{pointer[1:]} must be a list of names", pointer=pointer)
    names = tuple(value)
    if len(names) != size:
        raise InvalidProblem(f"{pointer[1:]} has {len(names)} entries for {size} {what}", pointer=pointer)
    try:
        printable = "".join(names).isprintable()
    except TypeError:
        k = next(k for k, name in enumerate(names) if not isinstance(name, str))
        raise InvalidProblem(f"name {k} is not a string: {names[k]!r}", pointer=f"{pointer}/{k}") from None
    if not printable:
        for k, name in enumerate(names):
            require_name(name, f"{pointer}/{k}")
    if len(set(names)) != size:
        first: dict[str, int] = {}
        for k, name in enumerate(names):
            if first.setdefault(name, k) != k:
                raise InvalidProblem(f"the name {name!r} is used for {first[name]} and {k}", pointer=f"{pointer}/{k}")
    if "" in names:
        raise InvalidProblem("a name must not be empty", pointer=f"{pointer}/{names.index('')}")
    return names


def require_name(name: object, pointer: str) -> None:
    """A string, possibly empty, without control characters (which neither terminals nor databases can take)."""
    if not isinstance(name, str):
        raise InvalidProblem(f"a name must be a string, not {name!r}", pointer=pointer)
    if not name.isprintable() and any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InvalidProblem(f"the name {name!r} contains a control character", pointer=pointer)
