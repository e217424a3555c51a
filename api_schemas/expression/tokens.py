"""From characters to tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from api_schemas.expression.errors import ExpressionError
from api_schemas.expression.limits import Limits


class Token(NamedTuple):
    """``kind`` is ``number``, ``name``, ``end``, or the operator itself; ``source[start:end]`` is ``text``."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|==|<=|>=|[-+*/@()\[\],:=<>.])"
)

#: Characters that people paste or expect, and what to write.
_INSTEAD = {
    "^": "a power is written **",
    "−": "write the minus sign -",
    "–": "write the minus sign -",
    "×": "a product is written *, of matrices @",
    "·": "a product is written *, of matrices @",
    "÷": "a quotient is written /",
    "≤": "write <=",
    "≥": "write >=",
    "²": "write **2",
    "'": "there are no strings; the transpose is .T",
    '"': "there are no strings",
    "√": "write sqrt(...)",
    "&": "give each constraint on its own",
    "|": "an absolute value is written abs(...)",
    "%": "there is no remainder",
    "!": "constraints are <=, >= and ==",
    "#": "there are no comments",
    "{": "use ( and )",
    "}": "use ( and )",
    ";": "give each expression on its own",
    "~": "there are no logical operators",
}


def tokenize(source: str, limits: Limits) -> list[Token]:
    """All tokens, with one of kind ``end`` behind the last.

    Raises:
        ExpressionError: not a text, too long, a character that is not in the language.
    """
    if not isinstance(source, str):
        raise ExpressionError(f"an expression is a text, not {type(source).__name__}")
    if len(source) > limits.characters:
        raise ExpressionError(
            f"the expression has {len(source)} characters, more than {limits.characters}",
            hint="name parts of it in `let`",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            character = source[position]
            raise ExpressionError(
                f"{character!r} is not part of the language",
                source=source,
                start=position,
                end=position + 1,
                hint=_INSTEAD.get(character, ""),
            )
        kind = match.lastgroup or ""
        if kind != "space":
            text = match.group()
            if kind == "number" and text.isdigit() and text[0] == "0" and text.strip("0"):
                raise ExpressionError(
                    f"{text} begins with a zero, as no whole number does",
                    source=source,
                    start=position,
                    end=match.end(),
                    hint=f"write {text.lstrip('0')}",
                )
            tokens.append(Token(text if kind == "operator" else kind, text, position, match.end()))
        position = match.end()
    tokens.append(Token("end", "", len(source), len(source)))
    return tokens
