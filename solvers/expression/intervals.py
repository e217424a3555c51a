"""Values over a box: for each element of an output an interval that holds it for all points of the box.

Natural interval extensions (Moore 1966), operation by operation, widened outwards by more than the rounding of each
step. A function counts only where it is defined: what follows from these intervals holds for points at which all that
is evaluated has a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from solvers.expression.numpy_kernels import kernel
from solvers.expression.program import Operation, Program

Interval = tuple[np.ndarray, np.ndarray]

#: Units in the last place by which results are widened.
ULPS = 8.0
EPS = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)
LARGEST = float(np.finfo(np.float64).max)
#: Up to so many products in a matrix product of two intervals; beyond it is unbounded.
PRODUCTS = 2_000_000
#: Angles above this are of no use.
FAR = 1e6

_STRUCTURAL = frozenset({"transpose", "index", "reshape", "concatenate", "stack", "take"})
_INCREASING = frozenset(
    {"exp", "expm1", "arctan", "sinh", "tanh", "erf", "sigmoid", "softplus", "relu", "logsumexp"}
    | {"maximum", "minimum", "amax", "amin", "cumsum", "sum", "mean", "add"}
)


def evaluate_over(program: Program, outputs: Sequence[str], box: Mapping[str, Any]) -> list[Interval]:
    """Lower and upper ends of several outputs, in their shapes; ends may be infinite.

    Args:
        box: for each input an array (data), or a pair of arrays, the lower and upper ends of a variable.
    """
    roots = [program.outputs[output] for output in outputs]
    found: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for index in program.needed(roots):
            operation = program.operations[index]
            arguments = [found[k] for k in operation.arguments]
            if operation.op == "input":
                given = box[operation.attributes["name"]]
                found[index] = given if isinstance(given, tuple) else (np.asarray(given), np.asarray(given))
            elif operation.op == "constant":
                value = np.float64(operation.attributes["value"])
                found[index] = (value, value)
            elif operation.op == "float":
                found[index] = tuple(np.asarray(end, dtype=np.float64) for end in arguments[0])
            elif operation.dtype == "int64" or operation.op in _STRUCTURAL:
                found[index] = _moved(operation, arguments)
            else:
                found[index] = _outwards(_applied(operation, arguments), _terms(operation, arguments))
    return [(np.asarray(found[root][0]), np.asarray(found[root][1])) for root in roots]


def _outwards(ends: Interval, terms: Any) -> Interval:
    """Widened; what overflowed is at least the largest number, and what is undefined may be anything."""
    low, high = (np.asarray(end, dtype=np.float64) for end in ends)
    low = np.where(np.isnan(low), -np.inf, np.minimum(low, LARGEST))
    high = np.where(np.isnan(high), np.inf, np.maximum(high, -LARGEST))
    # a zero end is exact but for numbers that vanished, which keep their sign
    low = low - ULPS * EPS * (np.abs(low) + terms) - np.where((low == 0.0) & ~np.signbit(low), 0.0, TINY)
    high = high + ULPS * EPS * (np.abs(high) + terms) + np.where((high == 0.0) & np.signbit(high), 0.0, TINY)
    return low, high


def _terms(operation: Operation, arguments: Sequence[Interval]) -> Any:
    """What rounding is relative to, beside the result: sums of many terms lose more than one unit."""
    op, axis = operation.op, operation.attributes.get("axis")
    if op in ("sum", "mean", "cumsum", "norm1", "norm2", "norm2sq", "logsumexp"):
        size = _finite(np.maximum(np.abs(arguments[0][0]), np.abs(arguments[0][1])))
        if op == "norm2sq":
            size = size * size
        total = np.sum(size, axis=axis, keepdims=op == "cumsum")
        return total * np.size(arguments[0][0]) / ULPS
    if op == "matmul":
        left, right = (_finite(np.maximum(np.abs(low), np.abs(high))) for low, high in arguments)
        return np.matmul(left, right) * (np.shape(left)[-1] + 2.0) / ULPS
    if op == "cross_entropy":
        return np.max(_finite(np.maximum(np.abs(arguments[0][0]), np.abs(arguments[0][1]))), axis=1) * ULPS
    return 1.0 if op in ("sin", "cos", "softplus", "expm1", "sigmoid") else 0.0


def _finite(x: Any) -> Any:
    return np.where(np.isfinite(x), x, 0.0)


def _moved(operation: Operation, arguments: Sequence[Interval]) -> Interval:
    apply = kernel(operation.op, operation.attributes, operation.shape)
    if operation.op == "take":
        index = np.asarray(arguments[1][0])
        return apply(arguments[0][0], index), apply(arguments[0][1], index)
    return apply(*(np.asarray(a[0]) for a in arguments)), apply(*(np.asarray(a[1]) for a in arguments))


def _applied(operation: Operation, arguments: Sequence[Interval]) -> Interval:
    op, attributes = operation.op, operation.attributes
    if op in _INCREASING:
        apply = kernel(op, attributes, operation.shape)
        return apply(*(a[0] for a in arguments)), apply(*(a[1] for a in arguments))
    if op == "mul" and operation.arguments[0] == operation.arguments[1]:
        return _square(*arguments[0])
    rule = _RULES.get(op)
    if rule is not None:
        return rule(*arguments)
    return _with_attributes(operation, arguments)


def _with_attributes(operation: Operation, arguments: Sequence[Interval]) -> Interval:
    op, attributes = operation.op, operation.attributes
    x = arguments[0]
    axis = attributes.get("axis")
    if op == "pow":
        return _pow(x, float(attributes["exponent"]))
    if op == "huber":
        return _even(x, kernel(op, attributes, operation.shape))
    if op == "where":
        (c, d), then, otherwise = arguments
        sure = c > 0.0 if attributes["strict"] else c >= 0.0
        never = d <= 0.0 if attributes["strict"] else d < 0.0
        low, high = np.minimum(then[0], otherwise[0]), np.maximum(then[1], otherwise[1])
        return (
            np.where(sure, then[0], np.where(never, otherwise[0], low)),
            np.where(sure, then[1], np.where(never, otherwise[1], high)),
        )
    if op in ("norm1", "norm2", "norm2sq"):
        low, high = _abs(*x) if op == "norm1" else _square(*x)
        low, high = np.sum(low, axis=axis), np.sum(high, axis=axis)
        return (np.sqrt(low), np.sqrt(high)) if op == "norm2" else (low, high)
    if op == "prod":
        flat = [np.reshape(end, (-1,)) if axis is None else np.moveaxis(end, axis, 0) for end in x]
        result: Interval = (np.ones(flat[0].shape[1:]), np.ones(flat[0].shape[1:]))
        for low, high in zip(*flat, strict=True):
            result = _mul(result, (low, high))
        return result
    if op == "softmax":
        shape = np.shape(x[0])
        return np.zeros(shape), np.ones(shape)
    if op == "cross_entropy":
        labels = np.asarray(arguments[1][0])
        total = kernel("logsumexp", {"axis": 1}, ())
        low, high = (np.take_along_axis(end, labels[:, None], axis=1)[:, 0] for end in x)
        return np.maximum(0.0, total(x[0]) - high), total(x[1]) - low
    shape = operation.shape
    return np.full(shape, -np.inf), np.full(shape, np.inf)


def _neg(x: Interval) -> Interval:
    return -x[1], -x[0]


def _sub(x: Interval, y: Interval) -> Interval:
    return x[0] - y[1], x[1] - y[0]


def _mul(x: Interval, y: Interval) -> Interval:
    # 0 * inf is 0: the ends stand for finite numbers
    corners = [np.where(np.isnan(c := a * b), 0.0, c) for a in x for b in y]
    return np.minimum.reduce(np.broadcast_arrays(*corners)), np.maximum.reduce(np.broadcast_arrays(*corners))


def _reciprocal(x: Interval) -> Interval:
    low, high = x
    inside = (low < 0.0) & (high > 0.0)
    below = np.where(inside | (high == 0.0), -np.inf, 1.0 / np.where(high == 0.0, 1.0, high))
    above = np.where(inside | (low == 0.0), np.inf, 1.0 / np.where(low == 0.0, 1.0, low))
    return np.asarray(below), np.asarray(above)


def _div(x: Interval, y: Interval) -> Interval:
    return _mul(x, _outwards(_reciprocal(y), 0.0))


def _abs(low: np.ndarray, high: np.ndarray) -> Interval:
    return np.maximum(0.0, np.maximum(low, -high)), np.maximum(np.abs(low), np.abs(high))


def _square(low: np.ndarray, high: np.ndarray) -> Interval:
    least, most = _abs(low, high)
    return np.asarray(least * least), np.asarray(most * most)


def _even(x: Interval, apply: Callable[..., Any]) -> Interval:
    """Of a function that grows with the absolute value."""
    least, most = _abs(*x)
    return apply(least), apply(most)


def _pow(x: Interval, exponent: float) -> Interval:
    if exponent < 0.0:
        return _reciprocal(_outwards(_pow(x, -exponent), 0.0))
    if not exponent.is_integer():
        return np.power(np.maximum(x[0], 0.0), exponent), np.power(x[1], exponent)
    if exponent % 2.0 == 0.0:
        return _even(x, lambda t: np.power(t, exponent))
    return np.power(x[0], exponent), np.power(x[1], exponent)


def _log(x: Interval) -> Interval:
    return np.log(np.maximum(x[0], 0.0)), np.log(x[1])


def _sqrt(x: Interval) -> Interval:
    return np.sqrt(np.maximum(x[0], 0.0)), np.sqrt(x[1])


def _log1p(x: Interval) -> Interval:
    return np.log1p(np.maximum(x[0], -1.0)), np.log1p(x[1])


def _xlogx(x: Interval) -> Interval:
    apply = kernel("xlogx", {}, ())
    low, high = np.maximum(x[0], 0.0), x[1]
    ends = apply(low), np.where(np.isposinf(high), np.inf, apply(np.where(np.isposinf(high), 1.0, high)))
    least = np.exp(-1.0)
    lowest = np.where((low <= least) & (high >= least), -least, np.minimum(*ends))
    return np.asarray(lowest), np.where(high < 0.0, np.inf, np.maximum(*ends))


def _power(x: Interval, y: Interval) -> Interval:
    raised = _mul(y, _outwards(_log(x), 0.0))
    # at 0**0 the product of 0 and infinity is not 0
    zero = (x[0] <= 0.0) | ~np.isfinite(raised[0] + raised[1])
    low = np.where(zero, 0.0, np.exp(raised[0]))
    high = np.where(
        zero & ~np.isfinite(raised[1]), np.inf, np.exp(np.where(zero, np.maximum(raised[1], 0.0), raised[1]))
    )
    negative = x[0] < 0.0
    return np.where(negative, -np.inf, low), np.where(negative, np.inf, high)


def _cos(x: Interval) -> Interval:
    slack = 1e-9
    low, high = x[0] - slack, x[1] + slack
    turn = 2.0 * np.pi
    top = np.floor(high / turn) * turn >= low
    bottom = np.floor((high - np.pi) / turn) * turn + np.pi >= low
    far = ~((np.abs(low) < FAR) & (np.abs(high) < FAR))
    ends = np.cos(x[0]), np.cos(x[1])
    return (
        np.where(bottom | far, -1.0, np.minimum(*ends)),
        np.where(top | far, 1.0, np.maximum(*ends)),
    )


def _sin(x: Interval) -> Interval:
    low, high = _cos((x[0] - 0.5 * np.pi, x[1] - 0.5 * np.pi))
    return low, high


def _tan(x: Interval) -> Interval:
    pole = np.floor((x[1] + 1e-9) / np.pi - 0.5) != np.floor((x[0] - 1e-9) / np.pi - 0.5)
    pole = pole | ~((np.abs(x[0]) < FAR) & (np.abs(x[1]) < FAR))
    return np.where(pole, -np.inf, np.tan(x[0])), np.where(pole, np.inf, np.tan(x[1]))


def _matmul(x: Interval, y: Interval) -> Interval:
    left = tuple(np.asarray(end)[None, :] if np.ndim(end) == 1 else np.asarray(end) for end in x)
    right = tuple(np.asarray(end)[:, None] if np.ndim(end) == 1 else np.asarray(end) for end in y)
    shape = np.broadcast_shapes(left[0].shape[:-2], right[0].shape[:-2])
    shape += (left[0].shape[-2], right[0].shape[-1])
    if float(np.prod(shape)) * left[0].shape[-1] > PRODUCTS:
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
    else:
        low, high = _mul(
            (left[0][..., :, :, None], left[1][..., :, :, None]),
            (right[0][..., None, :, :], right[1][..., None, :, :]),
        )
        low, high = low.sum(axis=-2), high.sum(axis=-2)
    if np.ndim(y[0]) == 1:
        low, high = low[..., 0], high[..., 0]
    if np.ndim(x[0]) == 1:
        rest = 0 if np.ndim(y[0]) == 1 else 1
        low, high = np.take(low, 0, axis=low.ndim - 1 - rest), np.take(high, 0, axis=high.ndim - 1 - rest)
    return low, high


_RULES: dict[str, Callable[..., Interval]] = {
    "neg": _neg,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "reciprocal": _reciprocal,
    "abs": lambda x: _abs(*x),
    "square": lambda x: _square(*x),
    "cosh": lambda x: _even(x, np.cosh),
    "log": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "xlogx": _xlogx,
    "power": _power,
    "cos": _cos,
    "sin": _sin,
    "tan": _tan,
    "matmul": _matmul,
}
