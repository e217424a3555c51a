"""Values of polynomials in rational arithmetic: no rounding at all, for claims that hang on a zero being zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from solvers.expression.numpy_kernels import index_of
from solvers.expression.program import Operation, Program

#: Up to so many elements in all operations together.
ELEMENTS = 20_000
_MOST_POWER = 16


class Inexact(Exception):
    """An operation that is not rational, or too much work."""


def evaluate_exactly(program: Program, outputs: Sequence[str], values: Mapping[str, Any]) -> list[np.ndarray]:
    """Several outputs at a point, as arrays of ``Fraction``.

    Args:
        values: an array for each input, of floats (which are rational numbers), integers or ``Fraction``.

    Raises:
        Inexact: an operation that leaves the rational numbers, a division by zero, or too many elements.
    """
    roots = [program.outputs[output] for output in outputs]
    needed = program.needed(roots)
    if sum(int(np.prod(program.operations[k].shape)) for k in needed) > ELEMENTS:
        raise Inexact
    found: dict[int, Any] = {}
    for index in needed:
        operation = program.operations[index]
        if operation.op == "input":
            found[index] = _fractions(values[operation.attributes["name"]])
        elif operation.op == "constant":
            found[index] = _fractions(operation.attributes["value"])
        elif operation.op == "float":
            found[index] = found[operation.arguments[0]]
        else:
            result = np.asarray(_applied(operation, [found[k] for k in operation.arguments]), dtype=object)
            found[index] = result.reshape(operation.shape)
    return [found[root] for root in roots]


def _fractions(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=object)
    flat = [value if isinstance(value, Fraction) else Fraction(value) for value in array.reshape(-1).tolist()]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(array.shape)


def _applied(operation: Operation, x: list[Any]) -> Any:
    op, attributes = operation.op, operation.attributes
    axis = attributes.get("axis")
    if op in ("add", "sub", "mul", "div"):
        if op == "div" and not all(x[1].reshape(-1)):
            raise Inexact
        return {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide}[op](x[0], x[1])
    if op == "matmul":
        return np.matmul(x[0], x[1])
    if op == "neg":
        return -x[0]
    if op == "square":
        return x[0] * x[0]
    if op == "reciprocal":
        if not all(x[0].reshape(-1)):
            raise Inexact
        return Fraction(1) / x[0]
    if op == "pow":
        exponent = float(attributes["exponent"])
        if not exponent.is_integer() or not 0 <= exponent <= _MOST_POWER:
            raise Inexact
        return x[0] ** int(exponent)
    if op in ("sum", "mean"):
        total = np.sum(x[0], axis=axis)
        return total if op == "sum" else total / Fraction(int(x[0].size // max(1, np.size(total))))
    if op == "norm2sq":
        return np.sum(x[0] * x[0], axis=axis)
    if op == "prod":
        return np.prod(x[0], axis=axis)
    if op == "cumsum":
        return np.cumsum(x[0], axis=axis)
    if op == "transpose":
        return np.transpose(x[0])
    if op == "index":
        return x[0][index_of(attributes["items"])]
    if op == "reshape":
        return np.reshape(x[0], operation.shape)
    if op in ("concatenate", "stack"):
        return getattr(np, op)(x, axis=axis)
    if op == "take":
        return np.take(x[0], x[1].astype(np.int64), axis=0)
    raise Inexact
