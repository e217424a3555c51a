"""Names that a file format can hold, for programs whose own names it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BLANK = re.compile(r"\s")
_LP_BAD = re.compile(r"[\s<>=+\-*^/:\[\]\\]")
_LP_START = re.compile(r"[\d.]|[eE]\d|[eE]$")
_KEYWORDS = (
    "free inf infinity st st. s.t. end max min maximize minimize maximum minimum bound bounds general generals gen "
    "gens integer integers int ints binary binaries bin bins semi semis sos sos1 sos2 s1 s2 subject such lazy user"
)
_LP_WORDS = frozenset(_KEYWORDS.split())


def mps_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Names for free MPS: without blanks. Distinct, also from ``taken``; good names stay as they are."""
    return _distinct((_BLANK.sub("_", name) for name in names), taken)


def lp_names(names: Iterable[str]) -> list[str]:
    """Names for LP files: without blanks, operators and keywords, not beginning like a number."""
    return _distinct((_lp_name(name) for name in names), ())


def _lp_name(name: str) -> str:
    name = _LP_BAD.sub("_", name)
    return f"_{name}" if _LP_START.match(name) or name.lower() in _LP_WORDS else name


def _distinct(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    seen = set(taken)
    result = []
    for name in names:
        candidate, k = name, 0
        while candidate in seen:
            k += 1
            candidate = f"{name}_{k}"
        seen.add(candidate)
        result.append(candidate)
    return result
