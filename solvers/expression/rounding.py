"""Values together with what rounding may have changed in them: a running error analysis (Wilkinson; Higham, Accuracy
and Stability of Numerical Algorithms, 2002, section 3.3), operation by operation.

Where large terms cancel, the last digits of a value are no digits of the expression: a certificate must know. The
bounds are of first order in the unit roundoff, with some room; elementwise functions are looked at on both ends of
their argument's uncertainty, which for those that are monotone or curve one way bounds what lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from solvers.expression.numpy_kernels import kernel
from solvers.expression.program import Operation, Program

#: Units in the last place that an elementwise function may be wrong by.
ULPS = 8.0
_STRUCTURAL = frozenset({"transpose", "index", "reshape", "concatenate", "stack", "take"})
#: Elementwise, with derivatives of at most one in absolute value, and neither monotone nor curved one way.
_WAVES = frozenset({"sin", "cos"})


def evaluate_with_errors(
    program: Program, output: str, values: Mapping[str, Any], real: type[np.floating[Any]] = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """The value of one output, and for each of its elements a bound on its error, in float64: infinite if unknown.

    Args:
        values: an array for each input that the output needs, taken to be exact.
        real: as for ``evaluate``.
    """
    results: dict[int, Any] = {}
    #: None: exact
    errors: dict[int, np.ndarray | None] = {}
    root = program.outputs[output]
    with np.errstate(all="ignore"):
        for index in program.needed([root]):
            operation = program.operations[index]
            if operation.op == "input":
                dtype = np.dtype(real) if operation.dtype == "float64" else np.dtype(np.int64)
                results[index] = np.asarray(values[operation.attributes["name"]], dtype=dtype)
                errors[index] = None
            elif operation.op == "float":
                results[index], errors[index] = np.asarray(results[operation.arguments[0]], dtype=real), None
            elif operation.op == "constant":
                results[index], errors[index] = real(operation.attributes["value"]), None
            else:
                apply = kernel(operation.op, operation.attributes, operation.shape)
                arguments = [results[k] for k in operation.arguments]
                value = results[index] = apply(*arguments)
                found = _error(operation, apply, arguments, [errors[k] for k in operation.arguments], value, real)
                errors[index] = None if found is None else np.where(np.isnan(found), np.inf, found)
    value, error = np.asarray(results[root]), errors[root]
    return value, np.zeros(value.shape) if error is None else np.broadcast_to(error, value.shape)


def _error(
    operation: Operation,
    apply: Callable[..., Any],
    arguments: list[Any],
    errors: list[np.ndarray | None],
    value: Any,
    real: type[np.floating[Any]],
) -> np.ndarray | None:
    op, attributes = operation.op, operation.attributes
    if op in _STRUCTURAL:
        return _moved(op, apply, arguments, errors)
    unit = float(np.finfo(np.float64 if op == "erf" else real).eps)
    size = _size(value)
    exact = all(error is None for error in errors)
    x = arguments[0]
    e = np.zeros(np.shape(x)) if errors[0] is None else errors[0]
    own = ULPS * unit * size
    if op in ("add", "sub", "mul", "div", "power", "maximum", "minimum", "matmul"):
        y = arguments[1]
        d = np.zeros(np.shape(y)) if errors[1] is None else errors[1]
        return _of_two(op, apply, (x, y), (e, d), value, unit)
    if op == "where":
        return _of_where(arguments, errors, own)
    if op in ("neg", "abs", "relu") and exact:
        return None
    axis = attributes.get("axis")
    if op in ("sum", "mean", "norm1", "cumsum"):
        count = float(np.shape(x)[axis] if axis is not None and np.shape(x) else max(1, np.size(x)))
        add: Any = np.mean if op == "mean" else np.cumsum if op == "cumsum" else np.sum
        return np.asarray(add((count + 2.0) * unit * _size(x) + e, axis=axis))
    if op in ("norm2", "norm2sq"):
        return _of_norm(op, x, e, axis, size, unit)
    if op == "prod":
        largest, count = np.prod(_size(x) + e, axis=axis), float(np.size(x))
        return np.asarray(largest - np.prod(_size(x), axis=axis) + (count + 2.0) * unit * largest)
    if op in ("amax", "amin"):
        return None if exact else np.asarray(np.max(e, axis=axis))
    if op == "logsumexp":
        count = float(np.size(x))
        return np.asarray(np.max(e, axis=axis) + (count + ULPS) * unit * (1.0 + np.max(_size(x), axis=axis) + size))
    if op == "softmax":
        reach = np.max(e, axis=axis, keepdims=True) + unit * (np.size(x) + ULPS + np.max(_size(x)))
        return np.asarray(size * np.expm1(2.0 * reach))
    if op == "cross_entropy":
        return np.asarray(2.0 * np.max(e, axis=1) + (np.shape(x)[1] + ULPS) * unit * (1.0 + np.max(_size(x), axis=1)))
    if op in _WAVES:
        return np.asarray(np.minimum(e, 2.0) + ULPS * unit)
    if exact:
        return own
    if op == "reciprocal":
        return np.asarray(own + size * e / np.maximum(_size(x) - e, 0.0))
    ends = [_size(apply(x + sign * e) - value) for sign in (1.0, -1.0)]
    # beyond one end the function may not be defined
    return np.asarray(np.fmax(*ends) + own)


def _of_two(
    op: str, apply: Callable[..., Any], at: tuple[Any, Any], errors: tuple[Any, Any], value: Any, unit: float
) -> np.ndarray:
    (x, y), (e, d) = at, errors
    size, left, right = _size(value), _size(x), _size(y)
    if op in ("add", "sub"):
        return np.asarray(e + d + unit * size)
    if op == "mul":
        return np.asarray(left * d + right * e + e * d + unit * size)
    if op == "div":
        return np.asarray((e + size * d) / np.maximum(right - d, 0.0) + unit * size)
    if op == "matmul":
        inner = float(np.shape(x)[-1]) + 2.0
        spread = np.matmul(left, right) * inner * unit
        return np.asarray(spread + np.matmul(left, d) + np.matmul(e, right) + np.matmul(e, d))
    if op == "power":
        if not (np.any(e) or np.any(d)):
            return np.asarray(ULPS * unit * size)
        corners = [_size(apply(x + s * e, y + t * d) - value) for s in (1.0, -1.0) for t in (1.0, -1.0)]
        return np.asarray(np.fmax.reduce(corners) + ULPS * unit * size)
    return np.asarray(np.maximum(e, d) + np.zeros_like(size))


def _of_where(arguments: list[Any], errors: list[np.ndarray | None], own: np.ndarray) -> np.ndarray:
    test, then, otherwise = arguments
    c, a, b = (np.zeros(np.shape(v)) if e is None else e for v, e in zip(arguments, errors, strict=True))
    inside = np.maximum(a, b)
    return np.asarray(
        np.where(_size(test) > c, inside, np.where(c > 0.0, inside + _size(then - otherwise), inside)) + 0.0 * own
    )


def _of_norm(op: str, x: Any, e: np.ndarray, axis: int | None, size: np.ndarray, unit: float) -> np.ndarray:
    count = float(np.size(x))
    spread = np.sum(2.0 * _size(x) * e + e * e, axis=axis)
    if op == "norm2sq":
        return np.asarray(spread + (count + 2.0) * unit * size)
    return np.asarray(np.sqrt(np.sum(e * e, axis=axis)) + (count + 2.0) * unit * size)


def _moved(
    op: str, apply: Callable[..., Any], arguments: list[Any], errors: list[np.ndarray | None]
) -> np.ndarray | None:
    if all(error is None for error in errors):
        return None
    if op == "take":
        return np.asarray(apply(errors[0], arguments[1]))
    filled = [
        np.zeros(np.shape(v)) if e is None else np.broadcast_to(e, np.shape(v))
        for v, e in zip(arguments, errors, strict=True)
    ]
    return np.asarray(apply(*filled))


def _size(value: Any) -> np.ndarray:
    return np.abs(np.asarray(value, dtype=np.float64))
