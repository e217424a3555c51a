"""The intermediate form: one list of operations, each on earlier ones, as plain data.

An operation is ``[op, arguments, attributes, shape, dtype]``. Its value is an array of that shape; ``arguments`` are
positions of earlier operations. There are no loops, no branches, no names but those of inputs. The operations:

========================  =====================================================================================
``input``                 ``name``: a variable or an array of data
``constant``              ``value``: a finite number
``float``                 whole numbers as float64
``neg exp log log1p expm1 sqrt sin cos tan arctan sinh cosh tanh sigmoid softplus relu abs square reciprocal erf``
                          of each element
``xlogx``                 x*log(x) of each element, 0 at 0
``pow``                   ``exponent``, a number: of each element
``huber``                 ``delta``: z**2/2 where abs(z) <= delta, else delta*(abs(z) - delta/2)
``add sub mul div power maximum minimum``
                          of two arrays, broadcast
``where``                 ``strict``: (c, a, b) broadcast; a where c > 0 (strict) or c >= 0, else b
``matmul``                as numpy's @
``sum mean prod amax amin logsumexp norm1 norm2 norm2sq``
                          ``axis``: along one axis, or null for all elements
``softmax``               ``axis``
``cumsum``                ``axis``
``transpose``             of a matrix
``index``                 ``items``: for each leading axis a whole number or [start, stop, step]
``reshape``               row-major; the shape is the operation's
``concatenate stack``     ``axis``
``take``                  (x, i): ``x[i]`` along the first axis for an array i of whole numbers
``cross_entropy``         (z, k): logsumexp(z_r) - z_r[k_r] for each row r of the matrix z
========================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from api_schemas.expression.shapes import Shape

DType = Literal["float64", "int64"]
Role = Literal["variable", "data"]

VERSION = 1


class Operation(NamedTuple):
    """See the module. ``attributes`` is a tuple of (name, value) pairs, so that operations can be compared."""

    op: str
    arguments: tuple[int, ...]
    attributes: tuple[tuple[str, Any], ...]
    shape: Shape
    dtype: DType = "float64"

    def attribute(self, name: str) -> Any:
        """One attribute's value."""
        return dict(self.attributes)[name]


@dataclass(frozen=True)
class Input:
    """A named array that expressions may use.

    Attributes:
        group: for a variable, whose it is: ``""``, ``"upper"``, ``"lower"``...
        least: what all its elements are known not to be below (bounds of a variable, a look at data); None if unknown.
    """

    name: str
    shape: Shape
    role: Role
    dtype: DType = "float64"
    group: str = ""
    least: float | None = None


def plain(operations: list[Operation], inputs: Mapping[str, Input], outputs: Mapping[str, int]) -> dict[str, Any]:
    """The intermediate form as JSON has it: only what the outputs need, renumbered."""
    needed = reachable(operations, outputs.values())
    place = {old: new for new, old in enumerate(needed)}
    listed = []
    for old in needed:
        op, arguments, attributes, shape, dtype = operations[old]
        listed.append([op, [place[a] for a in arguments], {k: _json(v) for k, v in attributes}, list(shape), dtype])
    used = {operations[old].attribute("name") for old in needed if operations[old].op == "input"}
    return {
        "version": VERSION,
        "operations": listed,
        "inputs": {
            name: {"shape": list(given.shape), "dtype": given.dtype, "role": given.role, "group": given.group}
            for name, given in inputs.items()
            if name in used or given.role == "variable"
        },
        "outputs": {name: place[old] for name, old in outputs.items()},
    }


def reachable(operations: list[Operation], roots: Any) -> list[int]:
    """Positions of all operations that the roots need, in order."""
    seen = set(roots)
    for index in range(max(seen, default=-1), -1, -1):
        if index in seen:
            seen.update(operations[index].arguments)
    return sorted(seen)


def _json(value: Any) -> Any:
    return [_json(item) for item in value] if isinstance(value, tuple) else value
