"""Lines of a SIF file by the fixed columns of the format (Conn, Gould, Toint: LANCELOT, 1992, chapter 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kantor.arrays import wrong


class Card(NamedTuple):
    """A line: ``header`` is the word of a section's first line, else ``""``; fields as the format numbers them.

    Attributes:
        text: field 7, columns 25 to 65: a function in Fortran.
    """

    number: int
    header: str
    code: str
    name: str
    one: str
    value: str
    two: str
    other: str
    text: str

    def fail(self, detail: str) -> Exception:
        return wrong("", f"line {self.number}: {detail}")

    def real(self, text: str) -> float:
        """A number as Fortran writes it.

        Raises:
            InvalidProblem: it is none.
        """
        try:
            return float(text.upper().replace("D", "E").replace(" ", ""))
        except ValueError:
            raise self.fail(f"{text!r} is not a number") from None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(field 3, field 4) and (field 5, field 6), those that are there."""
        return [(name, value) for name, value in ((self.one, self.value), (self.two, self.other)) if name]


def cards(text: str) -> Iterator[Card]:
    """Comments and empty lines are left out."""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.expandtabs().rstrip()
        if not line or line.startswith("*"):
            continue
        if line[0] != " ":
            words = line.split(None, 1)
            yield Card(number, words[0].upper(), "", words[1] if len(words) > 1 else "", "", "", "", "", "")
            continue
        fields = [line[a:b].strip() for a, b in ((1, 3), (4, 14), (14, 24), (24, 36), (39, 49), (49, 61))]
        for k in (2, 4):
            if fields[k].startswith("$"):
                fields[k:] = [""] * (6 - k)
        code, name, one, value, two, other = fields
        yield Card(number, "", code, name, one, value, two, other, line[24:].split("$")[0].strip())
