"""From the tree to operations: names are found, shapes and types checked, constants folded."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from api_schemas.expression import calls, entropy, shapes
from api_schemas.expression.errors import ExpressionError
from api_schemas.expression.folding import folded
from api_schemas.expression.functions import ALSO_KNOWN_AS, FUNCTIONS
from api_schemas.expression.limits import MAX_EXPONENT
from api_schemas.expression.shapes import ShapeError
from api_schemas.expression.syntax import Node

if TYPE_CHECKING:
    from api_schemas.expression.scope import Scope, Sense

_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def lower(scope: Scope, source: str, nodes: list[Node]) -> tuple[int, Sense | None]:
    """Position of the value, and the comparison if it is a constraint (then the value is left - right).

    Raises:
        ExpressionError: with the characters at fault.
    """
    return _Lowering(scope, source, nodes).run()


class _Lowering:
    def __init__(self, scope: Scope, source: str, nodes: list[Node]) -> None:
        self.scope = scope
        self.source = source
        self.nodes = nodes
        self.places: list[int] = []

    def run(self) -> tuple[int, Sense | None]:
        for node in self.nodes:
            try:
                self.places.append(self.one(node))
            except ShapeError as error:
                raise self.fail(str(error), node, error.hint) from None
        last = self.nodes[-1]
        if last.kind == "compare":
            return self.places[-1], last.text  # type: ignore[return-value]
        return self.places[-1], None

    def fail(self, message: str, node: Node, hint: str = "", *, place: bool = False) -> ExpressionError:
        start, end = node.place if place else (node.start, node.end)
        return ExpressionError(message, source=self.source, start=start, end=end, hint=hint)

    def one(self, node: Node) -> int:
        scope = self.scope
        if node.kind == "number":
            return scope.add("constant", (), (), value=node.value)
        if node.kind == "name":
            return self.name(node)
        values = tuple(self.places[child] for child in node.children)
        if node.kind == "negate":
            return self.apply("neg", node, scope.real(values[0]))
        if node.kind == "binary":
            return self.binary(node, *values)
        if node.kind == "compare":
            left, right = (scope.real(value) for value in values)
            return self.apply("sub", node, left, right)
        if node.kind == "transpose":
            operation = scope.operations[values[0]]
            return scope.add("transpose", values, shapes.transposed(operation.shape), operation.dtype)
        if node.kind == "index":
            operation = scope.operations[values[0]]
            items = shapes.normalized_index(operation.shape, node.items)
            return scope.add("index", values, shapes.indexed(operation.shape, items), operation.dtype, items=items)
        return self.call(node, values)

    def name(self, node: Node) -> int:
        index = self.scope.find(node.text)
        if index is not None:
            return index
        known = [*self.scope.inputs, *self.scope.lets]
        if node.text in FUNCTIONS:
            raise self.fail(f"the function {node.text} needs arguments", node, f"write {node.text}(...)")
        near = difflib.get_close_matches(node.text, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known names: {', '.join(sorted(known)[:20]) or 'none'}"
        raise self.fail(f"unknown name {node.text[:80]!r}", node, hint)

    def binary(self, node: Node, left: int, right: int) -> int:
        scope = self.scope
        left, right = scope.real(left), scope.real(right)
        if node.text == "@":
            shape = shapes.matmul(scope.operations[left].shape, scope.operations[right].shape)
            found = entropy.inner(scope, left, right)
            return scope.add("matmul", (left, right), shape) if found is None else found
        if node.text != "**":
            divisor = scope.operations[right]
            if node.text == "/" and divisor.op == "constant" and divisor.attribute("value") == 0.0:
                raise self.fail("a division by zero", self.nodes[node.children[1]])
            return self.apply(_ARITHMETIC[node.text], node, left, right)
        exponent = scope.operations[right]
        if exponent.op != "constant" or scope.operations[left].op == "constant":
            return self.apply("power", node, left, right)
        p = exponent.attribute("value")
        if abs(p) > MAX_EXPONENT:
            raise self.fail(
                f"the exponent {p:g} is too large",
                self.nodes[node.children[1]],
                f"at most {MAX_EXPONENT:g} in absolute value",
            )
        if p == 1.0:
            return left
        simple = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}.get(p)
        shape = scope.operations[left].shape
        if simple is not None:
            return scope.add(simple, (left,), shape)
        return scope.add("pow", (left,), shape, exponent=p)

    def apply(self, op: str, node: Node, *arguments: int) -> int:
        """An elementwise operation of one or two arrays, folded if all are constants."""
        scope = self.scope
        operations = [scope.operations[argument] for argument in arguments]
        if all(operation.op == "constant" for operation in operations):
            value = folded(op, [operation.attribute("value") for operation in operations])
            if value is None:
                raise self.fail("this constant has no finite value", node)
            return scope.add("constant", (), (), value=value)
        shape = operations[0].shape
        if len(operations) == 2:
            shape = shapes.broadcast(shape, operations[1].shape)
        found = entropy.product(scope, *arguments) if op == "mul" else None
        return scope.add(op, arguments, shape) if found is None else found

    def call(self, node: Node, values: tuple[int, ...]) -> int:
        function = FUNCTIONS.get(node.text)
        if function is None:
            raise self.unknown_function(node)
        count = len(values)
        if count < function.least or (function.most is not None and count > function.most):
            raise self.fail(
                f"{node.text} takes {_counted(function.least, function.most)}, not {count}", node, function.text
            )
        if node.axis is not None and function.axis == "no":
            raise self.fail(f"{node.text} has no axis", node, function.text)
        if node.text in ("abs", "relu", "norm1") and self.never_negative(values[0]):
            # without the kink, at which no slope holds for the one side that bounds leave
            if node.text != "norm1":
                return self.scope.real(values[0])
            node = replace(node, text="sum")
        built = calls.build(self.scope, node, values, self.nodes)
        if built is not None:
            return built
        return self.apply(node.text, node, self.scope.real(values[0]))

    def never_negative(self, index: int) -> bool:
        """True of variables and data that are known to have no element below zero."""
        operation = self.scope.operations[index]
        given = self.scope.inputs[operation.attribute("name")] if operation.op == "input" else None
        return given is not None and given.least is not None and given.least >= 0.0

    def unknown_function(self, node: Node) -> ExpressionError:
        known = ALSO_KNOWN_AS.get(node.text.lower())
        if known is not None:
            return self.fail(f"there is no function {node.text}", node, f"write {known}", place=True)
        if self.scope.find(node.text) is not None:
            return self.fail(f"{node.text} is not a function", node, "a product is written with *", place=True)
        near = difflib.get_close_matches(node.text, FUNCTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"functions: {', '.join(sorted(FUNCTIONS))}"
        return self.fail(f"there is no function {node.text[:80]}", node, hint, place=True)


def _counted(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more arguments"
    if least == most:
        return "one argument" if least == 1 else f"{least} arguments"
    return f"{least} to {most} arguments"
