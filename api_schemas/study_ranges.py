"""Whether constraints on the inputs leave anything of a space: interval arithmetic over boxes that are halved where it
cannot tell yet (branch and prune; Moore, Kearfott, Cloud: Introduction to Interval Analysis, SIAM 2009, chapters 5 and
8).

What is said is proved: intervals contain all values, rounding included. Nothing is said where halving so often does not
suffice, or where a constraint speaks of a parameter that may be inactive.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from api_schemas.study_spaces import NUMERIC, constraint_tree, names_in

#: Least and greatest value.
Range: TypeAlias = tuple[float, float]
Box: TypeAlias = dict[str, Range]

#: Evaluations of constraints' parts, in all: some 20 ms.
_WORK = 20_000
#: Beyond what comparisons of floats forgive (1e-9), with room for rounding.
_ROOM = 1e-8
_EVERYTHING = (-math.inf, math.inf)


def impossible(space: Mapping[str, Any], constraints: Sequence[str]) -> tuple[str, str] | None:
    """Which constraints no point of the space meets: their JSON pointer and what is wrong; None if some point may."""
    trees = {k: constraint_tree(text) for k, text in enumerate(constraints)}
    whole: Box = {}
    for name, parameter in space.items():
        if getattr(parameter, "when", {}):
            continue
        if isinstance(parameter, NUMERIC):
            whole[name] = (float(parameter.low), float(parameter.high))
        elif not any(isinstance(choice, bool | str) for choice in parameter.choices):
            whole[name] = (float(min(parameter.choices)), float(max(parameter.choices)))
    trees = {k: tree for k, tree in trees.items() if names_in(tree) <= whole.keys()}
    for k, tree in trees.items():
        if _never(tree, whole):
            left, right = (_words(_range(part, whole)) for part in tree[1:])
            what = f"no point of the space meets {constraints[k]!r}: its left side is {left}, its right side {right}"
            return f"/input_constraints/{k}", what
    if trees and _prune(list(trees.values()), whole):
        return "/input_constraints", "no point of the space meets all of them"
    return None


def _prune(trees: list[Any], whole: Box) -> bool:
    """True if every part of the box was seen to break a constraint; False as soon as a point meets all."""
    names = sorted(set().union(*(names_in(tree) for tree in trees)))
    cost = sum(_size(tree) for tree in trees)
    boxes = deque([{name: whole[name] for name in names}])
    work = 0
    while boxes:
        work += 2 * cost
        if work > _WORK:
            return False
        box = boxes.popleft()
        if any(_never(tree, box) for tree in trees):
            continue
        middle = {name: (_middle(*box[name]),) * 2 for name in names}
        if not any(_never(tree, middle) for tree in trees):
            return False
        widest = max(names, key=lambda name: _share(box[name], whole[name]))
        low, high = box[widest]
        if not low < high:
            return False
        cut = middle[widest][0]
        boxes.append({**box, widest: (low, cut)})
        boxes.append({**box, widest: (cut, high)})
    return True


def _share(part: Range, whole: Range) -> float:
    width = whole[1] - whole[0]
    return (part[1] - part[0]) / width if width > 0 else 0.0


def _middle(low: float, high: float) -> float:
    """Of a range over orders of magnitude that of the logarithms."""
    return math.sqrt(low) * math.sqrt(high) if low > 0 and high > 100 * low else low + 0.5 * (high - low)


def _size(tree: Any) -> int:
    return 1 + sum(_size(part) for part in tree[1:]) if isinstance(tree, list) and tree[0] != "var" else 1


def _never(tree: Any, box: Mapping[str, Range]) -> bool:
    """Whether a comparison holds nowhere in the box."""
    left, right = (_range(part, box) for part in tree[1:])
    if left is None or right is None:
        return True
    size = max([1.0, *(abs(end) for end in (*left, *right) if math.isfinite(end))])
    above, below = left[0] > right[1] + _ROOM * size, left[1] < right[0] - _ROOM * size
    return {"<=": above, ">=": below, "==": above or below}[tree[0]]


def _range(tree: Any, box: Mapping[str, Range]) -> Range | None:
    """What a term may be in the box; None if it can be computed nowhere there."""
    if not isinstance(tree, list):
        return float(tree), float(tree)
    if tree[0] == "var":
        return box[tree[1]]
    parts = [_range(part, box) for part in tree[1:]]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if tree[0] == "pow":
        found = _power(*known)
    else:
        found = (_UNARY if len(known) == 1 else _BINARY)[tree[0]](*known)
    if found is None:
        return None
    return _EVERYTHING if any(math.isnan(end) for end in found) else found


def _corners(op: Callable[[float, float], float], a: Range, b: Range) -> Range:
    """Of an operation that is monotone in each operand."""
    found = [op(x, y) for x in a for y in b]
    return (math.nan, math.nan) if any(math.isnan(value) for value in found) else (min(found), max(found))


def _quotient(a: Range, b: Range) -> Range | None:
    if b[0] == b[1] == 0:
        return None
    if b[0] <= 0 <= b[1]:
        return _EVERYTHING
    return _corners(lambda x, y: x / y, a, b)


def _absolute(a: Range) -> Range:
    low, high = sorted((abs(a[0]), abs(a[1])))
    return (0.0 if a[0] <= 0 <= a[1] else low), high


def _raised(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf if base > 0 or exponent % 2 == 0 else -math.inf
    except ValueError:
        return math.nan


def _power(base: Range, exponent: Range) -> Range | None:
    """Of whole exponents everywhere, of others where the base is not negative."""
    power = exponent[0]
    if power != exponent[1]:
        return _corners(_raised, base, exponent) if base[0] > 0 else _EVERYTHING
    if power != math.floor(power):
        if base[1] < 0:
            return None
        base = (max(base[0], 0.0), base[1])
    if power < 0 and base[0] <= 0 <= base[1]:
        return _EVERYTHING
    if power % 2 == 0:
        base = _absolute(base)
    return _corners(_raised, base, (power, power))


def _logarithm(a: Range) -> Range | None:
    return None if a[1] <= 0 else (math.log(a[0]) if a[0] > 0 else -math.inf, math.log(a[1]))


def _root(a: Range) -> Range | None:
    return None if a[1] < 0 else (math.sqrt(max(a[0], 0.0)), math.sqrt(a[1]))


def _exponential(value: float) -> float:
    return math.exp(value) if value < 709 else math.inf


_UNARY: dict[str, Callable[[Range], Range | None]] = {
    "neg": lambda a: (-a[1], -a[0]),
    "abs": _absolute,
    "exp": lambda a: (_exponential(min(a[0], 709.0)) if a[0] < math.inf else math.exp(709), _exponential(a[1])),
    "log": _logarithm,
    "sqrt": _root,
}
_BINARY: dict[str, Callable[[Range, Range], Range | None]] = {
    "+": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "-": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "*": lambda a, b: _corners(lambda x, y: x * y, a, b),
    "/": _quotient,
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
}


def _words(found: Range | None) -> str:
    if found is None:
        return "nowhere a number"
    low, high = (f"{end:g}" for end in found)
    if found == _EVERYTHING:
        return "any number"
    if low == high:
        return low
    return f"at least {low}" if high == "inf" else f"at most {high}" if low == "-inf" else f"from {low} to {high}"
