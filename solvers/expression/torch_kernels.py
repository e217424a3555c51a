"""Each operation on torch tensors, usable under autograd and torch.func (vmap, grad, jvp, hessian)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional

Kernel = Callable[..., Any]

#: Operations that take a number in place of a tensor.
TAKES_NUMBERS = frozenset({"add", "sub", "mul", "div"})


def _norm2(x: torch.Tensor, axis: int | None) -> Any:
    return torch.linalg.vector_norm(x, dim=axis)


def _norm2sq(x: torch.Tensor) -> torch.Tensor:
    flat = x.reshape(-1)
    # one pass over x without a copy
    return torch.dot(flat, flat)


def _cross_entropy(z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(z, labels, reduction="none")


def _huber(x: torch.Tensor, delta: float) -> torch.Tensor:
    return functional.huber_loss(x, torch.zeros((), dtype=x.dtype, device=x.device).expand_as(x), "none", delta)


def _prod(x: torch.Tensor, axis: int | None) -> torch.Tensor:
    return x.reshape(-1).prod(0) if axis is None else x.prod(axis)


def _over(reduce: Callable[..., Any], axis: int | None) -> Kernel:
    """A reduction that torch has only along axes."""
    return lambda x: reduce(x, tuple(range(x.dim()))) if axis is None else reduce(x, axis)


def _take(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    if index.dim() == 1:
        return x.index_select(0, index)
    return x.index_select(0, index.reshape(-1)).reshape(index.shape + x.shape[1:])


def _index(items: list[Any]) -> Kernel:
    picked = tuple(item if isinstance(item, int) else slice(item[0], item[1], item[2]) for item in items)
    return lambda x: x[picked]


PLAIN: dict[str, Kernel] = {
    "float": lambda x: x.to(torch.float64),
    "neg": operator.neg,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "xlogx": lambda x: -torch.special.entr(x),
    "expm1": torch.expm1,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "reciprocal": torch.reciprocal,
    "abs": torch.abs,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "arctan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "relu": torch.relu,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "power": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "matmul": torch.matmul,
    "transpose": lambda x: x.transpose(0, 1),
    "take": _take,
    "cross_entropy": _cross_entropy,
}

WITH_ATTRIBUTES: dict[str, Callable[[Mapping[str, Any], tuple[int, ...]], Kernel]] = {
    "pow": lambda a, _: lambda x: torch.pow(x, a["exponent"]),
    "huber": lambda a, _: lambda x: _huber(x, a["delta"]),
    "where": lambda a, _: (
        (lambda c, x, y: torch.where(c > 0.0, x, y)) if a["strict"] else (lambda c, x, y: torch.where(c >= 0.0, x, y))
    ),
    "sum": lambda a, _: torch.sum if a["axis"] is None else lambda x: torch.sum(x, a["axis"]),
    "mean": lambda a, _: torch.mean if a["axis"] is None else lambda x: torch.mean(x, a["axis"]),
    "prod": lambda a, _: lambda x: _prod(x, a["axis"]),
    "amax": lambda a, _: _over(torch.amax, a["axis"]),
    "amin": lambda a, _: _over(torch.amin, a["axis"]),
    "logsumexp": lambda a, _: _over(torch.logsumexp, a["axis"]),
    "norm1": lambda a, _: lambda x: torch.sum(torch.abs(x), a["axis"]),
    "norm2": lambda a, _: lambda x: _norm2(x, a["axis"]),
    "norm2sq": lambda a, _: _norm2sq if a["axis"] is None else lambda x: torch.sum(torch.square(x), a["axis"]),
    "softmax": lambda a, _: lambda x: torch.softmax(x, a["axis"]),
    "cumsum": lambda a, _: lambda x: torch.cumsum(x, a["axis"]),
    "index": lambda a, _: _index(a["items"]),
    "reshape": lambda _, shape: lambda x: x.reshape(shape),
    "concatenate": lambda a, _: lambda *x: torch.cat(x, a["axis"]),
    "stack": lambda a, _: lambda *x: torch.stack(x, a["axis"]),
}


def kernel(op: str, attributes: Mapping[str, Any], shape: tuple[int, ...]) -> Kernel:
    """The function of the arguments' values."""
    plain = PLAIN.get(op)
    return plain if plain is not None else WITH_ATTRIBUTES[op](attributes, shape)
