"""Bilevel problems in the expression language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kantor.arrays import Numbers, wrong
from kantor.expression_parts import as_array, inline, known, shown, variables_of, written
from kantor.expression_problem import ExpressionProblem, Write, plural, size_of
from kantor.parts import Form

_LEVEL = {"variables", "minimize", "maximize", "constraints"}


class Bilevel(ExpressionProblem):
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

    kind = "bilevel"
    MODEL = "api_schemas.bilevel:BilevelProblem"

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
        super().__init__(data, let, (), name)
        self.batches = {str(key): int(rows) for key, rows in (batches or {}).items()}
        self.levels = {"upper": self._level("upper", upper), "lower": self._level("lower", lower)}
        self._check()

    def _level(self, which: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known(given, _LEVEL, f"/{which}")
        level: dict[str, Any] = {key: str(given[key]) for key in ("minimize", "maximize") if given.get(key) is not None}
        constraints = given.get("constraints") or []
        level["constraints"] = [str(item) for item in ([constraints] if isinstance(constraints, str) else constraints)]
        level["variables"] = variables_of(given.get("variables") or {}, f"/{which}", self.arrays)
        return level

    def start(self, value: Any) -> BilevelStart:
        """A warm start: an answer, or ``{"upper": {name: array}, "lower": {name: array}}``."""
        return BilevelStart(value)

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

    def _own(self, write: Write) -> dict[str, Any]:
        levels = {
            which: {**level, "variables": written(level["variables"], self.arrays, write)}
            for which, level in self.levels.items()
        }
        return {"batches": self.batches, **levels} if self.batches else levels

    def __repr__(self) -> str:
        words = [plural(size_of(level["variables"]), f"{which} variable") for which, level in self.levels.items()]
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
