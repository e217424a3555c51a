"""What families in the expression language share: data, variables and their values, from JSON to numpy.

The contract's parser (``api_schemas.expression``, standard library only) reads the texts again, since only here
data are known: their signs and sizes tell more of the structure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from api_schemas.expression import ExpressionError, Scope, structure
from api_schemas.expression.arrays import described
from solvers.onelevel.problem import Facts
from workers.families import Files, Refusal, arrays


@contextmanager
def refused(pointer: str) -> Iterator[None]:
    """Errors of the language as refusals of a field."""
    try:
        yield
    except ExpressionError as error:
        raise Refusal("invalid-problem", error.detail, pointer=pointer, hint=error.hint) from None


def read_data(scope: Scope, given: Mapping[str, Any], files: Files) -> dict[str, np.ndarray]:
    """Arrays of data, declared with what all their elements are not below.

    Raises:
        Refusal: an array that does not fit what was said of it.
    """
    found: dict[str, np.ndarray] = {}
    for name, value in given.items():
        pointer = f"/problem/data/{name}"
        array = _data(value, files, pointer)
        least = float(array.min()) if array.size and array.dtype == np.float64 else None
        with refused(pointer):
            scope.data(name, array.shape, "int64" if array.dtype == np.int64 else "float64", least=least)
        found[name] = array
    return found


def _data(value: Any, files: Files, pointer: str) -> np.ndarray:
    if not isinstance(value, dict):
        _, dtype = described(value)
        return np.array(value, dtype=np.dtype(dtype))
    shape = tuple(int(length) for length in value["shape"])
    array = _shaped(arrays.tensor(value, files, pointer), shape)
    if array.shape != shape:
        raise Refusal(
            "invalid-problem", f"the array has shape {list(array.shape)}", pointer=pointer, hint=f"shape {list(shape)}"
        )
    whole = not value.get("dtype", "float64").startswith("float")
    if whole and array.dtype.kind == "f" and not (array == np.rint(array)).all():
        raise Refusal("invalid-problem", "the array is not of whole numbers", pointer=pointer, hint="dtype float64")
    return array.astype(np.int64 if whole else np.float64)


def declare(scope: Scope, variables: Mapping[str, Any], pointer: str, group: str = "") -> None:
    """Declare variables with their lower bounds."""
    for name, variable in variables.items():
        low = variable.get("lower")
        least = float(low) if isinstance(low, int | float) else None
        with refused(f"{pointer}/{name}"):
            scope.variable(name, tuple(variable.get("shape") or ()), group=group, least=least)


def values_of(variables: Mapping[str, Any], field: str, files: Files, pointer: str) -> dict[str, np.ndarray]:
    """``start``, ``lower`` or ``upper`` of the variables that have it.

    Raises:
        Refusal: as ``value_of``.
    """
    return {
        name: value_of(variable[field], tuple(variable.get("shape") or ()), files, f"{pointer}/{name}/{field}")
        for name, variable in variables.items()
        if variable.get(field) is not None
    }


def value_of(
    value: Any, shape: tuple[int, ...], files: Files, pointer: str, *, code: str = "invalid-problem"
) -> np.ndarray:
    """One number, or an array of the shape, maybe infinite.

    Raises:
        Refusal: an array of another shape.
    """
    if isinstance(value, dict):
        array = _shaped(np.asarray(arrays.tensor(value, files, pointer), dtype=np.float64), shape)
    else:
        # "Infinity" and "-Infinity" are numbers to Python too
        array = np.array(_floats(value), dtype=np.float64)
    if array.shape not in ((), shape):
        words = f"this has shape {list(array.shape)}"
        raise Refusal(code, words, pointer=pointer, hint=f"one number, or shape {list(shape)}")
    return array


def facts(scope: Scope, root: int, variables: Collection[str]) -> Facts:
    """What is known of an expression in some variables, all others held fixed."""
    found = structure(scope.operations, scope.inputs, root, variables)
    return Facts(
        degree=found.degree,
        curvature=found.curvature,
        smooth=found.smooth,
        modulus=found.modulus,
        nonnegative=found.sign in ("positive", "nonnegative"),
    )


def scalars(data: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Data that are one number each: they may be factors of terms."""
    return {name: float(array) for name, array in data.items() if array.ndim == 0}


def _shaped(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Elements that were uploaded flat, row-major, in the shape that was said; other arrays as they are."""
    return array.reshape(shape) if array.ndim == 1 and array.size == int(np.prod(shape)) else array


def _floats(value: Any) -> Any:
    return [_floats(item) for item in value] if isinstance(value, list) else float(value)
