"""Constants of constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0.0 else math.exp(x) / (1.0 + math.exp(x))


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "neg": lambda x: -x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "power": math.pow,
    "maximum": max,
    "minimum": min,
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "xlogx": lambda x: x * math.log(x) if x != 0.0 else 0.0,
    "expm1": math.expm1,
    "sqrt": math.sqrt,
    "square": lambda x: x * x,
    "abs": abs,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arctan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "erf": math.erf,
    "sigmoid": _sigmoid,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "relu": lambda x: max(x, 0.0),
}


def folded(op: str, values: Sequence[float]) -> float | None:
    """The finite value of an elementwise operation on numbers, None if there is none."""
    try:
        value = float(_FUNCTIONS[op](*values))
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None
