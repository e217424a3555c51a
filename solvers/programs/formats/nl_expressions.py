"""Expressions of .nl files: Polish prefix notation with numbered operators."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.programs.expressions import constant, variable
from solvers.programs.formats.nl_source import Source
from solvers.programs.problem import Expression

#: Operator number to (operator of ``Expression``, number of operands; 0: a count follows). Source: D. M. Gay, "Writing
#: .nl files" (2005).
_OPERATORS: dict[int, tuple[str, int]] = {
    0: ("+", 2),
    1: ("-", 2),
    2: ("*", 2),
    3: ("/", 2),
    4: ("rem", 2),
    5: ("pow", 2),
    6: ("less", 2),
    11: ("min", 0),
    12: ("max", 0),
    13: ("floor", 1),
    14: ("ceil", 1),
    15: ("abs", 1),
    16: ("neg", 1),
    20: ("or", 2),
    21: ("and", 2),
    22: ("<", 2),
    23: ("<=", 2),
    24: ("==", 2),
    28: (">=", 2),
    29: (">", 2),
    30: ("!=", 2),
    34: ("not", 1),
    35: ("if", 3),
    37: ("tanh", 1),
    38: ("tan", 1),
    39: ("sqrt", 1),
    40: ("sinh", 1),
    41: ("sin", 1),
    42: ("log10", 1),
    43: ("log", 1),
    44: ("exp", 1),
    45: ("cosh", 1),
    46: ("cos", 1),
    47: ("atanh", 1),
    48: ("atan2", 2),
    49: ("atan", 1),
    50: ("asinh", 1),
    51: ("asin", 1),
    52: ("acosh", 1),
    53: ("acos", 1),
    54: ("sum", 0),
    55: ("intdiv", 2),
    70: ("and", 0),
    71: ("or", 0),
    75: ("pow", 2),
    76: ("square", 1),
    77: ("pow", 2),
}

#: Largest number of operands of one operator, and largest depth of pending operators.
_MAX_OPERANDS = 100_000_000


def read_expression(source: Source, n: int, defined: Sequence[Expression | None]) -> Expression:
    """The next expression of the source.

    Args:
        n: number of variables; ``v`` from n on is a defined variable.
        defined: the defined variables read so far.
    """
    pending: list[tuple[str, int, list[Expression]]] = []
    while True:
        node = _leaf(source, n, defined, pending)
        while node is not None:
            if not pending:
                return node
            operator, count, operands = pending[-1]
            operands.append(node)
            if len(operands) < count:
                break
            pending.pop()
            node = _built(operator, operands)


def _leaf(
    source: Source, n: int, defined: Sequence[Expression | None], pending: list[tuple[str, int, list[Expression]]]
) -> Expression | None:
    """A constant or variable; for an operator None, after it is put on ``pending``."""
    letter = source.letter()
    if letter == "n":
        return constant(source.real())
    if letter in ("s", "l"):
        return constant(source.short() if letter == "s" else float(source.integer()))
    if letter == "v":
        index = source.integer()
        if 0 <= index < n:
            return variable(index)
        if not 0 <= index - n < len(defined) or (found := defined[index - n]) is None:
            raise source.error(f"variable {index} is not defined", f"0 to {n - 1}, or a segment V before this one")
        return found
    if letter == "o":
        number = source.integer()
        if number not in _OPERATORS:
            raise source.error(f"operator o{number} is not supported")
        operator, count = _OPERATORS[number]
        if count == 0:
            count = source.integer()
            if not 1 <= count <= _MAX_OPERANDS:
                raise source.error(f"an operator with {count} operands")
        pending.append((operator, count, []))
        return None
    words = {"f": "user-defined functions are not supported", "h": "strings are not supported"}
    raise source.error(words.get(letter, f"{letter!r} does not begin an expression"), "n, v or o")


def _built(operator: str, operands: list[Expression]) -> Expression:
    if operator == "square":
        return Expression("pow", (operands[0], constant(2.0)))
    if operator in ("and", "or"):
        result = operands[0]
        for operand in operands[1:]:
            result = Expression(operator, (result, operand))
        return result
    return Expression(operator, tuple(operands))
