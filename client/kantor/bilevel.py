"""Bilevel problems in the expression language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from kantor.arrays import Numbers, wrong
from kantor.expression_parts import (
    INLINE_BYTES,
    REFERENCE_BYTES,
    as_array,
    inline,
    known,
    listed,
    numbers,
    outline,
    shown,
    variables_of,
    written,
)
from kantor.parts import Form
from kantor.source import Source

_LEVEL = {"variables", "minimize", "maximize", "constraints"}


class Bilevel:
    """``min_x F(x, y)`` where y solves ``min_y f(x, y)``; x are the upper variables, y the lower ones.

    Args:
        data: arrays (or numbers) by name; whole numbers may also be labels and indices.
        upper, lower: each ``{"variables": {name: {"shape": [..], "start":, "lower":, "upper":, "integer":}},
            "minimize": "..." (or "maximize"), "constraints": ["left <= right", ...]}``. Expressions of both may use
            all names. They are strings, or made with the operators of ``kantor.expressions``. A variable may also be
            given by its shape alone.
        let: names for expressions, each of which may use those before it.
        batches: by name of data, how many rows a step of a stochastic engine looks at; data of one length are drawn
            together. The certificate is on all data.

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
        batches: Mapping[str, int] | None = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.batches = {str(key): int(rows) for key, rows in (batches or {}).items()}
        self.let = {key: str(value) for key, value in (let or {}).items()}
        self.arrays: dict[str, Any] = {
            f"data/{key}": as_array(value, f"/data/{key}") for key, value in (data or {}).items()
        }
        self.levels = {"upper": self._level("upper", upper), "lower": self._level("lower", lower)}
        self._check()

    def _level(self, which: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, _LEVEL, f"/{which}")
        level: dict[str, Any] = {key: str(given[key]) for key in ("minimize", "maximize") if given.get(key) is not None}
        constraints = given.get("constraints") or []
        level["constraints"] = [str(item) for item in ([constraints] if isinstance(constraints, str) else constraints)]
        level["variables"] = variables_of(given.get("variables") or {}, f"/{which}", self.arrays)
        return level

    def _check(self) -> None:
        from pydantic import ValidationError

        from api_schemas.bilevel import BilevelProblem
        from kantor.errors import InvalidProblem
        from kantor.options import field_errors

        try:
            BilevelProblem.model_validate(self._written(lambda _, array: outline(array)))
        except ValidationError as error:
            errors = field_errors(error, prefix="/problem")
            raise InvalidProblem(f"{errors[0].pointer[8:]}: {errors[0].detail}", errors=errors) from None

    def large_arrays(self) -> dict[str, Numbers]:
        """Those that are uploaded instead of sent in the request; none if the problem is small as a whole."""
        if sum(array.nbytes for array in self.arrays.values()) <= INLINE_BYTES:
            return {}
        return {key: numbers(array) for key, array in self.arrays.items() if array.nbytes >= REFERENCE_BYTES}

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """The contract's form; ``form(name, numbers)`` gives that of an array that is uploaded."""
        large = self.large_arrays()

        def write(key: str, array: Any) -> Any:
            if key not in large:
                return inline(array)
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
        return self._written(lambda _, array: listed(array))

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
        lines += [f"  batches of {rows} rows of {name}" for name, rows in self.batches.items()]
        for which, level in self.levels.items():
            lines.append(f"{which} level")
            for name, fields in level["variables"].items():
                shape = "x".join(map(str, fields["shape"])) or "number"
                parts = [f"{field} {shown(fields[field])}" for field in ("start", "lower", "upper") if field in fields]
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
        if self.batches:
            document["batches"] = self.batches
        for which, level in self.levels.items():
            variables = written(level["variables"], self.arrays, write)
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
            which: {name: as_array(item, f"/start/{which}/{name}", real=True) for name, item in (part or {}).items()}
            for which, part in value.items()
        }

    def document(self, form: Form) -> dict[str, Any]:  # noqa: ARG002
        """The contract's form."""
        return {which: {name: inline(array) for name, array in part.items()} for which, part in self._values.items()}
