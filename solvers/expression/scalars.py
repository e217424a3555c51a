"""The intermediate form spelled out in scalar expressions, for solvers that take nothing else (SCIP)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from solvers.core.errors import UnsupportedProblem
from solvers.expression.evaluate import evaluate_many
from solvers.expression.numpy_kernels import kernel
from solvers.expression.program import Operation, Program
from solvers.programs.problem import Expression

#: More scalar nodes than this are not built.
MAX_NODES = 200_000

_SAME = {"exp": "exp", "log": "log", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan", "abs": "abs"}
_SAME |= {"sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "neg": "neg"}
_BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/", "power": "pow", "maximum": "max", "minimum": "min"}
_STRUCTURAL = frozenset({"index", "reshape", "transpose", "take", "concatenate", "stack"})


def spelled(
    program: Program, outputs: Sequence[str], data: Mapping[str, np.ndarray], names: Sequence[str]
) -> list[Any]:
    """For each output an array of ``solvers.programs.problem.Expression`` in the flat vector of the named variables.

    Raises:
        UnsupportedProblem: an operation that scalar expressions lack, or too many of them.
    """
    return _Speller(program, data, names).run([program.outputs[output] for output in outputs])


class _Speller:
    def __init__(self, program: Program, data: Mapping[str, np.ndarray], names: Sequence[str]) -> None:
        self.program = program
        self.data = data
        self.nodes = 0
        self.variables: dict[str, np.ndarray] = {}
        begin = 0
        for name in names:
            shape = program.inputs[name].shape
            size = int(np.prod(shape))
            flat = np.empty(size, dtype=object)
            flat[:] = [Expression("var", index=begin + k) for k in range(size)]
            self.variables[name] = flat.reshape(shape)
            begin += size

    def run(self, roots: Sequence[int]) -> list[Any]:
        program = self.program
        moving = program.depends(self.variables)
        needed = program.needed(roots)
        fixed = [k for k in needed if not moving[k]]
        values: dict[int, Any] = dict(zip(fixed, evaluate_many(program, fixed, self.data), strict=True))
        for index in needed:
            if moving[index]:
                values[index] = self.one(program.operations[index], values)
        return [self.objects(values[root]) for root in roots]

    def one(self, operation: Operation, values: Mapping[int, Any]) -> Any:
        if operation.op == "input":
            return self.variables[operation.attributes["name"]]
        given = [values[argument] for argument in operation.arguments]
        moved = [a if a.dtype == object or a.dtype == np.int64 else self.objects(a) for a in given]
        if operation.op in _STRUCTURAL:
            return np.asarray(kernel(operation.op, operation.attributes, operation.shape)(*moved), dtype=object)
        if operation.op == "matmul":
            return self.matmul(moved[0], moved[1], operation.shape)
        if operation.op in _SAME:
            return self.each(lambda x: self.node(_SAME[operation.op], x), moved[0])
        if operation.op in _BINARY:
            return self.each(lambda x, y: self.node(_BINARY[operation.op], x, y), *moved)
        reduce = _REDUCTIONS.get(operation.op)
        if reduce is not None:
            return self.reduced(moved[0], operation.attributes["axis"], lambda part: reduce(self, part))
        make = _ELEMENTWISE.get(operation.op)
        if make is not None:
            return self.each(lambda x: make(self, x, operation.attributes), moved[0])
        raise UnsupportedProblem(
            f"branch and bound does not take {operation.op} of a variable", pointer="/engine", hint="engine: auto"
        )

    def node(self, op: str, *args: Expression) -> Expression:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise UnsupportedProblem(
                f"spelled out in scalars the problem has more than {MAX_NODES} nodes", pointer="/engine"
            )
        return Expression(op, args)

    def constant(self, value: float) -> Expression:
        return Expression("const", value=float(value))

    def objects(self, array: np.ndarray) -> np.ndarray:
        if array.dtype == object:
            return array
        result = np.empty(array.shape, dtype=object)
        for place in np.ndindex(array.shape):
            result[place] = self.constant(float(array[place]))
        return result

    def each(self, function: Callable[..., Expression], *arrays: np.ndarray) -> np.ndarray:
        spread = np.broadcast_arrays(*arrays)
        result = np.empty(spread[0].shape, dtype=object)
        for place in np.ndindex(result.shape):
            result[place] = function(*(array[place] for array in spread))
        return result

    def total(self, parts: Sequence[Expression]) -> Expression:
        return parts[0] if len(parts) == 1 else self.node("sum", *parts)

    def reduced(self, array: np.ndarray, axis: int | None, function: Callable[[list[Any]], Expression]) -> np.ndarray:
        rows = array.reshape(1, -1) if axis is None else np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])
        shape = () if axis is None else tuple(np.delete(array.shape, axis))
        result = np.empty(rows.shape[0], dtype=object)
        for k, row in enumerate(rows):
            result[k] = function(list(row))
        return result.reshape(shape)

    def matmul(self, a: np.ndarray, b: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if a.ndim > 2 or b.ndim > 2:
            raise UnsupportedProblem("branch and bound does not take stacks of matrices", pointer="/engine")
        rows = a.reshape(1, -1) if a.ndim == 1 else a
        columns = b.reshape(-1, 1) if b.ndim == 1 else b
        result = np.empty((rows.shape[0], columns.shape[1]), dtype=object)
        for i, row in enumerate(rows):
            for j in range(columns.shape[1]):
                pairs = zip(row, columns[:, j], strict=True)
                terms = [self.node("*", x, y) for x, y in pairs if not (_zero(x) or _zero(y))]
                result[i, j] = self.total(terms) if terms else self.constant(0.0)
        return result.reshape(shape)


def _zero(expression: Expression) -> bool:
    return expression.op == "const" and expression.value == 0.0


def _square(speller: _Speller, x: Expression) -> Expression:
    return speller.node("pow", x, speller.constant(2.0))


def _mean(speller: _Speller, parts: list[Expression]) -> Expression:
    return speller.node("*", speller.constant(1.0 / len(parts)), speller.total(parts))


def _product(speller: _Speller, parts: list[Expression]) -> Expression:
    result = parts[0]
    for part in parts[1:]:
        result = speller.node("*", result, part)
    return result


def _extreme(op: str) -> Callable[[_Speller, list[Expression]], Expression]:
    return lambda speller, parts: parts[0] if len(parts) == 1 else speller.node(op, *parts)


_REDUCTIONS: dict[str, Callable[[_Speller, list[Expression]], Expression]] = {
    "sum": lambda s, parts: s.total(parts),
    "mean": _mean,
    "prod": _product,
    "amax": _extreme("max"),
    "amin": _extreme("min"),
    "logsumexp": lambda s, parts: s.node("log", s.total([s.node("exp", part) for part in parts])),
    "norm1": lambda s, parts: s.total([s.node("abs", part) for part in parts]),
    "norm2": lambda s, parts: s.node("sqrt", s.total([_square(s, part) for part in parts])),
    "norm2sq": lambda s, parts: s.total([_square(s, part) for part in parts]),
}

_ELEMENTWISE: dict[str, Callable[[_Speller, Expression, Mapping[str, Any]], Expression]] = {
    "square": lambda s, x, _: _square(s, x),
    "reciprocal": lambda s, x, _: s.node("/", s.constant(1.0), x),
    "pow": lambda s, x, a: s.node("pow", x, s.constant(a["exponent"])),
    "relu": lambda s, x, _: s.node("max", x, s.constant(0.0)),
    "log1p": lambda s, x, _: s.node("log", s.node("+", x, s.constant(1.0))),
    "xlogx": lambda s, x, _: s.node("*", x, s.node("log", x)),
    "expm1": lambda s, x, _: s.node("-", s.node("exp", x), s.constant(1.0)),
    "sigmoid": lambda s, x, _: s.node(
        "/", s.constant(1.0), s.node("+", s.constant(1.0), s.node("exp", s.node("neg", x)))
    ),
    "softplus": lambda s, x, _: s.node("log", s.node("+", s.constant(1.0), s.node("exp", x))),
}
