"""Expressions of Fortran, as far as SIF files have them, into the expression language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kantor.arrays import wrong

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[DEde][+-]?\d+)?(?![A-Za-z])|\.\d+(?:[DEde][+-]?\d+)?)|(\.[A-Za-z]+\.)|([A-Za-z]\w*)|(\*\*|[-+*/(),]))"
)
_COMPARED = {".LT.": "<", ".LE.": "<=", ".GT.": ">", ".GE.": ">="}
_SAME = {"EXP": "exp", "LOG": "log", "SQRT": "sqrt", "SIN": "sin", "COS": "cos", "TAN": "tan", "ATAN": "arctan"}
_SAME |= {"ABS": "abs", "SINH": "sinh", "COSH": "cosh", "TANH": "tanh", "ERF": "erf"}
_SAME |= {f"D{name}": word for name, word in list(_SAME.items())}
_SAME |= {"ALOG": "log", "DABS": "abs"}
_PLAIN = ("REAL", "DBLE", "FLOAT")
_ARCSINE = "arctan(({0})/sqrt(1 - ({0})**2))"
_OTHER = {
    "LOG10": "log({0})/2.302585092994046",
    "ASIN": _ARCSINE,
    "ACOS": f"(1.5707963267948966 - {_ARCSINE})",
    "ATAN2": "(arctan(({0})/({1})) + where({1} >= 0, 0, where({0} >= 0, 3.141592653589793, -3.141592653589793)))",
}

#: The text of an expression, and how tightly it binds: 1 sum, 2 product, 3 sign, 4 power, 5 atom.
Part = tuple[str, int]


class Translator:
    """Names become what ``names`` says: a text that stands for them, or None if there is no such name.

    Attributes:
        exponents: names that occurred in an exponent.
    """

    def __init__(self, names: Callable[[str], str | None], where: str) -> None:
        self.names = names
        self.where = where
        self.exponents: set[str] = set()
        self._tokens: list[str] = []
        self._place = 0
        self._deep = 0

    def run(self, text: str) -> str:
        """Raises:
        InvalidProblem: what is not understood.
        """
        self._tokens, self._place, end = [], 0, 0
        while text[end:].strip():
            found = _TOKEN.match(text, end)
            if found is None:
                raise self.fail(f"{text[end:].strip()[:20]!r} is not understood")
            self._tokens.append(next(group for group in found.groups() if group).upper())
            end = found.end()
        result = self._sum()[0]
        if self._place < len(self._tokens):
            raise self.fail(f"{self._tokens[self._place]!r} is not expected")
        return result

    def fail(self, detail: str) -> Exception:
        return wrong("", f"{self.where}: {detail}")

    def condition(self, text: str) -> str:
        """A comparison, as the first argument of ``where``."""
        for word, sign in _COMPARED.items():
            left, found, right = text.upper().partition(word)
            if found:
                return f"{self.run(left)} {sign} {self.run(right)}"
        raise self.fail(f"the condition {text!r} is not understood")

    @property
    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next
        self._place += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise self.fail(f"{token!r} is missing")

    def _sum(self) -> Part:
        text, binds = self._product()
        while self._next in ("+", "-"):
            sign = self._take()
            right, tight = self._product()
            text, binds = f"{text} {sign} {_within(right, tight, 2)}", 1
        return text, binds

    def _product(self) -> Part:
        text, binds = self._sign()
        while self._next in ("*", "/"):
            sign = self._take()
            right, tight = self._sign()
            if sign == "*" and right == text and binds == 5:
                text, binds = f"{text}**2", 4
            else:
                text, binds = f"{_within(text, binds, 2)}{sign}{_within(right, tight, 3)}", 2
        return text, binds

    def _sign(self) -> Part:
        if self._next in ("-", "+"):
            sign = self._take()
            # in Fortran the sign of a product is that of the whole
            text, binds = self._sign()
            return (f"-{_within(text, binds, 3)}", 2) if sign == "-" else (text, binds)
        return self._power()

    def _power(self) -> Part:
        text, binds = self._atom()
        if self._next != "**":
            return text, binds
        self._take()
        self._deep += 1
        right, tight = self._sign()
        self._deep -= 1
        return f"{_within(text, binds, 5)}**{_within(right, tight, 4)}", 4

    def _atom(self) -> Part:
        if self._next == "(":
            self._take()
            text, binds = self._sum()
            self._expect(")")
            return text, binds
        token = self._take()
        if re.match(r"[\d.]", token):
            number = float(token.replace("D", "E"))
            return (repr(int(number)) if number.is_integer() and number < 1e15 else repr(number)), 5
        if not token or not token[0].isalpha():
            raise self.fail(f"{token or 'the end'!r} where a value is needed")
        if self._next == "(":
            return self._call(token)
        if self._deep:
            self.exponents.add(token)
        known = self.names(token)
        if known is None:
            raise self.fail(f"unknown name {token}")
        return known, (5 if re.fullmatch(r"\w+|[\d.]+(e[+-]?\d+)?", known) else 1)

    def _call(self, name: str) -> Part:
        self._take()
        given: list[str] = [self._sum()[0]]
        while self._next == ",":
            self._take()
            given.append(self._sum()[0])
        self._expect(")")
        if name in _SAME:
            return f"{_SAME[name]}({given[0]})", 5
        if name in _PLAIN:
            return f"({given[0]})", 5
        if name in _OTHER:
            return "(" + _OTHER[name].format(*given) + ")", 5
        if name in ("MAX", "MIN", "DMAX1", "DMIN1"):
            word = "maximum" if "MAX" in name else "minimum"
            text = given[0]
            for other in given[1:]:
                text = f"{word}({text}, {other})"
            return text, 5
        raise self.fail(f"the function {name} is not known to Kantor")


def _within(text: str, binds: int, least: int) -> str:
    return text if binds >= least else f"({text})"


def constant(name: str, value: float, fail: Callable[[str], Any]) -> float:
    """SIF's functions of a number, in the definitions of parameters."""
    import math

    known: dict[str, Callable[[float], float]] = {
        "ABS": abs,
        "SQRT": math.sqrt,
        "EXP": math.exp,
        "LOG": math.log,
        "LOG10": math.log10,
        "SIN": math.sin,
        "COS": math.cos,
        "TAN": math.tan,
        "ARCSIN": math.asin,
        "ARCCOS": math.acos,
        "ARCTAN": math.atan,
        "HYPSIN": math.sinh,
        "HYPCOS": math.cosh,
        "HYPTAN": math.tanh,
    }
    if name.upper() not in known:
        raise fail(f"the function {name} is not known")
    try:
        return float(known[name.upper()](value))
    except ValueError:
        raise fail(f"{name} of {value} is not defined") from None
