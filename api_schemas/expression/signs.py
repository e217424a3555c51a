"""The rules of signs behind ``structure``: what one operation does to the signs of its arguments.

Each holds wherever the value is a number: with infinite or undefined values nothing is claimed of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from api_schemas.expression.program import Operation

Sign = Literal["positive", "nonnegative", "nonpositive", "negative", "unknown"]

#: Operations that are linear in all their arguments.
LINEAR = frozenset({"sum", "mean", "cumsum", "transpose", "index", "reshape", "concatenate", "stack", "take", "float"})
_POSITIVE = frozenset({"exp", "softplus", "sigmoid", "cosh", "softmax"})
_NONNEGATIVE = frozenset({"square", "abs", "relu", "sqrt", "huber", "norm1", "norm2", "norm2sq", "cross_entropy"})
_KEEPS_SIGN = LINEAR | {"amax", "amin", "prod", "expm1", "log1p", "arctan", "sinh", "tanh", "erf", "reciprocal"}


def sign_of(operation: Operation, signs: Sequence[Sign]) -> Sign:
    """The sign of an operation's value, elementwise, from those of its arguments."""
    op = operation.op
    if op == "neg":
        return _opposite(signs[0])
    if op == "add":
        return _sum(signs[0], signs[1])
    if op == "sub":
        return _sum(signs[0], _opposite(signs[1]))
    if op in ("mul", "div", "matmul"):
        if op == "mul" and operation.arguments[0] == operation.arguments[1]:
            return "positive" if signs[0] in ("positive", "negative") else "nonnegative"
        return product(signs[0], signs[1])
    if op in _POSITIVE:
        return "positive"
    if op in _NONNEGATIVE:
        strict = op not in ("relu", "cross_entropy", "huber") and signs[0] in ("positive", "negative")
        return "positive" if strict or (op == "relu" and signs[0] == "positive") else "nonnegative"
    if op == "pow":
        p = operation.attribute("exponent")
        even = p % 2.0 == 0.0
        if signs[0] == "positive":
            return "positive"
        return "nonnegative" if even or p != int(p) or signs[0] == "nonnegative" else "unknown"
    if op == "power":
        # of a base below zero it may have either sign: the exponent may be an odd number
        return signs[0] if signs[0] in ("positive", "nonnegative") else "unknown"
    if op == "maximum":
        if "positive" in signs:
            return "positive"
        return "nonnegative" if "nonnegative" in signs else _common(signs)
    if op == "minimum":
        if "negative" in signs:
            return "negative"
        return "nonpositive" if "nonpositive" in signs else _common(signs)
    if op == "where":
        return _common(signs[1:])
    if op == "prod":
        return signs[0] if signs[0] in ("positive", "nonnegative") else "unknown"
    if op == "take":
        return signs[0]
    return _common(signs) if op in _KEEPS_SIGN else "unknown"


def _opposite(sign: Sign) -> Sign:
    pairs: dict[Sign, Sign] = {
        "positive": "negative",
        "negative": "positive",
        "nonnegative": "nonpositive",
        "nonpositive": "nonnegative",
    }
    return pairs.get(sign, "unknown")


def product(a: Sign, b: Sign) -> Sign:
    """Of a product, or of a quotient."""
    if "unknown" in (a, b):
        return "unknown"
    strict = {a, b} <= {"positive", "negative"}
    same = (a in ("positive", "nonnegative")) == (b in ("positive", "nonnegative"))
    if same:
        return "positive" if strict else "nonnegative"
    return "negative" if strict else "nonpositive"


def _sum(a: Sign, b: Sign) -> Sign:
    up, down = ("positive", "nonnegative"), ("negative", "nonpositive")
    if a in up and b in up:
        return "positive" if "positive" in (a, b) else "nonnegative"
    if a in down and b in down:
        return "negative" if "negative" in (a, b) else "nonpositive"
    return "unknown"


def _common(signs: Sequence[Sign]) -> Sign:
    """The sign that all have."""
    kinds = set(signs)
    if len(kinds) == 1:
        return signs[0]
    if kinds <= {"positive", "nonnegative"}:
        return "nonnegative"
    return "nonpositive" if kinds <= {"negative", "nonpositive"} else "unknown"
