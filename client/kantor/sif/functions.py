"""The second and third part of a SIF file: what elements and groups compute, in Fortran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kantor.arrays import wrong
from kantor.sif.cards import Card


class Statement(NamedTuple):
    """``name = text``; with ``condition``, a logical's name, only where it is true (``negated``: false)."""

    name: str
    text: str
    condition: str = ""
    negated: bool = False
    line: int = 0


@dataclass
class Function:
    """What a type computes.

    Attributes:
        internal: each internal variable as a combination of elemental ones.
        statements: of the type, in order; the value is ``value``.
    """

    internal: dict[str, dict[str, float]] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    value: str = ""


@dataclass
class Functions:
    """Of all types; ``shared`` statements come first for each of them."""

    shared: list[Statement] = field(default_factory=list)
    kinds: dict[str, Function] = field(default_factory=dict)
    logicals: set[str] = field(default_factory=set)


def functions(given: Iterable[Card]) -> Functions:
    """Derivatives are left out: Kantor has its own.

    Raises:
        InvalidProblem: a type computed by a subroutine outside the file.
    """
    found = Functions()
    section, kind, last = "", Function(), ""
    for card in given:
        if card.header:
            section = card.header
            continue
        code = card.code[:1]
        if section == "TEMPORARIES":
            if code == "F":
                detail = f"the function {card.name} is computed by a subroutine outside the file"
                raise wrong("", f"line {card.number}: {detail}; state the problem in the expression language")
            if code == "L":
                found.logicals.add(card.name.upper())
            continue
        if section not in ("GLOBALS", "INDIVIDUALS"):
            raise card.fail(f"the section {section or '(none)'} is not known here")
        into = found.shared if section == "GLOBALS" else kind.statements
        if code == "T":
            kind = found.kinds.setdefault(card.name, Function())
        elif code == "R" and section == "INDIVIDUALS":
            for name, value in card.pairs:
                kind.internal.setdefault(card.name, {})[name] = card.real(value)
        elif card.code.endswith("+"):
            if last == "F":
                kind.value += " " + card.text
            elif last:
                into[-1] = into[-1]._replace(text=f"{into[-1].text} {card.text}")
            continue
        elif code == "A":
            into.append(Statement(card.name.upper(), card.text, line=card.number))
        elif code in ("I", "E"):
            into.append(Statement(card.one.upper(), card.text, card.name.upper(), code == "E", card.number))
        elif code == "F":
            kind.value = card.text
        elif code not in ("G", "H"):
            raise card.fail(f"the code {card.code!r} is not known here")
        last = code if code in ("A", "I", "E", "F") else ""
    return found
