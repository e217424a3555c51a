"""Words of a large ASCII text as arrays: compared, looked up and read as numbers without making a string of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

#: Words longer than this are not handled in bulk.
MAX_WORD = 256

_MIX = np.uint64(0x9E3779B97F4A7C15)
_POWERS = 10.0 ** np.arange(23)


@dataclass(frozen=True)
class Words:
    """Some words of a text.

    Attributes:
        codes: the text's characters, followed by at least MAX_WORD zeros.
        start, length: of each word.
    """

    codes: np.ndarray
    start: np.ndarray
    length: np.ndarray

    def __getitem__(self, which: np.ndarray) -> Words:
        return Words(self.codes, self.start[which], self.length[which])

    def __len__(self) -> int:
        return int(self.start.size)

    def table(self, width: int = 0) -> np.ndarray:
        """One row of uint64 for each word: its characters, zero-filled to a multiple of 8, at least ``width``."""
        width = -(-max(width, int(self.length.max(initial=1))) // 8) * 8
        letters = np.lib.stride_tricks.sliding_window_view(self.codes, width)[self.start]
        letters[np.arange(width) >= self.length[:, None]] = 0
        words: np.ndarray = letters.view(np.uint64)
        return words


def split_words(text: str) -> tuple[Words, np.ndarray] | None:
    """All words of an ASCII text, and how many there are on each line; None if one is too long, or has a NUL."""
    if "\0" in text:
        return None
    size = len(text)
    codes = np.zeros(size + MAX_WORD, dtype=np.uint8)
    codes[:size] = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    body = codes[:size]
    blank = np.ones(size + 2, dtype=bool)
    blank[1:-1] = (body == 32) | ((body >= 9) & (body <= 13))
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    start, length = edges[::2], edges[1::2] - edges[::2]
    if length.max(initial=0) > MAX_WORD:
        return None
    breaks = np.searchsorted(start, np.flatnonzero(body == 10))
    counts = np.diff(np.concatenate([[0], breaks, [start.size]]))
    return Words(codes, start, length), counts


def hashes(table: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each row of a table of words."""
    result = np.zeros(table.shape[0], dtype=np.uint64)
    for column in range(table.shape[1]):
        result = (result ^ table[:, column]) * _MIX
        result ^= result >> np.uint64(29)
    return result


def look_up(words: Words, names: Sequence[str], codes: np.ndarray) -> np.ndarray | None:
    """``codes[k]`` where the word is ``names[k]`` (distinct, ASCII); None if one is none of the names."""
    longest = max((len(name) for name in names), default=1)
    if longest > MAX_WORD or not len(words):
        return None if len(words) else np.zeros(0, dtype=np.int64)
    width = max(longest, int(words.length.max()))
    width = -(-width // 8) * 8
    known = np.array(list(names), dtype=f"S{width}").view(np.uint64).reshape(len(names), -1)
    known_hash = hashes(known)
    order = np.argsort(known_hash)
    ordered = known_hash[order]
    if (ordered[1:] == ordered[:-1]).any():
        return None
    table = words.table(width)
    at = np.searchsorted(ordered, hashes(table))
    place = order[np.minimum(at, order.size - 1)]
    if (known[place] != table).any():
        return None
    found: np.ndarray = codes[place]
    return found


def runs(words: Words) -> np.ndarray:
    """True where a word differs from the one before it (always at the first)."""
    table = words.table()
    changes = np.ones(len(words), dtype=bool)
    changes[1:] = (table[1:] != table[:-1]).any(axis=1)
    return changes


def read_numbers(words: Words, read_one: Callable[[str], float]) -> np.ndarray:
    """The words as doubles, correctly rounded; what is not a plain decimal is given to ``read_one``.

    A decimal with a mantissa below 2^53 and at most 22 decimals is a quotient of two exact doubles, so that one
    division rounds it correctly (Clinger 1990).
    """
    letters = np.ascontiguousarray(words.table().view(np.uint8).T)
    count = len(words)
    mantissa = np.zeros(count, dtype=np.int64)
    decimals = np.zeros(count, dtype=np.int64)
    digits = np.zeros(count, dtype=np.int64)
    pointed = np.zeros(count, dtype=bool)
    plain = np.ones(count, dtype=bool)
    for k, column in enumerate(letters[:20]):
        digit = column - np.uint8(48)
        is_digit = digit < 10
        point = column == ord(".")
        mantissa = np.where(is_digit, mantissa * 10 + digit, mantissa)
        digits += is_digit
        decimals += is_digit & pointed
        plain &= is_digit | (point & ~pointed) | (column == 0)
        if k == 0:
            plain |= (column == ord("-")) | (column == ord("+"))
        pointed |= point
    plain &= (digits > 0) & (digits <= 18) & (mantissa < 2**53) & (words.length <= 20)
    values = mantissa / _POWERS[np.minimum(decimals, 22)]
    values = np.where(letters[0] == ord("-"), -values, values)
    for k in np.flatnonzero(~plain).tolist():
        begin = int(words.start[k])
        values[k] = read_one(words.codes[begin : begin + int(words.length[k])].tobytes().decode("ascii"))
    return values
