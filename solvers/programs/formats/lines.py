"""What the text formats share: reading numbers exactly, and errors that name the line."""

from __future__ import annotations

import math

from solvers.core.errors import MalformedFile

#: At most this many characters of a file are quoted in an error.
QUOTED = 80


def shortened(text: str) -> str:
    """The text in quotes, cut to a length that fits in a message."""
    text = text.strip()
    return repr(text if len(text) <= QUOTED else text[: QUOTED - 3] + "...")


def malformed(problem: str, line: int, text: str = "", expected: str = "") -> MalformedFile:
    """The error for one line (counted from 1) of a file."""
    if len(problem) > 3 * QUOTED:
        problem = f"{problem[: 3 * QUOTED]}..."
    quoted = f": {shortened(text)}" if text.strip() else ""
    return MalformedFile(f"line {line}: {problem}{quoted}", pointer=f"line {line}", hint=expected)


def number(text: str) -> float:
    """A number as solvers write it: also with a Fortran exponent (``1.5D+03``), also infinite.

    Raises:
        ValueError: it is not a number, or NaN.
    """
    try:
        value = float(text)
    except ValueError:
        value = float(text.replace("D", "E").replace("d", "e"))
    if math.isnan(value) or "_" in text or not text.isascii():
        raise ValueError(text)
    return value


def decoded(data: bytes) -> str:
    """Text of a model file: UTF-8, or else Latin-1, which older modelling tools wrote."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
