"""Arrays as nested lists of numbers: shape and type, without numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from api_schemas.expression.limits import MAX_RANK
from api_schemas.expression.program import DType
from api_schemas.expression.shapes import Shape

_LARGEST = 2**63


class ArrayError(ValueError):
    """A list that is no array; ``pointer`` says where in it."""

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def described(value: Any, *, infinite: bool = False) -> tuple[Shape, DType]:
    """Shape and dtype of a number or of nested lists of numbers; whole numbers without a point are int64.

    Args:
        infinite: accept "Infinity" and "-Infinity" (as text or float).

    Raises:
        ArrayError: ragged, empty, too deep, or an entry that is not a finite number.
    """
    shape: list[int] = []
    probe = value
    while isinstance(probe, list):
        if len(shape) == MAX_RANK:
            raise ArrayError(f"lists nested more than {MAX_RANK} deep", "")
        if not probe:
            raise ArrayError("an empty list", "/0" * len(shape))
        shape.append(len(probe))
        probe = probe[0]
    whole = _check(value, tuple(shape), "", infinite)
    return tuple(shape), "int64" if whole else "float64"


def _check(value: Any, shape: Shape, pointer: str, infinite: bool) -> bool:
    """True if all are whole numbers."""
    if not shape:
        return _numbers([value], lambda _: pointer, infinite)
    if not isinstance(value, list) or len(value) != shape[0]:
        found = f"a list of {len(value)}" if isinstance(value, list) else "not a list"
        raise ArrayError(f"{found}, where the first one has {shape[0]} entries", pointer)
    if len(shape) == 1:
        return _numbers(value, lambda k: f"{pointer}/{k}", infinite)
    whole = [_check(row, shape[1:], f"{pointer}/{k}", infinite) for k, row in enumerate(value)]
    return all(whole)


def _numbers(values: list[Any], pointer: Callable[[int], str], infinite: bool) -> bool:
    kinds = set(map(type, values))
    if kinds == {float} and all(map(math.isfinite, values)):
        return False
    for k, value in enumerate(values):
        if infinite and value in ("Infinity", "-Infinity", math.inf, -math.inf):
            continue
        if isinstance(value, list):
            raise ArrayError("a list, where the first entry is a number", pointer(k))
        if type(value) not in (int, float):
            raise ArrayError("not a number", pointer(k))
        if type(value) is int and not -_LARGEST <= value < _LARGEST:
            raise ArrayError("a whole number beyond 64 bits", pointer(k))
        if type(value) is float and not math.isfinite(value):
            raise ArrayError("not a finite number", pointer(k))
    return kinds == {int}
