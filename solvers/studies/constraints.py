"""Constraints on the inputs of a study: nested lists, evaluated without ever running text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
