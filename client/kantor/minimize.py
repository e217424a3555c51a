"""Problems of one level in the expression language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from kantor.arrays import Numbers, wrong
from kantor.expression_parts import (
    INLINE_BYTES,
    REFERENCE_BYTES,
    as_array,
    inline,
    listed,
    numbers,
    outline,
    variables_of,
    written,
)
from kantor.parts import Form
from kantor.source import Source


class Minimize:
    """Minimize (or maximize) an expression of variables, subject to constraints and bounds.

    Args:
        minimize: the objective, or None with ``maximize=``. Expressions are strings, or made with the operators of
            ``kantor.expressions``.
        variables: for each name ``{"shape": [..], "start":, "lower":, "upper":, "integer":}``; or the shape alone.
        constraints: ``left <= right``, ``left >= right`` or ``left == right``, elementwise.
        data: arrays (or numbers) by name; whole numbers may also be labels and indices.
        let: names for expressions, each of which may use those before it.

    Raises:
        InvalidProblem: what is wrong, with the character of the expression; found here, before anything is sent.

    Example:
        >>> Minimize("(1 - x[0])**2 + 100*(x[1] - x[0]**2)**2", variables={"x": [2]})
        Minimize('(1 - x[0])**2 + 100*(x[1] - x[0]**2)**2', 2 variables)
    """

    kind: ClassVar[str] = "minimize"
    source: Source | None = None

    def __init__(
        self,
        minimize: Any = None,
        *,
        variables: Mapping[str, Any],
        maximize: Any = None,
        constraints: Sequence[Any] | str = (),
        data: Mapping[str, Any] | None = None,
        let: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.objective = {
            word: str(text) for word, text in (("minimize", minimize), ("maximize", maximize)) if text is not None
        }
        self.let = {key: str(value) for key, value in (let or {}).items()}
        self.constraints = [str(item) for item in ([constraints] if isinstance(constraints, str) else constraints)]
        self.arrays: dict[str, Any] = {
            f"data/{key}": as_array(value, f"/data/{key}") for key, value in (data or {}).items()
        }
        self.variables = variables_of(variables, "", self.arrays)
        self._check()

    def _check(self) -> None:
        from pydantic import ValidationError

        from api_schemas.minimize import MinimizeProblem
        from kantor.errors import InvalidProblem
        from kantor.options import field_errors

        try:
            MinimizeProblem.model_validate(self._written(lambda _, array: outline(array)))
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

    def start(self, value: Any) -> Any:  # noqa: ARG002
        """Where to begin is a field of each variable.

        Raises:
            InvalidProblem: always, saying so.
        """
        raise wrong("/variables", "where to begin is said of each variable: {'x': {'shape': [3], 'start': values}}")

    def spec(self) -> dict[str, Any]:
        """The problem as plain data, arrays as lists: to be kept in a file."""
        return self._written(lambda _, array: listed(array))

    def to_json(self) -> str:
        """``spec`` as text; ``kantor solve`` takes it."""
        return json.dumps(self.spec(), indent=1)

    def _written(self, write: Callable[[str, Any], Any]) -> dict[str, Any]:
        document: dict[str, Any] = {"kind": "minimize"}
        if self.name:
            document["name"] = self.name
        document["data"] = {key[5:]: write(key, array) for key, array in self.arrays.items() if key[:5] == "data/"}
        if self.let:
            document["let"] = self.let
        document["variables"] = written(self.variables, self.arrays, write)
        document.update(self.objective)
        if self.constraints:
            document["constraints"] = self.constraints
        return document

    def __repr__(self) -> str:
        total = 0
        for fields in self.variables.values():
            size = 1
            for length in fields["shape"]:
                size *= length
            total += size
        word = next(iter(self.objective))
        text = self.objective[word]
        shown = repr(text if len(text) <= 60 else f"{text[:57]}...")
        constraints = f", {len(self.constraints)} constraints" if self.constraints else ""
        prefix = "" if word == "minimize" else "maximize="
        return f"Minimize({prefix}{shown}, {total} variable{'' if total == 1 else 's'}{constraints})"
