"""Arguments under the names that other tools have for them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def refuse(what: str, unknown: Mapping[str, object], known: Iterable[str], others: Mapping[str, str]) -> None:
    """Raises:
    TypeError: there are unknown arguments, with what was probably meant.
    """
    if not unknown:
        return
    names = list(known)
    parts = []
    for name in unknown:
        near = others.get(name) or next(iter(difflib.get_close_matches(name, names, n=1)), None)
        parts.append(f"no argument {name!r}" + (f" (did you mean {near}?)" if near else ""))
    raise TypeError(f"{what} has {', '.join(parts)}; it has: {', '.join(names)}")


def near(name: object, known: Iterable[str]) -> str:
    """What was probably meant, or all that there is."""
    names = list(known)
    found = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {found[0]!r}?" if found else f"one of: {', '.join(names)}"
