"""Each operation on numpy arrays. Independent of the torch kernels: certificates are computed with these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

Kernel = Callable[..., Any]


def _softplus(x: np.ndarray) -> Any:
    return np.logaddexp(0.0, x)


def _logsumexp(x: np.ndarray, axis: int | None) -> Any:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total.reshape(()) if axis is None else np.squeeze(total, axis=axis)


def _softmax(x: np.ndarray, axis: int) -> Any:
    raised = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return raised / np.sum(raised, axis=axis, keepdims=True)


def _cross_entropy(z: np.ndarray, labels: np.ndarray) -> Any:
    return _logsumexp(z, 1) - np.take_along_axis(z, labels[:, None], axis=1)[:, 0]


def _huber(x: np.ndarray, delta: float) -> Any:
    size = np.abs(x)
    return np.where(size <= delta, 0.5 * x * x, delta * (size - 0.5 * delta))


def _sigmoid(x: np.ndarray) -> Any:
    return special.expit(x)


def index_of(items: list[Any]) -> tuple[Any, ...]:
    """The attribute ``items`` as an index of arrays."""
    return tuple(item if isinstance(item, int) else slice(item[0], item[1], item[2]) for item in items)


#: Elementwise and structural operations without attributes.
PLAIN: dict[str, Kernel] = {
    "neg": np.negative,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "xlogx": lambda x: x * np.log(np.where(x == 0.0, 1.0, x)),
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "square": np.square,
    "reciprocal": lambda x: 1.0 / x,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "erf": lambda x: special.erf(np.asarray(x, dtype=np.float64)),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "relu": lambda x: np.maximum(x, 0.0),
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "power": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "matmul": np.matmul,
    "transpose": np.transpose,
    "take": lambda x, index: np.take(x, index, axis=0),
    "cross_entropy": _cross_entropy,
}

#: Operations that need their attributes (and shape).
WITH_ATTRIBUTES: dict[str, Callable[[Mapping[str, Any], tuple[int, ...]], Kernel]] = {
    "pow": lambda a, _: lambda x: np.power(x, float(a["exponent"])),
    "huber": lambda a, _: lambda x: _huber(x, a["delta"]),
    "where": lambda a, _: (
        (lambda c, x, y: np.where(c > 0.0, x, y)) if a["strict"] else (lambda c, x, y: np.where(c >= 0.0, x, y))
    ),
    "sum": lambda a, _: lambda x: np.sum(x, axis=a["axis"]),
    "mean": lambda a, _: lambda x: np.mean(x, axis=a["axis"]),
    "prod": lambda a, _: lambda x: np.prod(x, axis=a["axis"]),
    "amax": lambda a, _: lambda x: np.max(x, axis=a["axis"]),
    "amin": lambda a, _: lambda x: np.min(x, axis=a["axis"]),
    "logsumexp": lambda a, _: lambda x: _logsumexp(x, a["axis"]),
    "norm1": lambda a, _: lambda x: np.sum(np.abs(x), axis=a["axis"]),
    "norm2": lambda a, _: lambda x: np.sqrt(np.sum(np.square(x), axis=a["axis"])),
    "norm2sq": lambda a, _: lambda x: np.sum(np.square(x), axis=a["axis"]),
    "softmax": lambda a, _: lambda x: _softmax(x, a["axis"]),
    "cumsum": lambda a, _: lambda x: np.cumsum(x, axis=a["axis"]),
    "index": lambda a, _: lambda x: x[index_of(a["items"])],
    "reshape": lambda _, shape: lambda x: np.reshape(x, shape),
    "concatenate": lambda a, _: lambda *x: np.concatenate(x, axis=a["axis"]),
    "stack": lambda a, _: lambda *x: np.stack(x, axis=a["axis"]),
}


def kernel(op: str, attributes: Mapping[str, Any], shape: tuple[int, ...]) -> Kernel:
    """The function of the arguments' values."""
    plain = PLAIN.get(op)
    return plain if plain is not None else WITH_ATTRIBUTES[op](attributes, shape)


__all__ = ["PLAIN", "WITH_ATTRIBUTES", "index_of", "kernel"]
