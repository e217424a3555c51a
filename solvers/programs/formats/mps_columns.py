"""The COLUMNS section of an MPS file, in bulk: nearly all of a large file is here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solvers.programs.formats.lines import number
from solvers.programs.formats.words import Words, look_up, read_numbers, runs, split_words

#: Codes of rows that are not constraints: the objective, and further N rows, which are left out.
OBJECTIVE, IGNORED = -1, -2
_MARKER = -8

#: Lines handled at once: bounds the memory.
CHUNK = 250_000

_COMMENT_LINES = re.compile(r"^\*.*\n?", re.MULTILINE)


@dataclass
class Columns:
    """The columns: names, whether integer, and the entries as (column, row code, value), in any order."""

    names: list[str]
    integer: np.ndarray
    column: np.ndarray
    row: np.ndarray
    value: np.ndarray


def bulk_columns(text: str, row_of: dict[str, int]) -> Columns | None:
    """The section's data lines (pure ASCII) parsed at once; None if anything is out of the ordinary: then parse it line
    by line, which gives the exact error.

    Args:
        text: the data lines.
        row_of: row name to index, OBJECTIVE or IGNORED.
    """
    if text.startswith("*") or "\n*" in text:
        text = _COMMENT_LINES.sub("", text)
    split = split_words(text)
    if split is None or "'MARKER'" in row_of:
        return None
    words, counts = split
    counts = counts[counts > 0]
    long = counts == 5
    if not (long | (counts == 3)).all() or not counts.size:
        return None
    heads = np.cumsum(counts) - counts
    names = [*row_of, "'MARKER'"]
    codes = np.array([*row_of.values(), _MARKER], dtype=np.int64)
    row = _in_chunks(lambda which: look_up(words[which], names, codes), heads + 1)
    second = heads[long]
    row2 = _in_chunks(lambda which: look_up(words[which], names, codes), second + 3)
    if row is None or row2 is None or (row2 == _MARKER).any():
        return None
    marks = np.flatnonzero(row == _MARKER)
    if marks.size:
        if not _in_turn(text, words[heads[marks] + 2]):
            return None
        keep = row != _MARKER
        row, heads, long = row[keep], heads[keep], long[keep]
        marks = marks - np.arange(marks.size)
        if not heads.size:
            return None
    try:
        value = _in_chunks(lambda which: read_numbers(words[which], number), heads + 2)
        value2 = _in_chunks(lambda which: read_numbers(words[which], number), second + 4)
    except ValueError:
        return None
    assert value is not None
    assert value2 is not None
    begins = np.concatenate([runs(words[heads[k : k + CHUNK]]) for k in range(0, heads.size, CHUNK)])
    for k in range(CHUNK, heads.size, CHUNK):
        begins[k] = runs(words[heads[k - 1 : k + 1]])[1]
    first = np.flatnonzero(begins)
    column = np.cumsum(begins) - 1
    named = words[heads[first]]
    columns = [text[a : a + b] for a, b in zip(named.start.tolist(), named.length.tolist(), strict=True)]
    values = np.concatenate([value, value2])
    if len(set(columns)) != len(columns) or not np.isfinite(values).all():
        return None
    integer = np.searchsorted(marks, first, side="right") % 2 == 1
    return Columns(columns, integer, np.concatenate([column, column[long]]), np.concatenate([row, row2]), values)


def _in_turn(text: str, kinds: Words) -> bool:
    found = [text[a : a + b] for a, b in zip(kinds.start.tolist(), kinds.length.tolist(), strict=True)]
    return set(found[::2]) <= {"'INTORG'"} and set(found[1::2]) <= {"'INTEND'"}


def _in_chunks(read: Callable[[np.ndarray], np.ndarray | None], which: np.ndarray) -> np.ndarray | None:
    parts = [read(which[k : k + CHUNK]) for k in range(0, max(which.size, 1), CHUNK)]
    found = [part for part in parts if part is not None]
    return np.concatenate(found) if len(found) == len(parts) else None
