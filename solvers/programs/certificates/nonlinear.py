"""Rigorous enclosures of nonlinear expressions at a point."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

import numpy as np

from solvers.programs.certificates import angles
from solvers.programs.certificates import intervals as iv
from solvers.programs.certificates.intervals import Interval
from solvers.programs.problem import Expression

#: Values beyond 1e400 are no doubles; ones below 1e-400 are replaced by an interval around zero.
_LARGE_EXPONENT = 400

_ONE = (iv.ONE, iv.ONE)

_OPERATORS: dict[str, Callable[..., Interval]] = {
    "+": iv.add,
    "-": iv.subtract,
    "*": iv.multiply,
    "/": iv.divide,
    "rem": iv.remainder,
    "pow": iv.power,
    "less": lambda a, b: iv.maximum(iv.subtract(a, b), (iv.ZERO, iv.ZERO)),
    "atan2": angles.atan2,
    "intdiv": lambda a, b: iv.truncated(iv.divide(a, b)),
    "neg": iv.negate,
    "abs": iv.absolute,
    "floor": iv.stepwise(ROUND_FLOOR),
    "ceil": iv.stepwise(ROUND_CEILING),
    "sqrt": iv.square_root,
    "exp": iv.exp,
    "log": iv.log,
    "log10": iv.log10,
    "sin": angles.sin,
    "cos": angles.cos,
    "tan": angles.tan,
    "asin": angles.asin,
    "acos": angles.acos,
    "atan": angles.atan,
    "sinh": angles.sinh,
    "cosh": angles.cosh,
    "tanh": angles.tanh,
    "asinh": angles.asinh,
    "acosh": angles.acosh,
    "atanh": angles.atanh,
    "sum": iv.add_all,
    "min": iv.minimum,
    "max": iv.maximum,
    "<": iv.less,
    "<=": iv.at_most,
    "==": iv.equal,
    ">=": lambda a, b: iv.at_most(b, a),
    ">": lambda a, b: iv.less(b, a),
    "!=": lambda a, b: iv.subtract(_ONE, iv.equal(a, b)),
    "and": lambda a, b: iv.minimum(iv.nonzero(a), iv.nonzero(b)),
    "or": lambda a, b: iv.maximum(iv.nonzero(a), iv.nonzero(b)),
    "not": iv.negation,
}


def enclosure(expression: Expression, x: np.ndarray) -> tuple[Fraction, Fraction] | None:
    """Numbers between which the expression's exact value at the doubles ``x`` lies; None where it has no finite value.

    About 50 digits agree unless the expression itself cancels more. A shared subexpression is worked out once.

    Raises:
        KeyError: an operator that this checker does not know.
    """
    values: dict[int, Interval | None] = {}
    for node in _operands_first(expression):
        values[id(node)] = _value(node, [values[id(argument)] for argument in node.args], x)
    result = values[id(expression)]
    if result is None or max(result[0].copy_abs(), result[1].copy_abs()).adjusted() > _LARGE_EXPONENT:
        return None
    return _fraction(result[0], iv.ZERO, _TINY.copy_negate()), _fraction(result[1], _TINY, iv.ZERO)


_TINY = Decimal(10) ** -_LARGE_EXPONENT


def _fraction(end: Decimal, if_small_positive: Decimal, if_small_negative: Decimal) -> Fraction:
    if end and end.copy_abs() < _TINY:
        return Fraction(if_small_positive if end > 0 else if_small_negative)
    return Fraction(end)


def _value(node: Expression, operands: list[Interval | None], x: np.ndarray) -> Interval | None:
    if node.op == "const":
        result = iv.exactly(float(node.value))
    elif node.op == "var":
        result = iv.exactly(float(x[node.index]))
    elif node.op == "if":
        return _choice(*operands)
    else:
        function = _OPERATORS[node.op]
        known = [operand for operand in operands if operand is not None]
        if len(known) < len(operands):
            return None
        try:
            result = function(*known)
        except ArithmeticError:  # Undefined, or an infinity met in the middle
            return None
    return result if result[0].is_finite() and result[1].is_finite() else None


def _choice(condition: Interval | None, then: Interval | None, otherwise: Interval | None) -> Interval | None:
    """Only the branch that is taken need be defined; where the condition cannot be decided, both are enclosed."""
    if condition is None:
        return None
    certain, possible = iv.nonzero(condition)
    if certain == possible:
        return then if certain else otherwise
    if then is None or otherwise is None:
        return None
    return min(then[0], otherwise[0]), max(then[1], otherwise[1])


def _operands_first(expression: Expression) -> list[Expression]:
    order: list[Expression] = []
    done: set[int] = set()
    stack = [expression]
    while stack:
        node = stack[-1]
        if id(node) in done:
            stack.pop()
            continue
        waiting = [argument for argument in node.args if id(argument) not in done]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        done.add(id(node))
        order.append(node)
    return order
