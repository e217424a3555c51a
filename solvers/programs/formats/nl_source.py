"""The items of an AMPL .nl file after its header, from its text or its binary form."""

from __future__ import annotations

import struct
from typing import Protocol

from solvers.core.errors import MalformedFile
from solvers.programs.formats.lines import malformed, number


class Source(Protocol):
    """Items one after the other. Every method raises MalformedFile if the file has something else, or ends."""

    def letter(self) -> str:
        """The letter that begins a segment or a node of an expression; "" at the end of the file."""
        ...

    def code(self) -> int:
        """The one-digit code that begins a bound."""
        ...

    def integer(self) -> int: ...

    def real(self) -> float: ...

    def short(self) -> float:
        """The constant behind the letter s."""
        ...

    def skip_suffix(self, pairs: int, pair_size: int) -> None:
        """Skip a suffix: its name and pairs, each of ``pair_size`` bytes in binary form."""
        ...

    def error(self, problem: str, expected: str = "") -> MalformedFile:
        """The error for the item last read."""
        ...


class TextSource:
    """Items of the text form: a letter stands right before the number behind it, as in ``C0`` and ``n2.5``."""

    def __init__(self, lines: list[str], first_line: int) -> None:
        self._lines = lines
        self._first = first_line
        self._items: list[str] = []
        commented = any("#" in line for line in lines)
        for line in lines:
            self._items += (line.split("#", 1)[0] if commented else line).split()
        self._position = 0
        self._rest = ""

    def _next(self) -> str:
        if self._rest:
            item, self._rest = self._rest, ""
            return item
        if self._position >= len(self._items):
            self._position += 1
            raise self.error("the file ends here: it is truncated", "the rest of the segments")
        item = self._items[self._position]
        self._position += 1
        return item

    def letter(self) -> str:
        if not self._rest and self._position >= len(self._items):
            return ""
        item = self._next()
        self._rest = item[1:]
        return item[0]

    def code(self) -> int:
        return self.integer()

    def integer(self) -> int:
        item = self._next()
        try:
            return int(item)
        except ValueError:
            raise self.error(f"{item[:40]!r} where an integer is needed") from None

    def real(self) -> float:
        item = self._next()
        try:
            return number(item)
        except ValueError:
            raise self.error(f"{item[:40]!r} where a number is needed") from None

    def short(self) -> float:
        return float(self.integer())

    def skip_suffix(self, pairs: int, pair_size: int) -> None:
        self._next()
        for _ in range(pairs * min(pair_size, 2)):
            self.real()

    def error(self, problem: str, expected: str = "") -> MalformedFile:
        """Lines are counted only now: reading does not keep them."""
        remaining = self._position
        for k, line in enumerate(self._lines):
            words = len(line.split("#", 1)[0].split())
            if words >= remaining:
                return malformed(problem, self._first + k, line, expected)
            remaining -= words
        return malformed(problem, self._first + len(self._lines) - 1, "", expected)


class BinarySource:
    """Items of the binary form: letters of one byte, integers of four, doubles of eight; ``order`` is < or >."""

    def __init__(self, data: bytes, start: int, order: str) -> None:
        self._data = data
        self._position = start
        self._order = order

    def _take(self, layout: str, size: int) -> float:
        if self._position + size > len(self._data):
            raise self.error("the file ends here: it is truncated")
        value: float = struct.unpack_from(self._order + layout, self._data, self._position)[0]
        self._position += size
        return value

    def letter(self) -> str:
        if self._position >= len(self._data):
            return ""
        self._position += 1
        return chr(self._data[self._position - 1])

    def code(self) -> int:
        letter = self.letter()
        if letter not in "0123456789" or not letter:
            raise self.error(f"{letter!r} where a digit is needed")
        return int(letter)

    def integer(self) -> int:
        return int(self._take("i", 4))

    def real(self) -> float:
        value = self._take("d", 8)
        if value != value:
            raise self.error("NaN is not a number")
        return value

    def short(self) -> float:
        return self._take("h", 2)

    def skip_suffix(self, pairs: int, pair_size: int) -> None:
        length = self.integer()
        size = length + pairs * pair_size
        if length < 0 or self._position + size > len(self._data):
            raise self.error("the file ends in a suffix: it is truncated")
        self._position += size

    def error(self, problem: str, expected: str = "") -> MalformedFile:
        return MalformedFile(f"byte {self._position}: {problem}", pointer=f"byte {self._position}", hint=expected)
