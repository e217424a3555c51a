"""Nonlinear expressions in SCIP's own form. What SCIP lacks is written with what it has; the rest is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from solvers.core.errors import UnsupportedProblem
from solvers.programs.expressions import postorder
from solvers.programs.problem import Expression


def to_scip(expression: Expression, variables: Sequence[Any], pointer: str) -> Any:
    """A pyscipopt expression of the variables.

    Raises:
        UnsupportedProblem: an operator that SCIP lacks (floor, if, comparisons, inverse trigonometry...).
    """
    values: dict[int, Any] = {}
    for node in postorder(expression):
        if node.op == "const":
            value: Any = float(node.value)
        elif node.op == "var":
            value = variables[node.index]
        else:
            operands = [values[id(argument)] for argument in node.args]
            value = _applied(node.op, operands, pointer)
        values[id(node)] = value
    return values[id(expression)]


def _applied(op: str, operands: list[Any], pointer: str) -> Any:
    if all(isinstance(operand, float) for operand in operands):
        return _constant(op, operands, pointer)
    make = _MAKE.get(op)
    if make is None:
        raise UnsupportedProblem(
            f"SCIP does not take the operator {op!r} of a variable",
            pointer=pointer,
            hint=f"it takes: {' '.join(_MAKE)}",
        )
    try:
        return make(*operands)
    except (ArithmeticError, ValueError) as error:
        raise UnsupportedProblem(f"SCIP does not take {op!r} here: {error}", pointer=pointer) from error


def _constant(op: str, operands: list[float], pointer: str) -> float:
    from solvers.programs.expressions import OPERATORS

    try:
        return float(OPERATORS[op][2](*operands))
    except (ArithmeticError, ValueError) as error:
        raise UnsupportedProblem(f"{op!r} of constants has no value: {error}", pointer=pointer) from error


def _function(name: str) -> Callable[[Any], Any]:
    def apply(operand: Any) -> Any:
        import pyscipopt

        return getattr(pyscipopt, name)(operand)

    return apply


_exp, _log, _sqrt, _sin, _cos = (_function(name) for name in ("exp", "log", "sqrt", "sin", "cos"))


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, float):
        return base ** (int(exponent) if exponent.is_integer() and 0 <= exponent <= 2 else exponent)
    if isinstance(base, float):
        if base <= 0.0:
            raise ValueError("a power with a variable exponent needs a positive base")
        return _exp(exponent * math.log(base))
    return _exp(exponent * _log(base))


def _larger(*operands: Any) -> Any:
    chosen = operands[0]
    for operand in operands[1:]:
        chosen = 0.5 * (chosen + operand) + 0.5 * abs(chosen - operand)
    return chosen


def _smaller(*operands: Any) -> Any:
    return -1.0 * _larger(*(-1.0 * operand for operand in operands))


def _sum(*operands: Any) -> Any:
    total = operands[0]
    for operand in operands[1:]:
        total = total + operand
    return total


_MAKE: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "sum": _sum,
    "neg": lambda a: -1.0 * a,
    "abs": abs,
    "pow": _power,
    "sqrt": _sqrt,
    "exp": _exp,
    "log": _log,
    "log10": lambda a: _log(a) * (1.0 / math.log(10.0)),
    "sin": _sin,
    "cos": _cos,
    "tan": lambda a: _sin(a) / _cos(a),
    "sinh": lambda a: 0.5 * (_exp(a) - _exp(-1.0 * a)),
    "cosh": lambda a: 0.5 * (_exp(a) + _exp(-1.0 * a)),
    "tanh": lambda a: 1.0 - 2.0 / (_exp(2.0 * a) + 1.0),
    "asinh": lambda a: _log(a + _sqrt(a * a + 1.0)),
    "acosh": lambda a: _log(a + _sqrt(a * a - 1.0)),
    "atanh": lambda a: 0.5 * _log((1.0 + a) / (1.0 - a)),
    "min": _smaller,
    "max": _larger,
    "less": lambda a, b: _larger(a - b, 0.0),
}
