"""Problems in the expression language, as the client reads them: variables, data and expressions of a level."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kantor.arrays import Numbers, dense, wrong
from kantor.errors import KantorError

INLINE_BYTES = 1 << 20
"""Problems whose data are larger than this are uploaded as one .npz artifact."""
REFERENCE_BYTES = 1 << 14
"""Arrays below this stay in the request even then."""
LIST_LENGTH = 64
"""Arrays up to this many entries travel as (nested) lists."""

VARIABLE = {"shape", "start", "lower", "upper", "integer"}
_OTHER_FIELDS = {
    "bounds": "lower and upper",
    "min": "lower",
    "low": "lower",
    "lb": "lower",
    "max": "upper",
    "high": "upper",
    "ub": "upper",
    "x0": "start",
    "init": "start",
    "initial": "start",
    "value": "start",
    "integrality": "integer",
    "size": "shape",
}
"""What other tools call the fields of a variable."""


def variables_of(
    given: Mapping[str, Any], prefix: str, arrays: dict[str, Any], *, at: str = ""
) -> dict[str, dict[str, Any]]:
    """Variables with their fields; arrays among these go into ``arrays``, under their path without the first slash.

    Args:
        given: for each name a mapping of fields, or the shape alone.
        prefix: where the level is in the problem: ``"/upper"``, or "" of a problem with one level.
        at: where the variables themselves are, if not at ``variables`` of the level.
    """
    variables: dict[str, dict[str, Any]] = {}
    if not isinstance(given, Mapping):
        raise wrong(at or f"{prefix}/variables", 'variables are given by name with their shape: {"w": [30], "b": {}}')
    for name, variable in given.items():
        place = f"{at or f'{prefix}/variables'}/{name}"
        fields = dict(variable) if isinstance(variable, Mapping) else {"shape": variable}
        known(fields, VARIABLE, place)
        shape = fields.get("shape", ())
        fields["shape"] = _shape(shape, place)
        for field in ("start", "lower", "upper"):
            value = fields.get(field)
            if value is None:
                fields.pop(field, None)
            elif hasattr(value, "__len__") and not isinstance(value, str):
                key = f"{place[1:]}/{field}"
                arrays[key] = as_array(value, f"/{key}", real=True)
                fields[field] = Placed(key)
            elif not _is_number(value):
                raise wrong(f"{place}/{field}", f"a {field} is a number or an array, not {value!r}")
            elif field == "start" and not math.isfinite(float(value)):
                raise wrong(f"{place}/start", f"a start is a finite number, not {value}")
            else:
                fields[field] = bound(float(value))
        variables[name] = fields
    return variables


def _shape(given: Any, place: str) -> list[int]:
    sizes = [given] if isinstance(given, int | float) else given
    whole = isinstance(sizes, list | tuple) or hasattr(sizes, "__array__")
    if not whole or not all(_is_number(size) and float(size).is_integer() for size in sizes):
        raise wrong(f"{place}/shape", f"a shape is a list of whole numbers, such as [30, 2], not {given!r}")
    return [int(size) for size in sizes]


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def written(
    variables: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, Any], write: Callable[[str, Any], Any]
) -> dict[str, Any]:
    """The contract's form of variables; ``write(key, array)`` gives that of an array."""
    return {
        name: {
            field: write(value.key, arrays[value.key]) if isinstance(value, Placed) else value
            for field, value in fields.items()
        }
        for name, fields in variables.items()
    }


class Placed:
    """Where a field's array is kept."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "given"


def known(given: Mapping[str, Any], fields: Iterable[str], pointer: str) -> None:
    for key in given:
        if key not in fields:
            near = _OTHER_FIELDS.get(key) or next(map(repr, difflib.get_close_matches(key, list(fields), n=1)), None)
            more = f"did you mean {near}?" if near else f"there are {', '.join(sorted(fields))}"
            raise wrong(f"{pointer}/{key}", f"there is no field {key!r}; {more}")


def as_array(value: Any, pointer: str, *, real: bool = False) -> Any:
    """A contiguous float64 or int64 array."""
    try:
        import numpy as np
    except ImportError:
        raise KantorError("problems in the expression language need numpy: pip install numpy") from None
    value = dense(value, pointer)
    try:
        found = np.asarray(value)
        if found.dtype == object or (real and found.dtype.kind == "U"):
            # "Infinity" and "-Infinity", as JSON has them
            found = found.astype(np.float64)
    except (TypeError, ValueError):
        raise wrong(pointer, "this cannot be read as an array of numbers") from None
    if found.dtype.kind not in "biuf":
        raise wrong(pointer, f"this is an array of {found.dtype}, not of numbers")
    if found.ndim > 4 or not found.size:
        raise wrong(pointer, f"1 to 4 axes without empty ones are wanted, not shape {found.shape}")
    found = np.ascontiguousarray(found, dtype=np.int64 if found.dtype.kind in "biu" and not real else np.float64)
    limit = np.isnan(found) if real else ~np.isfinite(found)
    if limit.any():
        where = "/".join(str(int(k)) for k in np.argwhere(limit)[0])
        raise wrong(f"{pointer}/{where}", "a finite number is wanted here")
    # a scalar stays one: ascontiguousarray would make it a vector
    return found.reshape(np.shape(value))


def bound(value: float) -> float | str:
    if value != value:
        return value
    return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"


def listed(array: Any) -> Any:
    def plain(value: Any) -> Any:
        return [plain(item) for item in value] if isinstance(value, list) else bound(value)

    values = array.tolist()
    return values if array.dtype.kind == "i" else plain(values)


def inline(array: Any) -> Any:
    return listed(array) if array.size <= LIST_LENGTH or not array.ndim else _raw(array, with_bytes=True)


def outline(array: Any) -> Any:
    """Enough to check shapes."""
    return listed(array) if array.size <= LIST_LENGTH or not array.ndim else _raw(array, with_bytes=False)


def _raw(array: Any, *, with_bytes: bool) -> dict[str, Any]:
    import base64

    content = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode() if with_bytes else ""
    return {"dtype": str(array.dtype), "shape": list(array.shape), "base64": content}


def numbers(array: Any) -> Numbers:
    return Numbers("int64" if array.dtype.kind == "i" else "float64", array.reshape(-1))


def shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
