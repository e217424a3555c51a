"""Checks between the fields of a program, so that a contradiction is refused at submit with the field that is wrong.

Only what is inline is looked at here; the worker checks arrays by reference or as raw bytes, with the same words.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from api_schemas.arrays import CooMatrix, CsrMatrix, Integers, RawArray

if TYPE_CHECKING:
    from api_schemas.programs import Program

ARRAYS = (
    "objective",
    "Q",
    "A",
    "row_lower",
    "row_upper",
    "lower",
    "upper",
    "integrality",
    "variable_names",
    "constraint_names",
)


def fail(pointer: str, message: str) -> PydanticCustomError:
    """An error at a field below the model; the API moves ``pointer`` to the end of the location."""
    return PydanticCustomError("invalid_problem", "{message}", {"message": message, "pointer": pointer})


def check_program(program: Program) -> None:
    """Raises:
    PydanticCustomError: with ``ctx["pointer"]``, a JSON pointer relative to the program.
    """
    if program.file is not None:
        given = [name for name in ARRAYS if getattr(program, name) is not None]
        given += [name for name in ("cones", "sos", "indicators") if getattr(program, name)]
        if given:
            raise fail(f"/{given[0]}", f"{given[0]} cannot be given together with file")
        return
    if program.objective is None:
        raise fail("/objective", "objective is missing (n coefficients), and no file is given")
    n = _length(program.objective)
    m = program.A.shape[0] if program.A is not None else 0
    if n is None and program.A is not None:
        n = program.A.shape[1]
    if n is None:
        return
    if program.A is not None:
        _matrix("/A", program.A, columns=n, what="variables (the length of objective)")
    if program.Q is not None:
        _matrix("/Q", program.Q, columns=n, what="variables (the length of objective)")
        if program.Q.shape[0] != n:
            raise fail("/Q/shape", f"Q has {program.Q.shape[0]} rows, but there are {n} variables")
    for name, size, unit in (
        ("row_lower", m, "rows"),
        ("row_upper", m, "rows"),
        ("constraint_names", m, "rows"),
        ("lower", n, "variables"),
        ("upper", n, "variables"),
        ("integrality", n, "variables"),
        ("variable_names", n, "variables"),
    ):
        value = getattr(program, name)
        length = _length(value)
        if value is not None and length is not None and length != size:
            raise fail(f"/{name}", f"{name} has {length} entries, but there are {size} {unit}")
    _interval("row_lower", program.row_lower, "row_upper", program.row_upper, -math.inf)
    _interval("lower", program.lower, "upper", program.upper, 0.0)
    if isinstance(program.integrality, list):
        for j, value in enumerate(program.integrality):
            if not 0 <= value <= 3:
                raise fail(
                    f"/integrality/{j}",
                    f"{value} is not 0 (continuous), 1 (integer), 2 (semi-continuous) or 3 (semi-integer)",
                )
    for name in ("variable_names", "constraint_names"):
        _unique(name, getattr(program, name))
    _sets(program, n)


def _sets(program: Program, n: int) -> None:
    for k, cone in enumerate(program.cones):
        _matrix(f"/cones/{k}/F", cone.F, columns=n, what="variables")
        length = _length(cone.g)
        if length is not None and length != cone.F.shape[0]:
            raise fail(f"/cones/{k}/g", f"g has {length} entries, but F has {cone.F.shape[0]} rows")
    for k, group in enumerate(program.sos):
        _indices(f"/sos/{k}/indices", group.indices, n)
        if len(group.weights) != len(group.indices):
            raise fail(f"/sos/{k}/weights", f"{len(group.weights)} weights for {len(group.indices)} indices")
    for k, indicator in enumerate(program.indicators):
        _indices(f"/indicators/{k}/indices", indicator.indices, n)
        _indices(f"/indicators/{k}/binary", [indicator.binary], n)
        if len(indicator.coefficients) != len(indicator.indices):
            raise fail(
                f"/indicators/{k}/coefficients",
                f"{len(indicator.coefficients)} coefficients for {len(indicator.indices)} indices",
            )


def _length(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    if isinstance(value, RawArray):
        return value.shape[0] if len(value.shape) == 1 else None
    return None


def _matrix(pointer: str, matrix: CsrMatrix | CooMatrix, *, columns: int, what: str) -> None:
    if matrix.shape[1] != columns:
        raise fail(f"{pointer}/shape", f"{matrix.shape[1]} columns, but there are {columns} {what}")
    size = _length(matrix.data)
    pairs: tuple[tuple[str, Integers, int | None, int | None], ...]
    if isinstance(matrix, CsrMatrix):
        pairs = (("indices", matrix.indices, size, columns), ("indptr", matrix.indptr, matrix.shape[0] + 1, None))
        if isinstance(matrix.indptr, list):
            _row_pointers(f"{pointer}/indptr", matrix.indptr, size)
    else:
        pairs = (("row", matrix.row, size, matrix.shape[0]), ("col", matrix.col, size, columns))
    for name, values, expected, limit in pairs:
        length = _length(values)
        if length is not None and expected is not None and length != expected:
            raise fail(f"{pointer}/{name}", f"{name} has {length} entries instead of {expected}")
        if limit is not None and isinstance(values, list):
            _indices(f"{pointer}/{name}", values, limit)


def _row_pointers(pointer: str, indptr: list[int], size: int | None) -> None:
    if indptr and indptr[0] != 0:
        raise fail(f"{pointer}/0", "indptr must begin with 0")
    for i in range(1, len(indptr)):
        if indptr[i] < indptr[i - 1]:
            raise fail(f"{pointer}/{i}", f"indptr must not decrease, but {indptr[i]} follows {indptr[i - 1]}")
    if indptr and size is not None and indptr[-1] != size:
        raise fail(f"{pointer}/{len(indptr) - 1}", f"indptr ends with {indptr[-1]}, but there are {size} entries")


def _indices(pointer: str, values: list[int], limit: int) -> None:
    if values and (min(values) < 0 or max(values) >= limit):
        k = next(k for k, value in enumerate(values) if not 0 <= value < limit)
        raise fail(f"{pointer}/{k}", f"index {values[k]} is outside 0..{limit - 1}")


def _interval(low_name: str, low: Any, high_name: str, high: Any, low_default: float) -> None:
    for name, values in ((low_name, low), (high_name, high)):
        if isinstance(values, list):
            for k, value in enumerate(values):
                if math.isnan(value):
                    raise fail(f"/{name}/{k}", 'NaN is not a bound; for no bound use "Infinity" or "-Infinity"')
    if isinstance(high, list):
        lows = low if isinstance(low, list) else [low_default] * len(high) if low is None else None
        if lows is not None:
            for k, (a, b) in enumerate(zip(lows, high, strict=False)):
                if a > b:
                    raise fail(f"/{high_name}/{k}", f"{low_name} {a:g} is above {high_name} {b:g}")


def _unique(name: str, values: list[str] | None) -> None:
    if values is not None and len(set(values)) != len(values):
        seen: set[str] = set()
        for k, value in enumerate(values):
            if value in seen:
                raise fail(f"/{name}/{k}", f"the name {value!r} is used twice")
            seen.add(value)
