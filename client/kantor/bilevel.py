"""Bilevel problems in the expression language."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from kantor.arrays import Numbers, wrong
from kantor.errors import KantorError
from kantor.parts import Form
from kantor.source import Source

INLINE_BYTES = 1 << 20
"""Problems whose data are larger than this are uploaded as one .npz artifact."""
REFERENCE_BYTES = 1 << 14
"""Arrays below this stay in the request even then."""
LIST_LENGTH = 64
"""Arrays up to this many entries travel as (nested) lists."""

_LEVEL = {"variables", "minimize", "maximize", "constraints"}
_VARIABLE = {"shape", "start", "lower", "upper", "integer"}


class Bilevel:
    """``min_x F(x, y)`` where y solves ``min_y f(x, y)``; x are the upper variables, y the lower ones.

    Args:
        data: arrays (or numbers) by name; whole numbers may also be labels and indices.
        upper, lower: each ``{"variables": {name: {"shape": [..], "start":, "lower":, "upper":, "integer":}},
            "minimize": "..." (or "maximize"), "constraints": ["left <= right", ...]}``. Expressions of both may use
            all names. They are strings, or made with the operators of ``kantor.expressions``. A variable may also be
            given by its shape alone.
        let: names for expressions, each of which may use those before it.

    Raises:
        InvalidProblem: what is wrong, with the character of the expression; found here, before anything is sent.

    Example:
        >>> problem = Bilevel(
        ...     upper={"variables": {"x": {"lower": 0, "upper": 3}}, "minimize": "(y - 1)**2 + x**2"},
        ...     lower={"variables": {"y": {}}, "minimize": "(y - x)**2"},
        ... )
        >>> problem
        Bilevel(1 upper variable, 1 lower variable)
    """

    kind: ClassVar[str] = "bilevel"
    source: Source | None = None

    def __init__(
        self,
        *,
        upper: Mapping[str, Any],
        lower: Mapping[str, Any],
        data: Mapping[str, Any] | None = None,
        let: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.let = {key: str(value) for key, value in (let or {}).items()}
        self.arrays: dict[str, Any] = {
            f"data/{key}": _array(value, f"/data/{key}") for key, value in (data or {}).items()
        }
        self.levels = {"upper": self._level("upper", upper), "lower": self._level("lower", lower)}
        self._check()

    def _level(self, which: str, given: Mapping[str, Any]) -> dict[str, Any]:
        _known(given, _LEVEL, f"/{which}")
        level: dict[str, Any] = {key: str(given[key]) for key in ("minimize", "maximize") if given.get(key) is not None}
        constraints = given.get("constraints") or []
        level["constraints"] = [str(item) for item in ([constraints] if isinstance(constraints, str) else constraints)]
        level["variables"] = {}
        for name, variable in (given.get("variables") or {}).items():
            place = f"/{which}/variables/{name}"
            fields = dict(variable) if isinstance(variable, Mapping) else {"shape": variable}
            _known(fields, _VARIABLE, place)
            shape = fields.get("shape", ())
            fields["shape"] = [int(size) for size in ([shape] if isinstance(shape, int) else shape)]
            for field in ("start", "lower", "upper"):
                value = fields.get(field)
                if value is None:
                    fields.pop(field, None)
                elif hasattr(value, "__len__"):
                    key = f"{which}/variables/{name}/{field}"
                    self.arrays[key] = _array(value, f"/{key}", real=True)
                    fields[field] = _Placed(key)
                else:
                    fields[field] = _bound(float(value))
            level["variables"][name] = fields
        return level

    def _check(self) -> None:
        from pydantic import ValidationError

        from api_schemas.bilevel import BilevelProblem
        from kantor.errors import InvalidProblem
        from kantor.options import field_errors

        try:
            BilevelProblem.model_validate(self._written(lambda _, array: _outline(array)))
        except ValidationError as error:
            errors = field_errors(error, prefix="/problem")
            raise InvalidProblem(f"{errors[0].pointer[8:]}: {errors[0].detail}", errors=errors) from None

    def large_arrays(self) -> dict[str, Numbers]:
        """Those that are uploaded instead of sent in the request; none if the problem is small as a whole."""
        if sum(array.nbytes for array in self.arrays.values()) <= INLINE_BYTES:
            return {}
        return {key: _numbers(array) for key, array in self.arrays.items() if array.nbytes >= REFERENCE_BYTES}

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """The contract's form; ``form(name, numbers)`` gives that of an array that is uploaded."""
        large = self.large_arrays()

        def write(key: str, array: Any) -> Any:
            if key not in large:
                return _inline(array)
            reference: dict[str, Any] = form(key, large[key])
            if key.startswith("data/"):
                reference = {**reference, "shape": list(array.shape), "dtype": large[key].dtype}
            return reference

        return self._written(write)

    def start(self, value: Any) -> BilevelStart:
        """A warm start: an answer, or ``{"upper": {name: array}, "lower": {name: array}}``."""
        return BilevelStart(value)

    def spec(self) -> dict[str, Any]:
        """The problem as plain data, arrays as lists: what a template has expanded to, or to be kept in a file."""
        return self._written(lambda _, array: _listed(array))

    def to_json(self) -> str:
        """``spec`` as text."""
        return json.dumps(self.spec(), indent=1)

    def explain(self) -> str:
        """The problem in words of the language: expressions in full, data by their shapes."""
        lines = [f"{self.name or 'bilevel problem'}"]
        for key, array in self.arrays.items():
            if key.startswith("data/"):
                lines.append(f"  data {key[5:]}: {'x'.join(map(str, array.shape)) or 'number'}, {array.dtype}")
        lines += [f"  let {name} = {text}" for name, text in self.let.items()]
        for which, level in self.levels.items():
            lines.append(f"{which} level")
            for name, fields in level["variables"].items():
                shape = "x".join(map(str, fields["shape"])) or "number"
                parts = [f"{field} {_shown(fields[field])}" for field in ("start", "lower", "upper") if field in fields]
                kind = " whole" if fields.get("integer") else ""
                lines.append(f"  variable {name}: {shape}{kind}{''.join(f', {part}' for part in parts)}")
            word = "minimize" if "minimize" in level else "maximize"
            lines.append(f"  {word} {level.get(word, '')}")
            lines += [f"  such that {text}" for text in level["constraints"]]
        return "\n".join(lines)

    def _written(self, write: Callable[[str, Any], Any]) -> dict[str, Any]:
        document: dict[str, Any] = {"kind": "bilevel"}
        if self.name:
            document["name"] = self.name
        document["data"] = {key[5:]: write(key, array) for key, array in self.arrays.items() if key[:5] == "data/"}
        if self.let:
            document["let"] = self.let
        for which, level in self.levels.items():
            variables = {
                name: {
                    field: write(value.key, self.arrays[value.key]) if isinstance(value, _Placed) else value
                    for field, value in fields.items()
                }
                for name, fields in level["variables"].items()
            }
            document[which] = {**level, "variables": variables}
        return document

    def __repr__(self) -> str:
        def count(which: str) -> int:
            total = 0
            for fields in self.levels[which]["variables"].values():
                size = 1
                for length in fields["shape"]:
                    size *= length
                total += size
            return total

        words = [f"{count(which)} {which} variable{'' if count(which) == 1 else 's'}" for which in ("upper", "lower")]
        return f"Bilevel({', '.join(words)})"


