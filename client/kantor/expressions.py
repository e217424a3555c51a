"""The expression language with Python's operators, for those who prefer them to strings.

    from kantor import expressions as kt

    Xv, w, yv = kt.names("Xv w yv")
    str(kt.mean((Xv @ w - yv) ** 2))  # "mean((Xv @ w - yv)**2)"

Nothing is computed here: an expression is text with a precedence, and may be given wherever a string may. Names and
shapes are checked with the problem. Every function of the language has one of the same name here.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal

from api_schemas.expression.functions import FUNCTIONS

#: How strongly the outermost operation binds.
_COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)

__all__ = ["Comparison", "Expression", "name", "names", *sorted(FUNCTIONS)]


class Expression:
    """Text of the language. ``str`` gives it."""

    # numpy leaves operators with its arrays to this class, which then says what to do instead
    __array_ufunc__ = None

    def __init__(self, text: str, strength: int = _ATOM) -> None:
        self.text = text
        self._strength = strength

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Expression {self.text}>"

    def __add__(self, other: Any) -> Expression:
        return _binary(self, "+", other, _SUM)

    def __radd__(self, other: Any) -> Expression:
        return _binary(other, "+", self, _SUM)

    def __sub__(self, other: Any) -> Expression:
        return _binary(self, "-", other, _SUM)

    def __rsub__(self, other: Any) -> Expression:
        return _binary(other, "-", self, _SUM)

    def __mul__(self, other: Any) -> Expression:
        return _binary(self, "*", other, _PRODUCT)

    def __rmul__(self, other: Any) -> Expression:
        return _binary(other, "*", self, _PRODUCT)

    def __truediv__(self, other: Any) -> Expression:
        return _binary(self, "/", other, _PRODUCT)

    def __rtruediv__(self, other: Any) -> Expression:
        return _binary(other, "/", self, _PRODUCT)

    def __matmul__(self, other: Any) -> Expression:
        return _binary(self, "@", other, _PRODUCT)

    def __rmatmul__(self, other: Any) -> Expression:
        return _binary(other, "@", self, _PRODUCT)

    def __pow__(self, other: Any) -> Expression:
        return _power(self, other)

    def __rpow__(self, other: Any) -> Expression:
        return _power(other, self)

    def __neg__(self) -> Expression:
        return Expression(f"-{_wrapped(self, _SIGN)}", _SIGN)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return _call("abs", (self,), None)

    def __le__(self, other: Any) -> Comparison:
        return Comparison(self, "<=", other)

    def __ge__(self, other: Any) -> Comparison:
        return Comparison(self, ">=", other)

    def __lt__(self, other: Any) -> Comparison:
        return Comparison(self, "<", other)

    def __gt__(self, other: Any) -> Comparison:
        return Comparison(self, ">", other)

    def __eq__(self, other: Any) -> Comparison:  # type: ignore[override]
        return Comparison(self, "==", other)

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, key: Any) -> Expression:
        items = key if isinstance(key, tuple) else (key,)
        return Expression(f"{_wrapped(self, _ATOM)}[{', '.join(map(_item, items))}]")

    def __iter__(self) -> Any:
        raise TypeError("an expression cannot be iterated over; x[0] is its first element")

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value; kt.where(a > b, x, y) chooses elementwise")

    @property
    def T(self) -> Expression:
        """The transpose of a matrix."""
        return Expression(f"{_wrapped(self, _ATOM)}.T")


class Comparison:
    """A constraint, or the condition of ``where``."""

    __array_ufunc__ = None

    def __init__(self, left: Any, operator: str, right: Any) -> None:
        self.text = f"{_of(left).text} {operator} {_of(right).text}"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Comparison {self.text}>"

    def __bool__(self) -> bool:
        raise TypeError(f"{self.text!r} has no truth value; write 0 <= x <= 1 as two constraints")

    __hash__ = None  # type: ignore[assignment]


def name(name: str) -> Expression:
    """A variable, data or let-binding of the problem, by its name."""
    if not name.isidentifier() or name.startswith("_"):
        raise ValueError(f"{name!r} cannot be a name: a letter, then letters, digits and _")
    return Expression(name)


def names(names: str) -> tuple[Expression, ...]:
    """Several names, separated by spaces or commas."""
    return tuple(name(part) for part in names.replace(",", " ").split())


def _of(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool) or (not isinstance(value, (int, float)) and not hasattr(value, "__float__")):
        raise TypeError(f"an expression takes expressions and numbers, not {type(value).__name__}: {value!r:.60}")
    if getattr(value, "shape", ()) != ():
        raise TypeError("an array cannot stand in an expression: give it as data, and write its name")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"numbers of an expression are finite, not {number}")
    text = str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return Expression(text, _SIGN if text.startswith("-") else _ATOM)


def _wrapped(value: Any, strength: int) -> str:
    """In parentheses if it binds less strongly."""
    expression = _of(value)
    return expression.text if expression._strength >= strength else f"({expression.text})"


def _binary(left: Any, operator: Literal["+", "-", "*", "/", "@"], right: Any, strength: int) -> Expression:
    # the right side is one stronger: a - (b - c) keeps its parentheses
    spaced = operator if operator in "*/" else f" {operator} "
    return Expression(f"{_wrapped(left, strength)}{spaced}{_wrapped(right, strength + 1)}", strength)


def _power(base: Any, exponent: Any) -> Expression:
    return Expression(f"{_wrapped(base, _ATOM)}**{_wrapped(exponent, _SIGN)}", _POWER)


def _item(item: Any) -> str:
    if isinstance(item, slice):
        parts = ["" if part is None else _whole(part) for part in (item.start, item.stop, item.step)]
        return ":".join(parts if parts[2] else parts[:2])
    return _whole(item)


def _whole(value: Any) -> str:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"an index is a whole number, not {value!r:.60}; kt.take(x, index) picks by an array of data")
    return str(value.__index__())


def _call(function: str, arguments: tuple[Any, ...], axis: int | None) -> Expression:
    texts = [argument.text if isinstance(argument, Comparison) else _of(argument).text for argument in arguments]
    if axis is not None:
        texts.append(f"axis={_whole(axis)}")
    return Expression(f"{function}({', '.join(texts)})")


@cache
def _function(function: str) -> Any:
    described = FUNCTIONS[function]

    def with_axis(*arguments: Any, axis: int | None = None) -> Expression:
        return _call(function, arguments, axis)

    def without(*arguments: Any) -> Expression:
        return _call(function, arguments, None)

    made = without if described.axis == "no" else with_axis
    made.__name__ = made.__qualname__ = function
    made.__doc__ = f"{described.text}. See docs/reference/expression-language.md."
    return made


def __getattr__(wanted: str) -> Any:
    if wanted not in FUNCTIONS:
        raise AttributeError(f"the language has no function {wanted!r}")
    # not kept among this module's globals, where `sum` and `abs` would hide Python's own
    return _function(wanted)


def __dir__() -> list[str]:
    return __all__
