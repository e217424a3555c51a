"""Texts of the expression language from types, matrices and tables; the names that they use are kept with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kantor.arrays import wrong
from kantor.sif.fortran import Translator
from kantor.sif.functions import Function, Functions

#: Up to so many entries a matrix is written as one; above, row by row, with at most so many entries in a row.
DENSE, LONGEST_ROW = 250_000, 16
_WORD = re.compile(r"[A-Za-z]\w*")


class Writing:
    """Named expressions and arrays."""

    def __init__(self) -> None:
        self.lets: dict[str, str] = {}
        self.data: dict[str, Any] = {}

    def let(self, name: str, text: str) -> str:
        self.lets[name] = text
        return name

    def array(self, stem: str, values: Any, *, whole: bool = False) -> str:
        """The name of an array of data; equal ones are kept once."""
        made = np.array(values, dtype=np.int64 if whole else np.float64)
        for name, known in self.data.items():
            if name.startswith(stem) and known.dtype == made.dtype and np.array_equal(known, made):
                return name
        name = f"{stem}{sum(known.startswith(stem) for known in self.data)}"
        self.data[name] = made
        return name

    def used(self, texts: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
        """The named expressions and arrays that the texts need."""
        seen: set[str] = set()
        pending = list(texts)
        while pending:
            for word in set(_WORD.findall(pending.pop())) - seen:
                seen.add(word)
                if word in self.lets:
                    pending.append(self.lets[word])
        return (
            {name: text for name, text in self.lets.items() if name in seen},
            {name: array for name, array in self.data.items() if name in seen},
        )

    def mentions(self, text: str, names: set[str]) -> bool:
        """Whether a text depends on one of the names."""
        words = set(_WORD.findall(text))
        return bool(words & names) or any(self.mentions(self.lets[word], names) for word in words if word in self.lets)

    def row(self, entries: Mapping[int, float], size: int, vector: str) -> str:
        """``entries @ vector`` as a scalar, "" if it is 0."""
        kept = {k: value for k, value in sorted(entries.items()) if value != 0.0}
        if len(kept) <= 4:
            return joined(f"{times(value)}{vector}[{k}]" for k, value in kept.items())
        full = np.zeros(size)
        full[list(kept)] = list(kept.values())
        if (full == 1.0).all():
            return f"sum({vector})"
        return f"{self.array('c', full)} @ {vector}"

    def rows(self, entries: Sequence[Mapping[int, float]], size: int, vector: str) -> str:
        """``matrix @ vector`` as a vector with an element for each row, "" if it is 0."""
        kept = [{k: value for k, value in sorted(row.items()) if value != 0.0} for row in entries]
        longest = max(map(len, kept))
        if longest == 0:
            return ""
        if longest > 1 and len(kept) * size <= DENSE:
            matrix = np.zeros((len(kept), size))
            for place, row in enumerate(kept):
                matrix[place, list(row)] = list(row.values())
            return f"{self.array('M', matrix)} @ {vector}"
        if longest > LONGEST_ROW:
            raise wrong("", f"a matrix of {len(kept):,} by {size:,} is too large to be written in the language")
        parts = []
        for k in range(longest):
            places = [list(row)[k] if k < len(row) else 0 for row in kept]
            values = [list(row.values())[k] if k < len(row) else 0.0 for row in kept]
            taken = vector if places == list(range(size)) else f"take({vector}, {self.array('i', places, whole=True)})"
            parts.append(taken if set(values) == {1.0} else f"{self.array('c', values)}*{taken}")
        return joined(parts)

    def function(
        self, function: Function, known: Functions, names: Mapping[str, str], prefix: str, where: str
    ) -> tuple[str, set[str]]:
        """The text of a type's value, and the names that occur in exponents, also by way of others."""
        local = dict(names)
        conditions: dict[str, str] = {}
        translator = Translator(local.get, where)
        statements = [*known.shared, *function.statements]
        for number, (name, text, condition, negated, _) in enumerate(statements):
            if name in known.logicals:
                conditions[name] = "" if text.strip().startswith(".") else translator.condition(text)
                continue
            value = translator.run(text)
            if condition:
                if not conditions.get(condition):
                    raise translator.fail(f"the condition {condition} is not understood")
                choice = (local.get(name, "0"), value) if negated else (value, local.get(name, "0"))
                value = f"where({conditions[condition]}, {choice[0]}, {choice[1]})"
            short = re.fullmatch(r"-?\w+(\.\w+)?", value)
            local[name] = value if short and not value.startswith("-") else self.let(f"{prefix}_{number}", value)
        value = translator.run(function.value)
        found = set(translator.exponents)
        for statement in reversed(statements):
            if statement.name in found:
                found |= {word.upper() for word in _WORD.findall(statement.text)}
        return value, found


def times(value: float) -> str:
    """A factor in front of something."""
    return "" if value == 1.0 else "-" if value == -1.0 else f"{number(value)}*"


def number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def joined(parts: Any) -> str:
    """A sum of texts; those that are "" are left out."""
    text = " + ".join(part for part in parts if part)
    return text.replace("+ -", "- ")
