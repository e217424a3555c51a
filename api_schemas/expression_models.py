"""What problems in the expression language share: data, variables, let-bindings, constraints, and their checks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, WithJsonSchema
from pydantic_core import PydanticCustomError

from api_schemas.arrays import ArrayReference, RawArray
from api_schemas.base import Model
from api_schemas.expression import Constraint, ExpressionError, Scope
from api_schemas.expression.arrays import ArrayError, described
from api_schemas.expression.program import DType, reachable

Text = Annotated[str, Field(min_length=1, max_length=20_000)]
"""An expression: see docs/reference/expression-language.md."""

Names = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]

_NESTED_SCHEMA = {"type": "array", "items": {}, "minItems": 1, "description": "Nested lists of numbers, row-major."}


def _nested(value: list[Any]) -> list[Any]:
    _described(value, infinite=False)
    return value


def _nested_bounds(value: list[Any]) -> list[Any]:
    _described(value, infinite=True)
    return value


Nested = Annotated[list[Any], AfterValidator(_nested), WithJsonSchema(_NESTED_SCHEMA)]
"""Finite numbers; whole ones without a decimal point make an int64 array, which may also be labels and indices."""
NestedBounds = Annotated[list[Any], AfterValidator(_nested_bounds), WithJsonSchema(_NESTED_SCHEMA)]
"""Numbers, "Infinity" and "-Infinity"."""


class DataReference(ArrayReference):
    """An array in an uploaded artifact, with what must be known to check expressions before it is read."""

    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=4)]
    dtype: Literal["float64", "int64"] = "float64"
    """int64 for labels and indices; other types in the file are converted."""


Data = StrictInt | StrictFloat | Nested | RawArray | DataReference
"""An array of finite numbers, of up to 4 axes."""

Value = StrictInt | StrictFloat | Nested | RawArray | ArrayReference
"""A number for all elements, or an array of the variable's shape."""
Bound = StrictInt | StrictFloat | Literal["Infinity", "-Infinity"] | NestedBounds | RawArray | ArrayReference
"""As ``Value``, also infinite."""


class Variable(Model):
    """An unknown array of real (or whole) numbers."""

    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=4)] = []
    """[] is one number."""
    start: Value = 0.0
    """Where to begin."""
    lower: Bound | None = None
    upper: Bound | None = None
    integer: bool = False

    def inline(self, name: Literal["start", "lower", "upper"]) -> Any:
        """The value if it is a number or a nested list, else None."""
        value = getattr(self, name)
        return None if isinstance(value, RawArray | ArrayReference) else value


Variables = Annotated[dict[Names, Variable], Field(min_length=1, max_length=1000)]
DataArrays = Annotated[dict[Names, Data], Field(max_length=1000)]
Lets = Annotated[dict[Names, Text], Field(max_length=1000)]
"""Names for expressions, each of which may use those before it."""
Constraints = Annotated[list[Text], Field(max_length=10_000)]
"""Each ``left <= right``, ``left >= right`` or ``left == right``, elementwise."""


def fail(pointer: str, message: str, hint: str = "") -> PydanticCustomError:
    """An error at a field below the model; the API moves ``pointer`` to the end of the location."""
    return PydanticCustomError("invalid_problem", "{message}", {"message": message, "pointer": pointer, "hint": hint})


@contextmanager
def at(pointer: str) -> Iterator[None]:
    """Errors of expressions inside become errors of the field: with the character that is wrong and the hint."""
    try:
        yield
    except ExpressionError as error:
        raise fail(pointer, error.detail, error.hint) from None


def declare_data(scope: Scope, data: Mapping[str, Any], pointer: str = "/data") -> None:
    """Declare arrays of data (``Data``).

    Raises:
        PydanticCustomError: a name or an array is wrong.
    """
    for name, value in data.items():
        shape, dtype = shape_of(value)
        with at(f"{pointer}/{name}"):
            scope.data(name, shape, dtype)


