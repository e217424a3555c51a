"""The parts of a program beyond rows and bounds: cones, special ordered sets, indicators. Variables may be given by
name or by index."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kantor.arrays import Matrix, Numbers, matrix, vector, wrong

Form = Callable[[str, Numbers], Any]
"""How an array is written, given its name within the program."""


@dataclass(frozen=True)
class Cone:
    """``||(F x + g)[1:]||_2 <= (F x + g)[0]``.

    Attributes:
        F: k by n, in any form that ``Program.A`` may have.
        g: k numbers.
    """

    F: Any
    g: Any


@dataclass(frozen=True)
class SOS:
    """At most one (type 1) of the variables is non-zero, or (type 2) at most two, and these adjacent in the order of
    the weights.

    Attributes:
        type: 1 or 2.
        variables: names or indices.
        weights: their order; by default 1, 2, 3...
    """

    type: Literal[1, 2]
    variables: Sequence[int | str]
    weights: Sequence[float] | None = None


@dataclass(frozen=True)
class Indicator:
    """If ``binary`` has the value ``active``, then ``lower <= sum of coefficient * variable <= upper``.

    Attributes:
        binary: name or index of a binary variable.
        coefficients: variable (name or index) to coefficient.
    """

    binary: int | str
    coefficients: Mapping[int | str, float]
    lower: float = -math.inf
    upper: float = math.inf
    active: Literal[0, 1] = 1
    name: str = ""


class Names:
    """Finds variables by name or index."""

    def __init__(self, names: Sequence[str] | None, count: int | None, what: str = "variable") -> None:
        self._position = {name: j for j, name in enumerate(names or ())}
        self._count = count
        self._what = what

    def index(self, key: Any, pointer: str) -> int:
        """Raises:
        InvalidProblem: no such variable.
        """
        if isinstance(key, str):
            if key in self._position:
                return self._position[key]
            raise wrong(pointer, f"there is no {self._what} {key!r}" + _near(key, self._position))
        try:
            j = int(key)
        except (TypeError, ValueError):
            raise wrong(pointer, f"a {self._what} is named by its name or index, not by {key!r:.80}") from None
        if j < 0 or (self._count is not None and j >= self._count):
            limit = "" if self._count is None else f"..{self._count - 1}"
            raise wrong(pointer, f"{self._what} index {j} is outside 0{limit}")
        return j


def _near(key: str, names: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def write_matrix(value: Matrix, name: str, form: Form) -> dict[str, Any]:
    return {
        "format": value.format,
        "shape": list(value.shape),
        **{part: form(f"{name}.{part}", numbers) for part, numbers in value.parts.items()},
    }


def read_cones(cones: Iterable[Any], columns: int) -> list[tuple[Matrix, Numbers]]:
    """Cones, or pairs (F, g), or the contract's own form."""
    result = []
    for k, item in enumerate(cones):
        F, g = (
            item
            if isinstance(item, tuple)
            else (item["F"], item["g"])
            if isinstance(item, Mapping)
            else (item.F, item.g)
        )
        result.append((matrix(F, f"/cones/{k}/F", columns), vector(g, f"/cones/{k}/g")))
    return result


def write_sos(groups: Iterable[Any], names: Names) -> list[dict[str, Any]]:
    """``SOS``, or triples (type, variables, weights), or the contract's own form."""
    result = []
    for k, item in enumerate(groups):
        if isinstance(item, tuple):
            item = SOS(*item)
        group = _fields(item)
        variables = group.get("variables", group.get("indices", ()))
        indices = [names.index(key, f"/sos/{k}/indices/{i}") for i, key in enumerate(variables)]
        weights = group.get("weights")
        weights = list(range(1, len(indices) + 1)) if weights is None else [float(weight) for weight in weights]
        result.append({"type": int(group["type"]), "indices": indices, "weights": weights})
    return result


def write_indicators(indicators: Iterable[Any], names: Names) -> list[dict[str, Any]]:
    """``Indicator``, or the contract's own form."""
    result = []
    for k, item in enumerate(indicators):
        fields = _fields(item)
        coefficients = fields["coefficients"]
        if isinstance(coefficients, Mapping):
            keys, values = list(coefficients), [float(value) for value in coefficients.values()]
        else:
            keys, values = list(fields["indices"]), [float(value) for value in coefficients]
        result.append(
            {
                "binary": names.index(fields["binary"], f"/indicators/{k}/binary"),
                "active": int(fields.get("active", 1)),
                "indices": [names.index(key, f"/indicators/{k}/indices/{i}") for i, key in enumerate(keys)],
                "coefficients": values,
                "lower": float(fields.get("lower", -math.inf)),
                "upper": float(fields.get("upper", math.inf)),
                "name": str(fields.get("name", "")),
            }
        )
    return result


def _fields(item: Any) -> dict[str, Any]:
    if isinstance(item, Mapping):
        return dict(item)
    if hasattr(item, "model_dump"):
        dumped: dict[str, Any] = item.model_dump()
        return dumped
    return dict(vars(item))
