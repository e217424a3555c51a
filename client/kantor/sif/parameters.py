"""Parameters and loops of SIF files: cards with their names expanded, in the order in which they take effect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kantor.sif.cards import Card
from kantor.sif.fortran import constant

#: More cards than this are not made of loops.
MOST_CARDS = 2_000_000
_INDEXED = re.compile(r"^([^(]*)\(([^()]*)\)(.*)$")
_DEFINES = re.compile(r"^[IRA][EIRASMDF=+\-*/(]$")


class Parameters:
    """Integers and reals share one space of names here; a name that is a whole number stands for itself."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self._made = 0

    def value(self, name: str, card: Card) -> float:
        """Raises:
        InvalidProblem: there is no such parameter.
        """
        found = self.values.get(name)
        if found is None:
            try:
                return float(int(name))
            except ValueError:
                raise card.fail(f"unknown parameter {name!r}") from None
        return found

    def expanded(self, name: str, card: Card) -> str:
        """``X(I,J)`` with the values of I and J: ``X1,2``."""
        found = _INDEXED.match(name)
        if found is None:
            return name
        indices = [part.strip() for part in found[2].split(",")]
        return found[1] + ",".join(str(int(self.value(part, card))) for part in indices) + found[3]

    def define(self, card: Card) -> None:
        """IE, RE, AE...: the value of a parameter."""
        kind, op = card.code[0], card.code[1]
        name, one, two = (
            (self.expanded(part, card) for part in (card.name, card.one, card.two))
            if kind == "A"
            else (card.name, card.one, card.two)
        )
        if op == "E":
            value = card.real(card.value)
        elif op in "IR=":
            value = self.value(one, card)
        elif op in "ASMD":
            number, other = card.real(card.value), self.value(one, card)
            value = _calculated({"A": "+", "S": "-", "M": "*", "D": "/"}[op], number, other, card)
        elif op in "+-*/":
            value = _calculated(op, self.value(one, card), self.value(two, card), card)
        else:
            number = card.real(card.value) if op == "F" else self.value(two, card)
            value = constant(card.one, number, card.fail)
        self.values[name] = float(int(value)) if kind == "I" else value

    def unrolled(self, block: list[Card]) -> Iterator[Card]:
        """The cards of a section with loops carried out; definitions take effect on the way."""
        k = 0
        while k < len(block):
            card = block[k]
            self._made += 1
            if self._made > MOST_CARDS:
                raise card.fail(f"its loops make more than {MOST_CARDS:,} lines")
            if card.code == "DO":
                end = _end(block, k)
                step = 1
                inner = block[k + 1 : end]
                if inner and inner[0].code == "DI":
                    step, inner = int(self.value(inner[0].one, card)), inner[1:]
                first, last = (int(self.value(part, card)) for part in (card.one, card.two))
                if step == 0:
                    raise card.fail("the loop's increment is 0")
                for value in range(first, last + (1 if step > 0 else -1), step):
                    self.values[card.name] = float(value)
                    yield from self.unrolled(inner)
                k = end + 1
                continue
            if card.code in ("OD", "ND"):
                k += 1
                continue
            if _DEFINES.match(card.code):
                self.define(card)
            else:
                yield card
            k += 1


def _end(block: list[Card], begin: int) -> int:
    """Where the loop that begins there ends: its own OD, or the ND that ends all loops (and is not in the block of the
    inner ones)."""
    deep = 0
    for k in range(begin, len(block)):
        if block[k].code == "DO":
            deep += 1
        elif block[k].code == "OD":
            deep -= 1
        if deep == 0 or block[k].code == "ND":
            return k
    return len(block)


def _calculated(op: str, a: float, b: float, card: Card) -> float:
    if op == "/" and b == 0.0:
        raise card.fail("a division by zero")
    return a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b
