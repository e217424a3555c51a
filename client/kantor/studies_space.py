"""Parameters of a study's space, as users write them: ``kantor.Float(1e-5, 1e-1, log=True)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Value = bool | int | float | str
When = Mapping[str, "Value | Sequence[Value] | Mapping[str, float]"]


class Parameter:
    """A parameter as the contract has it (``fields``).

    ``when={"optimizer": "sgd"}`` makes it conditional: it is active where the parent has this value, any of a list of
    values, or (for numbers) lies in a range ``{"low": 2, "high": 5}``.

    Raises:
        InvalidRequest: bounds the wrong way round, a logarithm of nothing, choices that come twice...
    """

    type = ""

    def __init__(self, when: When | None, **fields: Any) -> None:
        self.fields: dict[str, Any] = {"type": self.type}
        self.fields |= {name: value for name, value in fields.items() if value is not None and value is not False}
        if when:
            self.fields["when"] = {
                parent: list(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else wanted
                for parent, wanted in when.items()
            }
        self._check()

    def _check(self) -> None:
        from pydantic import ValidationError

        from api_schemas import study_spaces
        from kantor.options import invalid_request

        try:
            getattr(study_spaces, f"{type(self).__name__}Parameter").model_validate(self.fields)
        except ValidationError as error:
            raise invalid_request(error, self.fields) from None

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.fields.items() if name != "type")
        return f"kantor.{type(self).__name__}({inner})"


class Float(Parameter):
    """A real number in [low, high]; on a logarithmic scale if ``log``; with ``step`` only low, low + step..."""

    type = "float"

    def __init__(
        self, low: float, high: float, *, log: bool = False, step: float | None = None, when: When | None = None
    ) -> None:
        super().__init__(when, low=low, high=high, log=log, step=step)


class Int(Parameter):
    """A whole number in [low, high]."""

    type = "int"

    def __init__(
        self, low: int, high: int, *, log: bool = False, step: int | None = None, when: When | None = None
    ) -> None:
        super().__init__(when, low=low, high=high, log=log, step=step)


class Categorical(Parameter):
    """One of several values without an order."""

    type = "categorical"

    def __init__(self, choices: Sequence[Value], *, when: When | None = None) -> None:
        super().__init__(when, choices=list(choices))


class Ordinal(Parameter):
    """One of several values in their order, such as ``[16, 32, 64]``."""

    type = "ordinal"

    def __init__(self, choices: Sequence[Value], *, when: When | None = None) -> None:
        super().__init__(when, choices=list(choices))


class Fidelity(Parameter):
    """How thoroughly a point is evaluated (epochs, share of the data); ``high`` is what counts, less is cheaper."""

    type = "fidelity"

    def __init__(
        self, low: float, high: float, *, log: bool = False, step: float | None = None, whole: bool = False
    ) -> None:
        super().__init__(None, low=low, high=high, log=log, step=step, whole=whole)


def space_fields(space: Mapping[str, Any]) -> dict[str, Any]:
    """The contract's form of a space; plain dictionaries pass."""
    return {name: item.fields if isinstance(item, Parameter) else item for name, item in space.items()}
