"""What each function of the language becomes: operations of the intermediate form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api_schemas.expression import entropy, shapes
from api_schemas.expression.functions import ELEMENTWISE, REDUCTIONS
from api_schemas.expression.shapes import Shape, ShapeError, written
from api_schemas.expression.syntax import Node

if TYPE_CHECKING:
    from api_schemas.expression.scope import Scope


def build(scope: Scope, node: Node, values: tuple[int, ...], nodes: list[Node]) -> int | None:
    """Position of the call's value; None for elementwise functions of one array, which need no rule.

    Raises:
        ShapeError: arguments that do not fit the function.
    """
    if node.text in ELEMENTWISE:
        return None
    if node.text in ("reshape", "take", "cross_entropy", "concatenate", "stack"):
        return _structural(scope, node, values, nodes)
    values = tuple(scope.real(value) for value in values)
    shape = scope.operations[values[0]].shape
    if node.text in REDUCTIONS:
        axis = None if node.axis is None else shapes.axis_of(shape, node.axis)
        return scope.add(node.text, values, shapes.reduced(shape, axis), axis=axis)
    if node.text in ("softmax", "cumsum"):
        return scope.add(node.text, values, shape, axis=shapes.axis_of(shape, -1 if node.axis is None else node.axis))
    if node.text == "huber":
        return scope.add("huber", values[:1], shape, delta=_threshold(scope, values))
    if node.text == "trace":
        return _trace(scope, values[0], shape)
    if node.text == "where":
        return _where(scope, node, values, nodes)
    other = scope.operations[values[1]].shape
    if node.text in ("maximum", "minimum"):
        return scope.add(node.text, values, shapes.broadcast(shape, other))
    if node.text == "outer":
        return _outer(scope, values, shape, other)
    if node.text == "dot":
        if len(shape) == 1 and shape == other:
            found = entropy.inner(scope, *values)
            return scope.add("matmul", values, ()) if found is None else found
        product = scope.add("mul", values, shapes.broadcast(shape, other))
        return scope.add("sum", (product,), (), axis=None)
    return _logistic(scope, values, shape, other)


def _threshold(scope: Scope, values: tuple[int, ...]) -> float:
    if len(values) == 1:
        return 1.0
    given = scope.operations[values[1]]
    if given.op != "constant" or given.attribute("value") <= 0.0:
        raise ShapeError("huber's threshold is a positive number", "huber(z, 1.345)")
    return float(given.attribute("value"))


def _trace(scope: Scope, value: int, shape: Shape) -> int:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"trace is of a square matrix, not of shape {written(shape)}")
    n = shape[0]
    if n == 1:
        return scope.add("reshape", (value,), ())
    flat = scope.add("reshape", (value,), (n * n,))
    diagonal = scope.add("index", (flat,), (n,), items=((0, n * n, n + 1),))
    return scope.add("sum", (diagonal,), (), axis=None)


def _where(scope: Scope, node: Node, values: tuple[int, ...], nodes: list[Node]) -> int:
    condition, then, otherwise = values
    test = nodes[node.children[0]]
    strict = True
    if test.kind == "compare":
        strict = test.text in ("<", ">")
        if test.text in ("<", "<="):
            operation = scope.operations[condition]
            if operation.op == "constant":
                condition = scope.add("constant", (), (), value=-operation.attribute("value"))
            else:
                condition = scope.add("neg", (condition,), operation.shape)
    found = entropy.guarded(scope, condition, then, otherwise)
    if found is not None:
        return found
    shape = scope.operations[condition].shape
    for value in (then, otherwise):
        shape = shapes.broadcast(shape, scope.operations[value].shape)
    return scope.add("where", (condition, then, otherwise), shape, strict=strict)


def _outer(scope: Scope, values: tuple[int, ...], left: Shape, right: Shape) -> int:
    if len(left) != 1 or len(right) != 1:
        raise ShapeError(f"outer is of two vectors, not of shapes {written(left)} and {written(right)}")
    column = scope.add("reshape", values[:1], (left[0], 1))
    return scope.add("mul", (column, values[1]), (left[0], right[0]))


def _logistic(scope: Scope, values: tuple[int, ...], left: Shape, right: Shape) -> int:
    shape = shapes.broadcast(left, right)
    # labels are data, whose negative is computed once
    product = scope.add("mul", (values[0], scope.add("neg", values[1:], right)), shape)
    return scope.add("softplus", (product,), shape)


def _structural(scope: Scope, node: Node, values: tuple[int, ...], nodes: list[Node]) -> int:
    if node.text == "reshape":
        first = scope.operations[values[0]]
        to = [_length(nodes[child], nodes) for child in node.children[1:]]
        shape = shapes.reshaped(first.shape, to)
        return scope.add("reshape", values[:1], shape, first.dtype)
    if node.text in ("take", "cross_entropy"):
        return _picked(scope, node.text, values)
    values = tuple(scope.real(value) for value in values)
    operands = [scope.operations[value].shape for value in values]
    if node.text == "concatenate":
        axis = shapes.axis_of(operands[0], 0 if node.axis is None else node.axis)
        return scope.add("concatenate", values, shapes.concatenated(operands, axis), axis=axis)
    for shape in operands[1:]:
        if shape != operands[0]:
            raise ShapeError(
                f"stack is of arrays of one shape, not {written(operands[0])} and {written(shape)}",
                "concatenate(a, b) joins along an axis that is there",
            )
    base = operands[0]
    axis = shapes.axis_of((*base, 1), 0 if node.axis is None else node.axis)
    return scope.add("stack", values, (*base[:axis], len(values), *base[axis:]), axis=axis)


def _length(node: Node, nodes: list[Node]) -> int:
    sign = 1
    if node.kind == "negate":
        sign, node = -1, nodes[node.children[0]]
    if node.kind != "number" or not node.text.isdigit() or len(node.text) > 10:
        raise ShapeError("reshape takes literal lengths", "reshape(x, 3, 4)")
    return sign * int(node.text)


def _picked(scope: Scope, name: str, values: tuple[int, ...]) -> int:
    x = scope.real(values[0])
    shape, index = scope.operations[x].shape, scope.operations[values[1]]
    if index.dtype != "int64":
        what = "labels" if name == "cross_entropy" else "index"
        raise ShapeError(
            f"the {what} of {name} must be data of whole numbers, not of type float64",
            "declare the data as int64" if index.op == "input" else "",
        )
    if name == "take":
        if not shape:
            raise ShapeError("take needs an array, not a scalar")
        return scope.add("take", (x, values[1]), (*index.shape, *shape[1:]))
    if len(shape) != 2 or index.shape != shape[:1]:
        raise ShapeError(
            f"cross_entropy needs logits (n, classes) and labels (n,), not {written(shape)} and {written(index.shape)}"
        )
    return scope.add("cross_entropy", (x, values[1]), index.shape)
