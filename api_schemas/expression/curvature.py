"""The rules behind ``structure``: what one operation does to sign, degree and curvature of its arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from api_schemas.expression.program import Input, Operation
from api_schemas.expression.shapes import size
from api_schemas.expression.signs import LINEAR, Sign, product, sign_of

Curvature = Literal["constant", "affine", "convex", "concave", "unknown"]


@dataclass(frozen=True)
class Fact:
    """Of one operation's value, elementwise.

    Attributes:
        strong: variables in which the sum of all elements is strongly convex, if the whole is convex, each with a
            modulus that is known (0 if it is only known to be positive).
    """

    sign: Sign = "unknown"
    degree: int | None = 0
    curvature: Curvature = "constant"
    smooth: bool = True
    strong: Mapping[str, float] = field(default_factory=dict)


_NOTHING: Mapping[str, float] = {}

#: (curvature of the function, where it rises: everywhere "up", with the sign of its argument "even").
_SHAPES: dict[str, tuple[Curvature, str]] = {
    "exp": ("convex", "up"),
    "expm1": ("convex", "up"),
    "log": ("concave", "up"),
    "log1p": ("concave", "up"),
    "sqrt": ("concave", "up"),
    "softplus": ("convex", "up"),
    "relu": ("convex", "up"),
    "logsumexp": ("convex", "up"),
    "amax": ("convex", "up"),
    "amin": ("concave", "up"),
    "maximum": ("convex", "up"),
    "minimum": ("concave", "up"),
    "abs": ("convex", "even"),
    "square": ("convex", "even"),
    "huber": ("convex", "even"),
    "cosh": ("convex", "even"),
    "norm1": ("convex", "even"),
    "norm2": ("convex", "even"),
    "norm2sq": ("convex", "even"),
    "cross_entropy": ("convex", "none"),
    "xlogx": ("convex", "none"),
}
_KINKED = frozenset({"abs", "relu", "amax", "amin", "maximum", "minimum", "norm1", "norm2", "where", "power"})


def fact(
    index: int,
    operations: Sequence[Operation],
    inputs: Mapping[str, Input],
    variables: Collection[str],
    facts: Mapping[int, Fact],
) -> Fact:
    """What is known of ``operations[index]``, given what is known of those before it."""
    operation = operations[index]
    if operation.op == "constant":
        value = operation.attribute("value")
        return Fact("positive" if value > 0 else "negative" if value < 0 else "nonnegative")
    if operation.op == "input":
        given = inputs[operation.attribute("name")]
        least = given.least
        sign: Sign = "unknown" if least is None or least < 0.0 else "positive" if least > 0.0 else "nonnegative"
        return Fact(sign, 1, "affine") if given.name in variables else Fact(sign)
    arguments = [facts[argument] for argument in operation.arguments]
    sign = sign_of(operation, [argument.sign for argument in arguments])
    smooth = all(argument.smooth for argument in arguments)
    if all(argument.curvature == "constant" for argument in arguments):
        return Fact(sign)
    twice = _squared(index, operations)
    if twice is not None:
        factor, base = twice
        return _quadratic(operations, inputs, factor, base, facts, smooth)
    if _relative_entropy(operation, operations, facts):
        return Fact(sign, None, "convex", smooth)
    smooth = smooth and not (operation.op in _KINKED and _kinks(operation, arguments))
    strong = _strong(operation, arguments, operations, inputs)
    return Fact(sign, _degree(operation, arguments, operations), _curvature(operation, arguments), smooth, strong)


def _kinks(operation: Operation, arguments: Sequence[Fact]) -> bool:
    """False where the kink is out of reach by sign; where a bound may touch it, the slope at it is one side's."""
    if operation.op in ("abs", "relu", "norm1"):
        return arguments[0].sign not in ("positive", "negative")
    if operation.op == "where":
        return arguments[0].curvature != "constant"
    if operation.op == "power":
        # 0**x jumps from 1 to 0
        return arguments[0].curvature == "constant" and arguments[0].sign == "nonnegative"
    return True


def _squared(index: int, operations: Sequence[Operation]) -> tuple[int | None, int] | None:
    """(factor, base) if the operation is base*base or factor*base*base, written in one of the usual ways."""
    operation = operations[index]
    if operation.op not in ("mul", "matmul"):
        return None
    left, right = operation.arguments
    if operation.op == "matmul" and not len(operations[left].shape) == len(operations[right].shape) == 1:
        return None
    if left == right:
        return None, left
    for outer, base in ((left, right), (right, left)):
        inner = operations[outer]
        if inner.op == "mul" and base in inner.arguments:
            first, second = inner.arguments
            return (second if first == base else first), base
    return None


