"""Checking of options against their declaration."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from solvers.core.engine import Option
from solvers.core.errors import InvalidOption


def resolve(declared: Iterable[Option], given: Mapping[str, Any], *, owner: str) -> dict[str, Any]:
    """All declared options with ``given`` values checked and put over the defaults.

    Raises:
        InvalidOption: unknown name (``hint`` suggests the near one), wrong type, out of range, not one of the choices.
    """
    by_name = {option.name: option for option in declared}
    values: dict[str, Any] = {name: option.default for name, option in by_name.items()}
    for name, value in given.items():
        option = by_name.get(name)
        if option is None:
            near = difflib.get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known options: {', '.join(sorted(by_name)) or 'none'}"
            raise InvalidOption(f"{owner} has no option {name!r}", pointer=f"/{name}", hint=hint)
        if value is not None:
            values[name] = _checked(option, value, owner)
    return values


def _checked(option: Option, value: Any, owner: str) -> Any:
    label = f"option {option.name!r} of {owner}"
    pointer = f"/{option.name}"
    if option.type == "boolean":
        if not isinstance(value, bool):
            raise InvalidOption(f"{label} must be true or false, not {value!r}", pointer=pointer)
        return value
    if option.type == "string":
        if not isinstance(value, str) or (option.choices and value not in option.choices):
            hint = f"one of: {', '.join(option.choices)}" if option.choices else ""
            raise InvalidOption(f"{label} cannot be {value!r}", pointer=pointer, hint=hint)
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise InvalidOption(f"{label} must be a number, not {value!r}", pointer=pointer)
    if option.type == "integer":
        if value != int(value):
            raise InvalidOption(f"{label} must be a whole number, not {value!r}", pointer=pointer)
        value = int(value)
    low, high = option.minimum, option.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise InvalidOption(f"{label} is {value}, outside [{low}, {high}]", pointer=pointer)
    return value
