"""The sections of an MPS file: where they begin, and their lines split into fields (fixed or free)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solvers.programs.formats.lines import malformed

#: Section keywords that may carry an argument on the same line.
WITH_ARGUMENT = frozenset({"NAME", "OBJSENSE", "OBJNAME", "QSECTION", "QCMATRIX", "CSECTION"})

#: Section keywords that stand alone on their line; otherwise the line is data (a column may be called RHS).
ALONE = frozenset({"ROWS", "LAZYCONS", "USERCUTS", "DELAYEDROWS", "MODELCUTS", "COLUMNS", "RHS", "RANGES", "BOUNDS"})
ALONE |= {"QUADOBJ", "QMATRIX", "SOS", "SOS1", "SOS2", "SETS", "INDICATORS", "ENDATA"}
ALONE |= {"GENCONS", "PWLOBJ", "PWLNAM", "PWLCON"}

#: Columns of the six fields of a fixed-format line, counted from 0.
FIXED_FIELDS = ((1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61))
_FIXED_GAPS = ((3, 4), (12, 14), (22, 24), (36, 39), (47, 49))


@dataclass(frozen=True)
class Section:
    """One section: its keyword in upper case, what follows on that line, and where its data lines are.

    Attributes:
        line: number of the header line, from 1.
        start, end: the data lines are ``text[start:end]``, the first of them is line ``line + 1``.
    """

    keyword: str
    argument: str
    line: int
    start: int
    end: int


def character_codes(text: str) -> np.ndarray:
    """One number for each character."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def sections(text: str) -> list[Section]:
    """The sections up to ENDATA, in the order of the file.

    Raises:
        MalformedFile: no section, text before the first one, or no ENDATA: the file is truncated.
    """
    codes = character_codes(text)
    breaks = np.flatnonzero(codes == 10)
    starts = np.concatenate([[0], breaks + 1])
    starts = starts[starts < codes.size]
    first = codes[starts]
    found: list[tuple[str, str, int, int, int]] = []
    for k in np.flatnonzero((first > 32) & (first != ord("*"))):
        begin = int(starts[k])
        end = int(starts[k + 1]) if k + 1 < starts.size else len(text)
        line = text[begin:end]
        words = line.split(None, 1)
        if not words:  # blanks beyond ASCII
            continue
        keyword = words[0].upper()
        argument = words[1].strip() if len(words) > 1 else ""
        if keyword in WITH_ARGUMENT or (keyword in ALONE and not argument):
            found.append((keyword, argument, int(k) + 1, begin, end))
            if keyword == "ENDATA":
                break
        elif not argument and keyword.isalpha() and found:
            raise malformed("unknown section", int(k) + 1, line, "ROWS, COLUMNS, RHS, RANGES, BOUNDS, ENDATA, ...")
        elif not found:
            raise malformed("not an MPS file: it must begin with NAME or ROWS", int(k) + 1, line)
    if not found:
        raise malformed("not an MPS file: it has no sections", 1, text[:200], "NAME, ROWS, COLUMNS, ..., ENDATA")
    if found[-1][0] != "ENDATA":
        raise malformed(
            f"the file ends without ENDATA, in section {found[-1][0]}: it is truncated", int(starts.size), "", "ENDATA"
        )
    return [
        Section(keyword, argument, line, end, found[k + 1][3])
        for k, (keyword, argument, line, _, end) in enumerate(found[:-1])
    ]


def free_lines(text: str, section: Section) -> Iterator[tuple[int, str, list[str]]]:
    """(line number, line, fields) of the data lines, comments and blank lines left out."""
    for number, line in enumerate(text[section.start : section.end].split("\n"), section.line + 1):
        fields = line.split()
        if fields and line[0] != "*":
            yield number, line, fields


def fixed_lines(text: str, section: Section) -> Iterator[tuple[int, str, list[str]]]:
    """The same for fixed format: always six fields, empty where blank; names may contain spaces.

    Raises:
        MalformedFile: a character stands between the fields.
    """
    for number, line in enumerate(text[section.start : section.end].split("\n"), section.line + 1):
        if not line.strip() or line[0] == "*":
            continue
        body = line.rstrip().expandtabs(8)
        if any(body[a:b].strip() for a, b in _FIXED_GAPS):
            raise malformed("a character between the fields of fixed format", number, line)
        yield number, line, [body[a:b].strip() for a, b in FIXED_FIELDS]
