"""What problems in the expression language have in common: data, let, constraints, how they are sent and kept."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from kantor.arrays import Numbers, wrong
from kantor.expression_parts import INLINE_BYTES, REFERENCE_BYTES, as_array, inline, listed, numbers, outline
from kantor.parts import Form
from kantor.source import Source

Write = Callable[[str, Any], Any]


class ExpressionProblem(ABC):
    """Subclasses set ``kind``, name their ``MODEL``, fill in ``_own`` and call ``_check`` when they are complete."""

    kind: ClassVar[str]
    source: Source | None = None
    MODEL: ClassVar[str] = ""
    """The contract's model, as "module:class"."""
    PLACES: ClassVar[str] = "/variables"
    """Where variables are."""

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        let: Mapping[str, Any] | None,
        constraints: Sequence[Any] | str,
        name: str,
    ) -> None:
        self.name = name
        self.let = {key: str(value) for key, value in (let or {}).items()}
        self.constraints = [str(item) for item in ([constraints] if isinstance(constraints, str) else constraints)]
        self.arrays: dict[str, Any] = {
            f"data/{key}": as_array(value, f"/data/{key}") for key, value in (data or {}).items()
        }

    @abstractmethod
    def _own(self, write: Write) -> dict[str, Any]:
        """What only this kind has; ``write(key, array)`` gives an array's form."""
        ...

    def _check(self) -> None:
        import importlib

        from pydantic import ValidationError

        from kantor.errors import InvalidProblem
        from kantor.options import field_errors

        module, _, name = self.MODEL.partition(":")
        model = getattr(importlib.import_module(module), name)
        try:
            model.model_validate(self._written(lambda _, array: outline(array)))
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
        words = "where to begin is said of each variable: {'x': {'shape': [3], 'start': values}}"
        raise wrong(self.PLACES, words)

    def spec(self) -> dict[str, Any]:
        """The problem as plain data, arrays as lists: to be kept in a file."""
        return self._written(lambda _, array: listed(array))

    def to_json(self) -> str:
        """``spec`` as text; ``kantor solve`` takes it."""
        return json.dumps(self.spec(), indent=1)

    def _written(self, write: Write) -> dict[str, Any]:
        document: dict[str, Any] = {"kind": self.kind}
        if self.name:
            document["name"] = self.name
        document["data"] = {key[5:]: write(key, array) for key, array in self.arrays.items() if key[:5] == "data/"}
        if self.let:
            document["let"] = self.let
        document.update(self._own(write))
        if self.constraints:
            document["constraints"] = self.constraints
        return document


def size_of(variables: Mapping[str, Mapping[str, Any]]) -> int:
    """Number of scalar variables."""
    total = 0
    for fields in variables.values():
        size = 1
        for length in fields["shape"]:
            size *= length
        total += size
    return total


def plural(count: int, word: str) -> str:
    """``1 variable``, ``3 variables``."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def brief(text: str) -> str:
    """An expression in a line."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
