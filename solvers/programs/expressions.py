"""Nonlinear expressions: evaluation, size, and the operators there are (those of the AMPL ``.nl`` format).

Expressions may share subexpressions (a ``.nl`` file's defined variables): every function here visits a shared node
once, and none recurses, so that neither deep nor heavily shared expressions can exhaust the interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from solvers.programs.problem import Expression


def _quotient(a: float, b: float) -> float:
    if b == 0.0:
        return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _less(a: float, b: float) -> float:
    return max(a - b, 0.0)


def _extreme(choose: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    def chosen(*values: float) -> float:
        return math.nan if any(math.isnan(v) for v in values) else choose(values)

    return chosen


def _truth(test: Callable[..., bool]) -> Callable[..., float]:
    return lambda *values: 1.0 if test(*values) else 0.0


def _choice(condition: float, then: float, otherwise: float) -> float:
    return then if condition != 0.0 else otherwise


#: Operator to (smallest number of operands, largest or None, function on doubles). ``less`` is max(a - b, 0),
#: ``intdiv`` truncates towards zero, comparisons and logical operators give 1 or 0; ``if`` takes a condition, a value
#: and another value.
OPERATORS: dict[str, tuple[int, int | None, Callable[..., float]]] = {
    "+": (2, 2, lambda a, b: a + b),
    "-": (2, 2, lambda a, b: a - b),
    "*": (2, 2, lambda a, b: a * b),
    "/": (2, 2, _quotient),
    "rem": (2, 2, math.fmod),
    "pow": (2, 2, math.pow),
    "less": (2, 2, _less),
    "atan2": (2, 2, math.atan2),
    "intdiv": (2, 2, lambda a, b: float(math.trunc(a / b))),
    "neg": (1, 1, lambda a: -a),
    "abs": (1, 1, abs),
    "floor": (1, 1, lambda a: float(math.floor(a))),
    "ceil": (1, 1, lambda a: float(math.ceil(a))),
    "sqrt": (1, 1, math.sqrt),
    "exp": (1, 1, math.exp),
    "log": (1, 1, math.log),
    "log10": (1, 1, math.log10),
    "sin": (1, 1, math.sin),
    "cos": (1, 1, math.cos),
    "tan": (1, 1, math.tan),
    "asin": (1, 1, math.asin),
    "acos": (1, 1, math.acos),
    "atan": (1, 1, math.atan),
    "sinh": (1, 1, math.sinh),
    "cosh": (1, 1, math.cosh),
    "tanh": (1, 1, math.tanh),
    "asinh": (1, 1, math.asinh),
    "acosh": (1, 1, math.acosh),
    "atanh": (1, 1, math.atanh),
    "sum": (1, None, lambda *values: sum(values)),
    "min": (1, None, _extreme(min)),
    "max": (1, None, _extreme(max)),
    "<": (2, 2, _truth(lambda a, b: a < b)),
    "<=": (2, 2, _truth(lambda a, b: a <= b)),
    "==": (2, 2, _truth(lambda a, b: a == b)),
    ">=": (2, 2, _truth(lambda a, b: a >= b)),
    ">": (2, 2, _truth(lambda a, b: a > b)),
    "!=": (2, 2, _truth(lambda a, b: a != b)),
    "and": (2, 2, _truth(lambda a, b: bool(a) and bool(b))),
    "or": (2, 2, _truth(lambda a, b: bool(a) or bool(b))),
    "not": (1, 1, _truth(lambda a: not a)),
    "if": (3, 3, _choice),
}


def constant(value: float) -> Expression:
    return Expression("const", value=value)


def variable(index: int) -> Expression:
    return Expression("var", index=index)


def postorder(expression: Expression) -> Iterator[Expression]:
    """Every distinct node (by identity) once, operands before the node that uses them."""
    seen: set[int] = set()
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        node, expanded = stack.pop()
        if id(node) in seen:
            continue
        if expanded or not node.args:
            seen.add(id(node))
            yield node
        else:
            stack.append((node, True))
            stack.extend((argument, False) for argument in reversed(node.args))


def evaluate(expression: Expression, x: np.ndarray) -> float:
    """The value at ``x`` (n doubles): NaN outside an operator's domain, infinite on overflow.

    Raises:
        KeyError: an operator that is not in ``OPERATORS`` (``Program.build`` refuses such expressions).
    """
    values: dict[int, float] = {}
    for node in postorder(expression):
        if node.op == "const":
            value = float(node.value)
        elif node.op == "var":
            value = float(x[node.index])
        else:
            try:
                value = float(OPERATORS[node.op][2](*[values[id(argument)] for argument in node.args]))
            except (ValueError, ZeroDivisionError):
                value = math.nan
            except OverflowError:
                value = math.inf
        values[id(node)] = value
    return values[id(expression)]


def variables_of(expression: Expression) -> set[int]:
    """Indices of the variables that occur."""
    return {node.index for node in postorder(expression) if node.op == "var"}


def expanded_size(expression: Expression) -> int:
    """Number of nodes when every shared subexpression is written out again: what a naive engine would have to build."""
    sizes: dict[int, int] = {}
    for node in postorder(expression):
        sizes[id(node)] = 1 + sum(sizes[id(argument)] for argument in node.args)
    return sizes[id(expression)]