def declare_variables(scope: Scope, variables: Mapping[str, Variable], pointer: str, group: str = "") -> None:
    """Declare variables, and check start and bounds where they are inline.

    Raises:
        PydanticCustomError: a name, a shape or a bound is wrong.
    """
    for name, variable in variables.items():
        place = f"{pointer}/{name}"
        low, high = variable.inline("lower"), variable.inline("upper")
        with at(place):
            least = float(low) if isinstance(low, int | float) else None
            scope.variable(name, variable.shape, group=group, least=least)
        for field in ("start", "lower", "upper"):
            value = getattr(variable, field)
            if isinstance(value, list):
                shape, _ = _described(value, infinite=field != "start")
                if shape != tuple(variable.shape):
                    raise fail(f"{place}/{field}", f"{field} has shape {list(shape)}, not {variable.shape}")
            elif isinstance(value, RawArray) and value.shape != variable.shape:
                raise fail(f"{place}/{field}", f"{field} has shape {value.shape}, not {variable.shape}")
            elif isinstance(value, float) and math.isnan(value):
                raise fail(f"{place}/{field}", f"{field} is not a number")
        _check_order(low, high, place)


def declare_lets(scope: Scope, lets: Mapping[str, str], pointer: str = "/let") -> None:
    """Check let-bindings in order.

    Raises:
        PydanticCustomError: with the character that is wrong.
    """
    for name, source in lets.items():
        with at(f"{pointer}/{name}"):
            scope.let(name, source)


def objective(scope: Scope, source: str, pointer: str) -> int:
    """Check an objective; its operation.

    Raises:
        PydanticCustomError: with the character that is wrong.
    """
    with at(pointer):
        return scope.objective(source).root


def constraints(scope: Scope, sources: Iterable[str], pointer: str) -> list[Constraint]:
    """Check constraints.

    Raises:
        PydanticCustomError: with the character that is wrong.
    """
    checked = []
    for k, source in enumerate(sources):
        with at(f"{pointer}/{k}"):
            found = scope.constraint(source)
        reached = (scope.operations[index] for index in reachable(scope.operations, [found.root]))
        names = [operation.attribute("name") for operation in reached if operation.op == "input"]
        if not any(scope.inputs[name].role == "variable" for name in names):
            words = "the constraint contains no variable: it holds always or never"
            raise fail(f"{pointer}/{k}", words, "remove it, or compare something that depends on a variable")
        checked.append(found)
    return checked


def check_used(scope: Scope, roots: Iterable[int], pointers: Mapping[str, str]) -> None:
    """Refuse data and variables that no objective or constraint uses: they are most often a slip.

    Args:
        roots: operations of all objectives and constraints.
        pointers: where each name was declared.

    Raises:
        PydanticCustomError: naming the first of them.
    """
    used = {
        scope.operations[index].attribute("name")
        for index in reachable(scope.operations, roots)
        if scope.operations[index].op == "input"
    }
    for name, given in scope.inputs.items():
        if name not in used:
            what = "variable" if given.role == "variable" else "data"
            raise fail(pointers.get(name, ""), f"the {what} {name!r} is never used", "remove it, or use it")


def shape_of(value: Any) -> tuple[tuple[int, ...], DType]:
    """Shape and dtype of ``Data``."""
    if isinstance(value, RawArray):
        return tuple(value.shape), "float64" if value.dtype.startswith("float") else "int64"
    if isinstance(value, DataReference):
        return tuple(value.shape), value.dtype
    return _described(value, infinite=False)


def _described(value: Any, *, infinite: bool) -> tuple[tuple[int, ...], DType]:
    try:
        return described(value, infinite=infinite)
    except ArrayError as error:
        raise fail(error.pointer, str(error), "nested lists of equal lengths, or one number") from None


def _check_order(low: Any, high: Any, pointer: str) -> None:
    """Lower above upper, where both are known."""
    lows, highs = _flat(low), _flat(high)
    if lows is None or highs is None or not (len(lows) == len(highs) or 1 in (len(lows), len(highs))):
        return
    count = max(len(lows), len(highs))
    for k in range(count):
        a, b = lows[k % len(lows)], highs[k % len(highs)]
        if a > b:
            where = f" at element {k}" if count > 1 else ""
            raise fail(f"{pointer}/upper", f"upper {b:g} is below lower {a:g}{where}")


def _flat(value: Any) -> list[float] | None:
    if value is None:
        return None
    if isinstance(value, list):
        return [number for item in value for number in _flat(item) or ()]
    return [float(value)]
