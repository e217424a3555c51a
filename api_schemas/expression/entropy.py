"""``x*log(x)``, in whatever way it is written, as one operation: convex, and 0 at 0 as its limit is.

Left as a product it would have no value at 0, and no rule of disciplined convex programming would know it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api_schemas.expression.scope import Scope


def product(scope: Scope, left: int, right: int) -> int | None:
    """Position of ``left * right`` if it is ``x*log(x)``, ``-x*log(x)`` or ``c*x*log(x)``, else None."""
    for value, logarithm in ((left, right), (right, left)):
        if scope.operations[logarithm].op != "log":
            continue
        (x,) = scope.operations[logarithm].arguments
        shape = scope.operations[x].shape
        if value == x:
            return scope.add("xlogx", (x,), shape)
        outer = scope.operations[value]
        if outer.op == "neg" and outer.arguments == (x,):
            return scope.add("neg", (scope.add("xlogx", (x,), shape),), shape)
        if outer.op == "mul" and x in outer.arguments:
            first, second = outer.arguments
            return scope.add("mul", (second if first == x else first, scope.add("xlogx", (x,), shape)), outer.shape)
    return None


def inner(scope: Scope, left: int, right: int) -> int | None:
    """Position of ``left @ right`` for vectors if it is ``x @ log(x)`` (or a multiple), else None."""
    found = product(scope, left, right) if len(scope.operations[left].shape) == 1 else None
    if found is None or scope.operations[left].shape != scope.operations[right].shape:
        return None
    return scope.add("sum", (found,), (), axis=None)


def guarded(scope: Scope, condition: int, then: int, otherwise: int) -> int | None:
    """Position of ``where(x > 0, x*log(x), 0)`` for a variable or data x that is nowhere negative, else None."""
    entropy, zero = scope.operations[then], scope.operations[otherwise]
    if entropy.op != "xlogx" or zero.op != "constant" or zero.attribute("value") != 0.0:
        return None
    (x,) = entropy.arguments
    test, given = scope.operations[condition], scope.operations[x]
    if test.op == "sub" and test.arguments[0] == x:
        against = scope.operations[test.arguments[1]]
        compared = against.op == "constant" and against.attribute("value") == 0.0
    else:
        compared = condition == x
    if not compared or given.op != "input":
        return None
    least = scope.inputs[given.attribute("name")].least
    return then if least is not None and least >= 0.0 else None