class BilevelStart:
    """A warm start by variable."""

    def __init__(self, value: Any) -> None:
        self.arrays: dict[str, Numbers] = {}
        if hasattr(value, "certificate"):
            value = {"upper": value.upper, "lower": value.lower}
        if not isinstance(value, Mapping) or not set(value) <= {"upper", "lower"}:
            raise wrong("/start", 'a start is an answer, or {"upper": {name: array}, "lower": {name: array}}')
        self._values = {
            which: {name: _array(item, f"/start/{which}/{name}", real=True) for name, item in (part or {}).items()}
            for which, part in value.items()
        }

    def document(self, form: Form) -> dict[str, Any]:  # noqa: ARG002
        """The contract's form."""
        return {which: {name: _inline(array) for name, array in part.items()} for which, part in self._values.items()}


class _Placed:
    """Where a field's array is kept."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "given"


def _known(given: Mapping[str, Any], known: Iterable[str], pointer: str) -> None:
    from kantor.options import suggestion

    for key in given:
        if key not in known:
            raise wrong(f"{pointer}/{key}", f"there is no field {key!r}; {suggestion(key, list(known))}")


def _array(value: Any, pointer: str, *, real: bool = False) -> Any:
    """A contiguous float64 or int64 array."""
    try:
        import numpy as np
    except ImportError:
        raise KantorError("bilevel problems need numpy: pip install numpy") from None
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
        if array.dtype == object:
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise wrong(pointer, "this cannot be read as an array of numbers") from None
    if array.dtype.kind not in "biuf":
        raise wrong(pointer, f"this is an array of {array.dtype}, not of numbers")
    if array.ndim > 4 or not array.size:
        raise wrong(pointer, f"1 to 4 axes without empty ones are wanted, not shape {array.shape}")
    array = np.ascontiguousarray(array, dtype=np.int64 if array.dtype.kind in "biu" and not real else np.float64)
    limit = np.isnan(array) if real else ~np.isfinite(array)
    if limit.any():
        where = "/".join(str(int(k)) for k in np.argwhere(limit)[0])
        raise wrong(f"{pointer}/{where}", "a finite number is wanted here")
    # a scalar stays one: ascontiguousarray would make it a vector
    return array.reshape(np.shape(value))


def _bound(value: float) -> float | str:
    if value != value:
        return value
    return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"


def _listed(array: Any) -> Any:
    def plain(value: Any) -> Any:
        return [plain(item) for item in value] if isinstance(value, list) else _bound(value)

    values = array.tolist()
    return values if array.dtype.kind == "i" else plain(values)


def _inline(array: Any) -> Any:
    return _listed(array) if array.size <= LIST_LENGTH or not array.ndim else _raw(array, with_bytes=True)


def _outline(array: Any) -> Any:
    """Enough to check shapes."""
    return _listed(array) if array.size <= LIST_LENGTH or not array.ndim else _raw(array, with_bytes=False)


def _raw(array: Any, *, with_bytes: bool) -> dict[str, Any]:
    import base64

    content = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode() if with_bytes else ""
    return {"dtype": str(array.dtype), "shape": list(array.shape), "base64": content}


def _numbers(array: Any) -> Numbers:
    return Numbers("int64" if array.dtype.kind == "i" else "float64", array.reshape(-1))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
