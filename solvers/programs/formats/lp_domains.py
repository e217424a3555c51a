"""Bounds, kinds of variables and special ordered sets in LP files."""

from __future__ import annotations

import math

from solvers.programs.formats.draft import Draft
from solvers.programs.formats.lp_terms import Reader
from solvers.programs.formats.lp_tokens import Section
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER

#: Which variables have a lower or upper bound in the file, and which are binary or semi-continuous.
Given = dict[str, set[int]]

_LESS = ("<", "<=", "=<")
_GREATER = (">", ">=", "=>")


def read_bounds(draft: Draft, reader: Reader, given: Given) -> None:
    """``l <= x <= u``, ``x >= l``, ``x = v``, ``x free``, in any order and number."""
    while not reader.at_end():
        first = reader.peek()
        if reader.is_name(first) and first.lower() not in ("inf", "infinity"):
            j = draft.variable(reader.take())
            operator = reader.take()
            if operator.lower() == "free":
                _set(draft, given, j, -math.inf, math.inf)
            else:
                _compare(draft, reader, given, j, operator, reader.number(), mirrored=False)
            continue
        value = reader.number()
        operator = reader.take()
        name = reader.take()
        if not reader.is_name(name):
            raise reader.error("not a bound", "lower <= variable <= upper")
        j = draft.variable(name)
        _compare(draft, reader, given, j, operator, value, mirrored=True)
        if reader.peek() in (*_LESS, *_GREATER):
            second = reader.take()
            if (second in _LESS) != (operator in _LESS):
                raise reader.error("the two comparisons of a bound point in different directions")
            _compare(draft, reader, given, j, second, reader.number(), mirrored=False)


def _compare(
    draft: Draft, reader: Reader, given: Given, j: int, operator: str, value: float, *, mirrored: bool
) -> None:
    if operator == "=":
        _set(draft, given, j, value, value)
    elif operator in _LESS or operator in _GREATER:
        if (operator in _LESS) == mirrored:
            _set(draft, given, j, value, None)
        else:
            _set(draft, given, j, None, value)
    else:
        raise reader.error("not a bound", "<=, >=, = or free")


def _set(draft: Draft, given: Given, j: int, lower: float | None, upper: float | None) -> None:
    if lower is not None:
        draft.lower[j] = lower
        given["lower"].add(j)
    if upper is not None:
        draft.upper[j] = upper
        given["upper"].add(j)


def read_kinds(draft: Draft, reader: Reader, section: Section, given: Given) -> None:
    """A list of names: Generals, Binaries, Semi-Continuous."""
    while not reader.at_end():
        name = reader.take()
        if not reader.is_name(name):
            raise reader.error(f"{name!r} where a variable is needed", "names of variables")
        j = draft.variable(name)
        if section.kind in ("semi", "semi-integer"):
            given["semi"].add(j)
        if section.kind != "semi":
            draft.kind[j] = INTEGER
        if section.kind == "binary":
            given["binary"].add(j)


def settle(draft: Draft, given: Given) -> None:
    """Kinds and bounds that depend on several sections, after the last one."""
    for j in given["semi"]:
        draft.kind[j] = SEMI_INTEGER if draft.kind[j] == INTEGER else SEMI_CONTINUOUS
    for j in given["binary"]:
        draft.lower[j] = max(draft.lower[j], 0.0) if j in given["lower"] else 0.0
        draft.upper[j] = min(draft.upper[j], 1.0) if j in given["upper"] else 1.0


def read_sets(draft: Draft, reader: Reader, section: Section) -> None:
    """``name: S1:: x:1 y:2``; under a header SOS1 or SOS2 the type may be left out."""
    default = int(section.word[3]) if section.word[3:] else 0
    while not reader.at_end():
        kind = default
        name = reader.label()
        if name.lower() not in ("s1", "s2") or reader.peek() != ":":
            second = reader.peek().lower()
            if second in ("s1", "s2") and reader.label():
                name = second
        if name.lower() in ("s1", "s2") and reader.peek() == ":":
            reader.take()
            kind = int(name[1])
        if not kind:
            raise reader.error("a special ordered set without a type", "name: S1:: x:1 y:2")
        indices: list[int] = []
        weights: list[float] = []
        while _member(reader):
            indices.append(draft.variable(reader.label()))
            weights.append(reader.number())
        if not indices:
            reader.take()
            raise reader.error("a special ordered set without members", "name: S1:: x:1 y:2")
        draft.add_set(kind, indices, weights)


def _member(reader: Reader) -> bool:
    """Does ``name : number`` follow?"""
    name = reader.peek()
    k = reader.position
    following = reader.tokens[k + 1 : k + 4]
    if not reader.is_name(name) or following[:1] != [":"] or len(following) < 2:
        return False
    value = following[1] if following[1] not in ("+", "-") else following[2]
    return value[:1] in "0123456789." and bool(value)
