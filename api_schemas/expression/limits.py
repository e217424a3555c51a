"""What an expression may cost at most. All limits are checked before any array is allocated."""

from __future__ import annotations

from dataclasses import dataclass

#: An array has at most this many axes.
MAX_RANK = 4
#: ``x**p`` with a number p: largest absolute value.
MAX_EXPONENT = 64.0
#: Characters of a name.
MAX_NAME = 64


@dataclass(frozen=True)
class Limits:
    """Attributes:

    characters: of one expression.
    nodes: of one expression (numbers, names, operators, calls, indices).
    depth: nesting of parentheses, calls, indices, signs and powers; chains such as ``a + b + c`` do not nest.
    operations: of all expressions of a problem together, shared ones counted once.
    elements: of one array.
    total_elements: of all intermediate arrays of a problem together: 3 times 8 bytes each is what a gradient holds.
    """

    characters: int = 20_000
    nodes: int = 2_000
    depth: int = 60
    operations: int = 20_000
    elements: int = 100_000_000
    total_elements: int = 250_000_000


DEFAULT = Limits()
