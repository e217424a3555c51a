"""Public identifiers: a prefix that names the resource, and a UUID of version 7 (RFC 9562) in Crockford base 32."""

from __future__ import annotations

import os
import time
import uuid

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]

JOB, ARTIFACT, PROJECT, KEY, WORKER = "job", "art", "prj", "key", "wrk"
ORGANISATION, MEMBER, AUDIT, WEBHOOK, DELIVERY = "org", "mem", "aud", "whk", "msg"
STUDY, SCHEDULE = "std", "sch"


def new_uuid() -> uuid.UUID:
    """A UUID of version 7: 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (int.from_bytes(os.urandom(10), "big") & ((1 << 76) - 1))
    return uuid.UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62))


def encode(prefix: str, value: uuid.UUID) -> str:
    """``prefix`` + "_" + 26 characters."""
    number = value.int
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """The UUID of an identifier.

    Raises:
        ValueError: another prefix, another length, or a letter outside the alphabet.
    """
    head, _, tail = text.partition("_")
    if head != prefix or len(tail) != 26:
        raise ValueError(f"not an identifier of the form {prefix}_ and 26 letters: {text[:80]!r}")
    number = 0
    for letter in tail:
        if letter not in _VALUES:
            raise ValueError(f"{letter!r} is not a letter of an identifier")
        number = number * 32 + _VALUES[letter]
    if number >> 128:
        raise ValueError("identifier out of range")
    return uuid.UUID(int=number)
