"""A problem's names and operations: where expressions are checked and become intermediate form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from api_schemas.expression import program, shapes
from api_schemas.expression.errors import ExpressionError
from api_schemas.expression.functions import FUNCTIONS
from api_schemas.expression.limits import DEFAULT, MAX_NAME, Limits
from api_schemas.expression.program import DType, Input, Operation, Role
from api_schemas.expression.shapes import Shape, ShapeError, written
from api_schemas.expression.syntax import parse

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

Sense = Literal["<=", ">=", "=="]


@dataclass(frozen=True)
class Expression:
    """A checked expression: operation ``root`` of its scope."""

    source: str
    root: int
    shape: Shape
    dtype: DType = "float64"


@dataclass(frozen=True)
class Constraint:
    """``left sense right`` as ``residual sense 0``, elementwise; ``root`` is the residual left - right."""

    source: str
    root: int
    shape: Shape
    sense: Sense


class Scope:
    """Names of variables, data and let-bindings, and the operations of all expressions, each held once.

    Attributes:
        operations: in an order in which each uses only earlier ones.
        inputs: variables and data by name.
        lets: named expressions by name.
    """

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits
        self.operations: list[Operation] = []
        self.inputs: dict[str, Input] = {}
        self.lets: dict[str, Expression] = {}
        self.elements = 0
        self._places: dict[Operation, int] = {}

    def variable(self, name: str, shape: Sequence[int] = (), *, group: str = "", least: float | None = None) -> Input:
        """Declare a variable of a group, with a lower bound on all its elements where one is known.

        Raises:
            ExpressionError: the name is not a name, is taken, or the shape is too large.
        """
        return self._declare(Input(name, tuple(shape), "variable", "float64", group, least))

    def data(self, name: str, shape: Sequence[int], dtype: DType = "float64", *, least: float | None = None) -> Input:
        """Declare an array of data; ``int64`` arrays may also be labels and indices.

        Raises:
            ExpressionError: as for ``variable``.
        """
        return self._declare(Input(name, tuple(shape), "data", dtype, "", least))

    def let(self, name: str, source: str) -> Expression:
        """Name an expression, for those that follow.

        Raises:
            ExpressionError: the name or the expression is wrong.
        """
        self._check_name(name)
        expression = self.expression(source)
        self.lets[name] = expression
        return expression

    def expression(self, source: str) -> Expression:
        """Check a text that has a value.

        Raises:
            ExpressionError: with the characters at fault.
        """
        root, sense = self._lowered(source)
        if sense is not None:
            start = source.find(sense)
            raise ExpressionError(
                "a comparison, where a value is needed",
                source=source,
                start=start,
                end=start + len(sense),
                hint="constraints have their own list",
            )
        operation = self.operations[root]
        return Expression(source, root, operation.shape, operation.dtype)

    def objective(self, source: str) -> Expression:
        """Check a text whose value is one number.

        Raises:
            ExpressionError: also if it is an array.
        """
        expression = self.expression(source)
        if expression.shape != ():
            raise ExpressionError(
                f"an objective is one number, but this has shape {written(expression.shape)}",
                source=source,
                start=0,
                end=len(source),
                hint="sum(...) or mean(...) makes one number of an array",
            )
        if expression.dtype != "float64":
            return Expression(source, self.real(expression.root), ())
        return expression

    def constraint(self, source: str) -> Constraint:
        """Check a comparison of two expressions.

        Raises:
            ExpressionError: also if there is no comparison.
        """
        root, sense = self._lowered(source)
        if sense is None:
            raise ExpressionError(
                "a constraint compares two expressions",
                source=source,
                start=0,
                end=len(source),
                hint="write left <= right, left >= right or left == right",
            )
        return Constraint(source, root, self.operations[root].shape, sense)

    def plain(self, outputs: Mapping[str, int]) -> dict[str, Any]:
        """The intermediate form of some operations as JSON has it (see ``program``)."""
        return program.plain(self.operations, self.inputs, outputs)

    def _lowered(self, source: str) -> tuple[int, Sense | None]:
        from api_schemas.expression.lowering import lower

        return lower(self, source, parse(source, self.limits))

    def add(
        self, op: str, arguments: tuple[int, ...], shape: Shape, dtype: DType = "float64", **attributes: Any
    ) -> int:
        """The operation's position; an equal one is used again.

        Raises:
            ShapeError: a limit of ranks, elements or operations is passed.
        """
        operation = Operation(op, arguments, tuple(attributes.items()), shape, dtype)
        known = self._places.get(operation)
        if known is not None:
            return known
        self._charge(shape, from_input=op == "input")
        if len(self.operations) >= self.limits.operations:
            raise ShapeError(f"more than {self.limits.operations} operations in all")
        self.operations.append(operation)
        self._places[operation] = len(self.operations) - 1
        return len(self.operations) - 1

    def real(self, index: int) -> int:
        """As float64."""
        operation = self.operations[index]
        return index if operation.dtype == "float64" else self.add("float", (index,), operation.shape)

    def find(self, name: str) -> int | None:
        """Position of a name's value, None if there is no such name."""
        known = self.lets.get(name)
        if known is not None:
            return known.root
        given = self.inputs.get(name)
        if given is None:
            return None
        return self.add("input", (), given.shape, given.dtype, name=name)

    def _charge(self, shape: Shape, *, from_input: bool) -> None:
        shapes.check_rank(shape)
        elements = shapes.size(shape)
        if elements > self.limits.elements:
            raise ShapeError(
                f"an array of shape {written(shape)} has {elements} elements", f"at most {self.limits.elements}"
            )
        if from_input:
            return
        if self.elements + elements > self.limits.total_elements:
            raise ShapeError(
                f"the arrays of all steps have more than {self.limits.total_elements} elements together",
                "use fewer or smaller intermediate arrays",
            )
        self.elements += elements

    def _declare(self, given: Input) -> Input:
        self._check_name(given.name)
        if any(type(length) is not int or length < 1 for length in given.shape):
            raise ExpressionError(f"{given.name!r} has shape {written(given.shape)}", hint="each length is 1 or more")
        try:
            self._charge(given.shape, from_input=True)
        except ShapeError as error:
            raise ExpressionError(f"{given.name!r}: {error}", hint=error.hint) from None
        self.inputs[given.name] = given
        return given

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or len(name) > MAX_NAME or not _NAME.fullmatch(name):
            raise ExpressionError(
                f"{str(name)[:80]!r} cannot be a name",
                hint=f"a letter, then letters, digits and _, at most {MAX_NAME}",
            )
        if name in FUNCTIONS or name == "axis":
            raise ExpressionError(f"{name!r} is a word of the language", hint=f"choose another name, such as {name}_")
        if name in self.inputs or name in self.lets:
            raise ExpressionError(f"the name {name!r} is used twice", hint="variables, data and let share their names")


__all__ = ["Constraint", "Expression", "Input", "Role", "Scope", "Sense"]
