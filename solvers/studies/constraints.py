"""Constraints on the inputs of a study: nested lists, evaluated without ever running text."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from solvers.core.errors import InvalidProblem
from solvers.studies.parameters import Value, is_number

_MAX_NODES = 1000

_UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda a: -a,
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceil": math.ceil,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "-": lambda a, b: a - b,
    "/": lambda a, b: a / b,
    "pow": lambda a, b: math.pow(a, b),
    "mod": lambda a, b: math.fmod(a, b),
    "<=": lambda a, b: a <= b + 1e-9 * max(1.0, abs(b)),
    ">=": lambda a, b: a >= b - 1e-9 * max(1.0, abs(b)),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_MANY = frozenset({"+", "*", "min", "max", "and", "or"})
_TRUTHS = frozenset({"<=", ">=", "<", ">", "==", "!=", "and", "or", "not"})


_SLACK = 1e-9
_ARRAY: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "log": lambda a: np.where(np.asarray(a) > 0.0, np.log(a), np.nan),
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "-": np.subtract,
    "/": np.divide,
    "pow": np.power,
    "mod": np.fmod,
    "+": np.add,
    "*": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}
#: Values of one parameter at many points: floats, or objects where choices are not numbers.
Column: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class InputConstraint:
    """A condition that every suggested point must meet.

    Attributes:
        tree: prefix lists: ``["<=", ["+", ["var", "x"], ["*", 2, ["var", "y"]]], 10]``. Leaves are numbers, strings and
            booleans, and ``["var", name]``. Operators: + * min max and or (any number of operands), - / pow mod < <= >
            >= == != (two), neg abs exp log sqrt floor ceil not (one). The root is a comparison or a combination of
            such.
        text: how people see it.
    """

    tree: Any
    text: str = ""

    def __post_init__(self) -> None:
        for nodes, node in enumerate(_walk(self.tree)):
            if nodes >= _MAX_NODES:
                raise InvalidProblem(f"the constraint has more than {_MAX_NODES} parts", pointer="/constraints")
            fault = _fault(node)
            if fault:
                raise InvalidProblem(f"constraint {self.text or self.tree!r}: {fault}", pointer="/constraints")
        if not (isinstance(self.tree, (list, tuple)) and self.tree and self.tree[0] in _TRUTHS):
            raise InvalidProblem(
                f"constraint {self.text or self.tree!r} is not a comparison", pointer="/constraints", hint="x + y <= 1"
            )

    def names(self) -> set[str]:
        """The parameters that it speaks of."""
        return {node[1] for node in _walk(self.tree) if isinstance(node, (list, tuple)) and node[0] == "var"}

    def holds(self, point: Mapping[str, Value]) -> bool:
        """True if the point meets it, or if a parameter that it speaks of is inactive in the point. What cannot be
        computed (a division by zero, a logarithm of zero) does not hold."""
        if not self.names() <= point.keys():
            return True
        try:
            return bool(_value(self.tree, point))
        except (ArithmeticError, ValueError, TypeError):
            return False

    def margins(self, columns: Mapping[str, Column], count: int) -> NDArray[np.float64]:
        """(count,) of many points at once, given as columns of values by name: at most 0 where it holds, as ``holds``
        says, and above 0 elsewhere: of a comparison the difference of its sides, hence continuous in numbers. -1 where
        a parameter is inactive (NaN, or None among choices), inf where it cannot be computed."""
        inactive = np.zeros(count, dtype=bool)
        for name in self.names():
            column = columns[name]
            if column.dtype == object:
                inactive |= np.array([value is None for value in column], dtype=bool)
            else:
                inactive |= np.isnan(column)
        with np.errstate(all="ignore"):
            margins = np.broadcast_to(np.asarray(_margins(self.tree, columns), dtype=float), (count,)).copy()
        margins[np.isnan(margins)] = np.inf
        margins[inactive] = -1.0
        return margins


def _margins(node: Any, columns: Mapping[str, Column]) -> Any:
    op = node[0] if isinstance(node, (list, tuple)) else ""
    if op in ("and", "or"):
        parts = [_margins(part, columns) for part in node[1:]]
        return np.maximum.reduce(parts) if op == "and" else np.minimum.reduce(parts)
    if op == "not":
        return np.where(_margins(node[1], columns) <= 0.0, 1.0, -1.0)
    if op in ("==", "!=", "<", ">", "<=", ">="):
        a, b = (_values(part, columns) for part in node[1:])
        if op in ("==", "!="):
            alike = np.asarray(a == b)
            away = np.ones(alike.shape) if alike.dtype != bool or _words(a) or _words(b) else np.abs(a - b)
            return np.where(alike, 0.0, np.maximum(away, 1e-300)) if op == "==" else np.where(alike, 1.0, -1.0)
        if _words(a) or _words(b):
            return np.inf
        away = np.asarray(a - b if op in ("<=", "<") else b - a, dtype=float)
        if op in ("<", ">"):
            return np.where(away < 0.0, away, np.maximum(away, 1e-300))
        slack = _SLACK * np.maximum(1.0, np.abs(np.asarray(b, dtype=float)))
        return np.where(away <= slack, np.minimum(away, 0.0), away)
    return np.where(np.asarray(_values(node, columns), dtype=bool), -1.0, 1.0)


def _values(node: Any, columns: Mapping[str, Column]) -> Any:
    if not isinstance(node, (list, tuple)):
        return node
    op = node[0]
    if op == "var":
        return columns[node[1]]
    parts = [_values(part, columns) for part in node[1:]]
    if any(_words(part) for part in parts):
        return np.nan
    if op in _UNARY:
        return _ARRAY[op](parts[0])
    if op in ("-", "/", "pow", "mod"):
        first, second = (np.asarray(part, dtype=float) for part in parts)
        return np.where((op == "/") & (second == 0.0), np.nan, _ARRAY[op](first, second))
    if op in _MANY - {"and", "or"}:
        return functools.reduce(_ARRAY[op], parts)
    return _margins(node, columns) <= 0.0


def _words(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype == object)


def _walk(tree: Any) -> Iterator[Any]:
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (list, tuple)) and node and node[0] != "var":
            stack.extend(node[1:])


def _fault(node: Any) -> str:
    if isinstance(node, (str, bool)) or is_number(node):
        return ""
    if not isinstance(node, (list, tuple)) or not node or not isinstance(node[0], str):
        return f"{node!r} is neither a number, a string, a boolean nor a list that begins with an operator"
    op, operands = node[0], len(node) - 1
    if op == "var":
        return "" if operands == 1 and isinstance(node[1], str) else "var takes the name of a parameter"
    if op in _UNARY or op == "not":
        return "" if operands == 1 else f"{op} takes one operand"
    if op in _BINARY:
        return "" if operands == 2 else f"{op} takes two operands"
    if op in _MANY:
        return "" if operands >= 1 else f"{op} takes at least one operand"
    return f"unknown operator {op!r}"


def _value(node: Any, point: Mapping[str, Value]) -> Any:
    if not isinstance(node, (list, tuple)):
        return node
    op = node[0]
    if op == "var":
        return point[node[1]]
    parts = [_value(part, point) for part in node[1:]]
    if op in _UNARY:
        return _UNARY[op](parts[0])
    if op in _BINARY:
        if isinstance(parts[1], str) and op not in ("==", "!="):
            raise TypeError("strings can only be compared for equality")
        return _BINARY[op](parts[0], parts[1])
    if op == "not":
        return not parts[0]
    if op in ("and", "or"):
        return all(parts) if op == "and" else any(parts)
    if op in ("min", "max"):
        return min(parts) if op == "min" else max(parts)
    return math.fsum(parts) if op == "+" else math.prod(parts)