def _relative_entropy(operation: Operation, operations: Sequence[Operation], facts: Mapping[int, Fact]) -> bool:
    """True of ``x*log(x/q)``, q or x positive, and ``x*(log(x) - r)`` where x is affine and q, r are constant."""
    if operation.op not in ("mul", "matmul"):
        return False
    left, right = operation.arguments
    if operation.op == "matmul" and not len(operations[left].shape) == len(operations[right].shape) == 1:
        return False
    for x, factor in ((left, right), (right, left)):
        if facts[x].curvature != "affine" or operations[x].shape != operations[factor].shape:
            continue
        outer = operations[factor]
        if outer.op == "sub" and facts[outer.arguments[1]].curvature == "constant":
            first = operations[outer.arguments[0]]
            if first.op == "log" and first.arguments == (x,):
                return True
        quotient = operations[outer.arguments[0]] if outer.op == "log" else None
        if quotient is not None and quotient.op == "div" and quotient.arguments[0] == x:
            divisor = facts[quotient.arguments[1]]
            positive = {"positive", "nonnegative"} & {divisor.sign, facts[x].sign}
            return divisor.curvature == "constant" and bool(positive)
    return False


def _quadratic(
    operations: Sequence[Operation],
    inputs: Mapping[str, Input],
    factor: int | None,
    base: int,
    facts: Mapping[int, Fact],
    smooth: bool,
) -> Fact:
    inner = facts[base]
    scale = Fact("positive") if factor is None else facts[factor]
    degree = None if inner.degree is None or scale.degree is None else 2 * inner.degree + scale.degree
    square = _composed("convex", "even", inner)
    curvature = _times(scale, square) if scale.curvature == "constant" else "unknown"
    sign: Sign = product(scale.sign, "nonnegative")
    strong = _named(base, operations) if scale.sign == "positive" and inner.curvature == "affine" else _NOTHING
    if factor is not None:
        strong = _scaled(strong, _least(factor, operations, inputs))
    return Fact(sign, degree, curvature, smooth, strong)


def _least(index: int, operations: Sequence[Operation], inputs: Mapping[str, Input]) -> float:
    """What a positive value is known not to be below; 0 if nothing is known."""
    operation = operations[index]
    if operation.op == "constant":
        return float(operation.attribute("value"))
    given = inputs[operation.attribute("name")] if operation.op == "input" else None
    return max(given.least, 0.0) if given is not None and given.least is not None else 0.0


def _scaled(strong: Mapping[str, float], factor: float) -> Mapping[str, float]:
    return {name: factor * modulus for name, modulus in strong.items()}


def _named(index: int, operations: Sequence[Operation]) -> Mapping[str, float]:
    """The variable that a value is, all of it, in whatever shape, with the modulus of its square."""
    while operations[index].op in ("reshape", "transpose"):
        index = operations[index].arguments[0]
    operation = operations[index]
    return {operation.attribute("name"): 2.0} if operation.op == "input" else _NOTHING


def _strong(
    operation: Operation, arguments: Sequence[Fact], operations: Sequence[Operation], inputs: Mapping[str, Input]
) -> Mapping[str, float]:
    first = arguments[0]
    if operation.op in ("square", "norm2sq"):
        return _named(operation.arguments[0], operations) if first.curvature == "affine" else _NOTHING
    if operation.op in ("sum", "reshape", "transpose"):
        return first.strong
    if operation.op == "mean":
        before = size(operations[operation.arguments[0]].shape)
        return _scaled(first.strong, size(operation.shape) / before)
    if operation.op == "add":
        second = arguments[1].strong
        return {name: first.strong.get(name, 0.0) + second.get(name, 0.0) for name in {*first.strong, *second}}
    if operation.op == "mul":
        for k in (0, 1):
            scale, value = arguments[k], arguments[1 - k]
            if scale.curvature == "constant" and scale.sign == "positive":
                return _scaled(value.strong, _least(operation.arguments[k], operations, inputs))
    if operation.op == "div" and arguments[1].curvature == "constant" and arguments[1].sign == "positive":
        divisor = operations[operation.arguments[1]]
        return _scaled(first.strong, 1.0 / divisor.attribute("value") if divisor.op == "constant" else 0.0)
    return _NOTHING


