"""Quasi-random points of a space, in plain Python: what an ask gets when no engine has anything ready."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from api_schemas.studies import StudyRequest
from api_schemas.study_spaces import NUMERIC, IntParameter, constraint_tree, holds, ordered, point_fault

_MOST_TRIES = 2000
_FEW_TRIES = 100
_UNARY: dict[str, Any] = {"neg": lambda a: -a, "abs": abs, "exp": math.exp, "log": math.log, "sqrt": math.sqrt}
_BINARY: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "pow": math.pow,
    "min": min,
    "max": max,
    "<=": lambda a, b: a <= b + 1e-9 * max(1.0, abs(b)),
    ">=": lambda a, b: a >= b - 1e-9 * max(1.0, abs(b)),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "==": lambda a, b: a == b,
}


def canonical(point: Mapping[str, Any]) -> str:
    """One text for equal points."""
    return orjson.dumps(dict(point), option=orjson.OPT_SORT_KEYS).decode()


def sequence(
    study: StudyRequest,
    seed: int,
    start: int,
    fixed: Mapping[str, Any] | None = None,
    near: Sequence[Mapping[str, Any]] = (),
) -> Iterator[dict[str, Any]]:
    """Points of the Halton sequence, shifted at random by the seed, from entry ``start`` on, that meet the input
    constraints; it ends when none was found for long.

    Args:
        near: points that meet them: where next to no other does, points of the sequence are drawn towards these.
    """
    trees = [constraint_tree(text) for text in study.input_constraints]
    order = ordered(study.space)
    primes = _primes(len(order))
    shifts = [_shift(seed, name) for name in order]
    misses = 0
    k = start
    while misses < _MOST_TRIES:
        k += 1
        point: dict[str, Any] = {}
        for prime, shift, name in zip(primes, shifts, order, strict=True):
            parameter = study.space[name]
            when = getattr(parameter, "when", {})
            if not all(parent in point and holds(condition, point[parent]) for parent, condition in when.items()):
                continue
            point[name] = fixed[name] if fixed and name in fixed else _at(parameter, (_radical(k, prime) + shift) % 1.0)
        if not all(met(tree, point) for tree in trees):
            misses += 1
            known = near[k % len(near)] if near and misses > _FEW_TRIES else None
            drawn = None if known is None else _drawn(study, point, known, fixed, trees)
            if drawn is None:
                continue
            yield drawn
            continue
        misses = 0
        yield point


def _drawn(
    study: StudyRequest,
    point: Mapping[str, Any],
    known: Mapping[str, Any],
    fixed: Mapping[str, Any] | None,
    trees: Sequence[Any],
) -> dict[str, Any] | None:
    """The first of the points halfway, a quarter of the way... from ``known`` to ``point`` that meets the constraints;
    choices are those of ``known``."""
    for halves in range(1, 16):
        mixed: dict[str, Any] = {}
        for name, start in known.items():
            parameter = study.space[name]
            if fixed and name in fixed:
                mixed[name] = fixed[name]
            elif name in point and isinstance(parameter, NUMERIC) and parameter.type != "fidelity":
                place, end = _unit(parameter, start), _unit(parameter, point[name])
                mixed[name] = _at(parameter, place + (end - place) * 0.5**halves)
            else:
                mixed[name] = start
        if all(met(tree, mixed) for tree in trees) and not point_fault(study.space, mixed)[1]:
            return mixed
    return None


def _unit(parameter: Any, value: Any) -> float:
    """About where ``_at`` gives the value."""
    low, high = float(parameter.low), float(parameter.high)
    if low == high:
        return 0.5
    if parameter.log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (float(value) - low) / (high - low)


def met(tree: Any, point: Mapping[str, Any]) -> bool:
    """Whether a constraint on the inputs holds; True if it speaks of a parameter that is inactive here."""
    try:
        return bool(_value(tree, point))
    except KeyError:
        return True
    except (ArithmeticError, ValueError):
        return False


def unmet(study: StudyRequest, point: Mapping[str, Any]) -> str:
    """The first input constraint that a point breaks; "" if it meets all."""
    return next((text for text in study.input_constraints if not met(constraint_tree(text), point)), "")


def _value(tree: Any, point: Mapping[str, Any]) -> Any:
    if not isinstance(tree, list):
        return tree
    if tree[0] == "var":
        return point[tree[1]]
    operands = [_value(part, point) for part in tree[1:]]
    return _UNARY[tree[0]](*operands) if len(operands) == 1 else _BINARY[tree[0]](*operands)


def _at(parameter: Any, unit: float) -> Any:
    if not isinstance(parameter, NUMERIC):
        return parameter.choices[min(int(unit * len(parameter.choices)), len(parameter.choices) - 1)]
    whole = isinstance(parameter, IntParameter) or getattr(parameter, "whole", False)
    if parameter.type == "fidelity":
        value: float = parameter.top
    elif parameter.low == parameter.high:
        value = parameter.low
    elif parameter.step is not None:
        levels = math.floor((parameter.high - parameter.low) / parameter.step * (1 + 1e-12) + 1e-9) + 1
        if parameter.log:
            low = max(parameter.low - parameter.step / 2, parameter.low / 2)
            high = parameter.low + (levels - 0.5) * parameter.step
            place = (_between(low, high, unit) - parameter.low) / parameter.step
            index = min(max(round(place), 0), levels - 1)
        else:
            index = min(int(unit * levels), levels - 1)
        value = parameter.low + index * parameter.step
    elif parameter.log:
        value = _between(parameter.low, parameter.high, unit)
    else:
        value = parameter.low + unit * (parameter.high - parameter.low)
    value = min(max(value, parameter.low), parameter.high)
    return round(value) if whole else float(value)


def _between(low: float, high: float, unit: float) -> float:
    """On a logarithmic scale; the ratio of the ends may be above all numbers."""
    return math.exp((1.0 - unit) * math.log(low) + unit * math.log(high))


def _radical(k: int, base: int) -> float:
    """The digits of k mirrored at the point."""
    result, scale = 0.0, 1.0 / base
    while k:
        k, digit = divmod(k, base)
        result += digit * scale
        scale /= base
    return result


def _shift(seed: int, name: str) -> float:
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
        candidate += 1
    return found


__all__ = ["canonical", "met", "sequence", "unmet"]
