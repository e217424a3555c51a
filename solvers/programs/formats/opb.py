"""Pseudo-Boolean files (OPB), linear: ``min: +2 x1 -3 x2 ;`` and ``+1 x1 +1 ~x2 >= 1 ;``.

A literal ``~x`` is ``1 - x``. Products of literals (the nonlinear track) and soft constraints (WBO) are refused.
Source: the format description of the pseudo-Boolean competitions.
"""

from __future__ import annotations

import math
import re

from solvers.core.errors import MalformedFile
from solvers.programs.formats.draft import Draft
from solvers.programs.formats.lines import decoded, malformed
from solvers.programs.problem import INTEGER, Program

_SIDES = {">=": (0.0, math.inf), "<=": (-math.inf, 0.0), "=": (0.0, 0.0)}
_NUMBER = re.compile(r"[+-]?\d+$")
_TOKEN = re.compile(r">=|<=|=|[^\s<>=]+|[<>]")


def read_opb(data: bytes) -> Program:
    """The program in an OPB file.

    Raises:
        MalformedFile: with the line, what stands there and what was expected.
    """
    draft = Draft()
    statement: list[str] = []
    begin = number = 0
    for number, line in enumerate(decoded(data).splitlines(), 1):
        if line.startswith("*"):
            continue
        for k, part in enumerate(line.split(";")):
            if k:
                _statement(draft, statement, begin)
                statement = []
            words = _TOKEN.findall(part)
            if words and not statement:
                begin = number
            statement += words
    if statement:
        raise malformed("the last statement has no ;: the file is truncated", number, " ".join(statement), ";")
    if not draft.variable_of:
        raise MalformedFile("not an OPB file: it has no statements", hint="min: +1 x1 ; +1 x1 >= 1 ;")
    draft.kind = [INTEGER] * len(draft.kind)
    draft.upper = [1.0] * len(draft.upper)
    return draft.program()


def _statement(draft: Draft, words: list[str], line: int) -> None:
    if not words:
        return
    if words[0] in ("min:", "max:"):
        if draft.ends or draft.objective:
            raise malformed("the objective must come first, and once", line, " ".join(words))
        draft.sense = words[0][:3]
        draft.objective, draft.offset = _terms(draft, words[1:], line)
        return
    if words[0] == "soft:" or words[0].startswith("["):
        raise malformed("soft constraints are not supported", line, " ".join(words))
    if len(words) < 3 or words[-2] not in _SIDES or not _NUMBER.match(words[-1]):
        raise malformed("not a constraint", line, " ".join(words), "+1 x1 +2 x2 >= 1 ;")
    terms, constant = _terms(draft, words[:-2], line)
    side = float(words[-1]) - constant
    low, high = _SIDES[words[-2]]
    draft.add_row("", terms, terms.values(), low + side, high + side)


def _terms(draft: Draft, words: list[str], line: int) -> tuple[dict[int, float], float]:
    """Coefficients by variable, and the constant that negated literals leave."""
    terms: dict[int, float] = {}
    constant = 0.0
    coefficient: float | None = None
    for word in words:
        if _NUMBER.match(word):
            if coefficient is not None:
                raise malformed("two numbers in a row", line, " ".join(words), "number literal number literal")
            coefficient = float(word)
            continue
        if coefficient is None:
            raise malformed("a literal without a coefficient (products are not supported)", line, " ".join(words))
        name = word.removeprefix("~")
        if not re.match(r"[A-Za-z_]", name):
            raise malformed(f"{word!r} where a literal is needed", line, " ".join(words), "x1 or ~x1")
        if word[0] == "~":
            constant += coefficient
            coefficient = -coefficient
        j = draft.variable(name)
        terms[j] = terms.get(j, 0.0) + coefficient
        coefficient = None
    if coefficient is not None:
        raise malformed("a number without a literal", line, " ".join(words), "number literal")
    return terms, constant