def _degree(operation: Operation, arguments: Sequence[Fact], operations: Sequence[Operation]) -> int | None:
    degrees = [argument.degree for argument in arguments]
    if any(degree is None for degree in degrees):
        return None
    known = [degree for degree in degrees if degree is not None]
    op = operation.op
    if op in LINEAR or op in ("add", "sub", "neg"):
        result: int | None = max(known)
    elif op in ("mul", "matmul"):
        result = sum(known)
    elif op in ("square", "norm2sq"):
        result = 2 * known[0]
    elif op == "div":
        result = known[0] if known[1] == 0 else None
    elif op == "where":
        result = max(known[1:]) if known[0] == 0 else None
    elif op == "pow":
        p = operation.attribute("exponent")
        result = known[0] * int(p) if p >= 0.0 and p == int(p) else None
    elif op == "prod":
        before = operations[operation.arguments[0]].shape
        axis = operation.attribute("axis")
        count = 1
        for length in before if axis is None else (before[axis],):
            count *= length
        result = known[0] * count
    else:
        result = None
    # beyond this nobody asks, and numbers must not grow without bound
    return result if result is None or result <= 1_000_000 else None


def _curvature(operation: Operation, arguments: Sequence[Fact]) -> Curvature:
    op = operation.op
    first = arguments[0]
    if op in LINEAR or op in ("add", "where"):
        if op == "where" and first.curvature != "constant":
            return "unknown"
        return _joined([argument.curvature for argument in (arguments[1:] if op == "where" else arguments)])
    if op == "neg":
        return _flipped(first.curvature)
    if op == "sub":
        return _joined([first.curvature, _flipped(arguments[1].curvature)])
    if op in ("mul", "matmul"):
        for scale, value in ((first, arguments[1]), (arguments[1], first)):
            if scale.curvature == "constant":
                return _times(scale, value.curvature)
        return "unknown"
    if op == "div":
        if arguments[1].curvature == "constant":
            return _times(arguments[1], first.curvature)
        if first.curvature == "constant" and arguments[1].sign in ("positive", "nonnegative"):
            return _times(first, _composed("convex", "down", arguments[1]))
        return "unknown"
    if op == "reciprocal":
        return _composed("convex", "down", first) if first.sign in ("positive", "nonnegative") else "unknown"
    if op == "pow":
        return _power(operation.attribute("exponent"), first)
    if op == "power":
        base, exponent = arguments
        known = base.curvature == "constant" and base.sign == "positive"
        return _composed("convex", "none", exponent) if known else "unknown"
    rule = _SHAPES.get(op)
    if rule is None:
        return "unknown"
    results = {_composed(rule[0], rule[1], argument) for argument in arguments if argument.curvature != "constant"}
    return rule[0] if results == {rule[0]} else "unknown"


def _power(p: float, argument: Fact) -> Curvature:
    nonnegative = argument.sign in ("positive", "nonnegative")
    if p >= 2.0 and p % 2.0 == 0.0:
        return _composed("convex", "even", argument)
    if p > 1.0:
        return _composed("convex", "up", argument) if nonnegative else "unknown"
    if p > 0.0:
        return _composed("concave", "up", argument)
    return _composed("convex", "down", argument) if nonnegative else "unknown"


def _composed(outer: Curvature, rises: str, inner: Fact) -> Curvature:
    """The composition rule: a convex function that rises takes convex arguments, one that falls concave ones."""
    if inner.curvature in ("constant", "affine"):
        return outer
    if rises == "even":
        rises = {"positive": "up", "nonnegative": "up", "negative": "down", "nonpositive": "down"}.get(
            inner.sign, "none"
        )
    wanted: Curvature = outer if rises == "up" else _flipped(outer)
    return outer if rises != "none" and inner.curvature == wanted else "unknown"


def _flipped(curvature: Curvature) -> Curvature:
    if curvature == "convex":
        return "concave"
    return "convex" if curvature == "concave" else curvature


def _times(scale: Fact, curvature: Curvature) -> Curvature:
    if curvature in ("constant", "affine"):
        return curvature
    if scale.sign in ("positive", "nonnegative"):
        return curvature
    return _flipped(curvature) if scale.sign in ("negative", "nonpositive") else "unknown"


def _joined(curvatures: Sequence[Curvature]) -> Curvature:
    kinds = set(curvatures) - {"constant"}
    if not kinds:
        return "constant"
    if kinds == {"affine"}:
        return "affine"
    kinds.discard("affine")
    return kinds.pop() if len(kinds) == 1 else "unknown"
