"""Trigonometric and hyperbolic functions of intervals. ``decimal`` has exp, ln and sqrt; the rest comes from series.

Each function of a single number is off by less than 1e-50 * (1 + |result|).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal

from solvers.programs.certificates.intervals import (
    DOWN,
    HALF,
    ONE,
    REDUCE,
    TWO,
    UP,
    WIDE,
    ZERO,
    Interval,
    Undefined,
    absolute,
    add,
    blurred,
    divide,
    exp,
    log,
    multiply,
    negate,
    square_root,
    subtract,
    within,
)

_SMALL = Decimal(10) ** -62

#: Beyond this size, an argument's position within a period is not worked out.
_LARGEST_ANGLE = Decimal(10) ** 30


def _arctan_inverse(n: int, context: Context) -> Decimal:
    """arctan(1/n) by its series."""
    square = Decimal(n * n)
    power = context.divide(ONE, Decimal(n))
    result, k = power, 1
    while power.copy_abs() > Decimal(10) ** -(context.prec + 2):
        power = context.divide(power.copy_negate(), square)
        k += 2
        result = context.add(result, context.divide(power, Decimal(k)))
    return result


#: Machin: pi = 16 arctan(1/5) - 4 arctan(1/239).
PI = REDUCE.subtract(
    REDUCE.multiply(Decimal(16), _arctan_inverse(5, REDUCE)),
    REDUCE.multiply(Decimal(4), _arctan_inverse(239, REDUCE)),
)
_HALF_PI = REDUCE.multiply(PI, HALF)


def _sine_series(x: Decimal) -> Decimal:
    term, result, k = x, x, 1
    square = WIDE.multiply(x, x)
    while term.copy_abs() > _SMALL:
        term = WIDE.divide(WIDE.multiply(term.copy_negate(), square), Decimal((k + 1) * (k + 2)))
        result = WIDE.add(result, term)
        k += 2
    return result


def _cosine_series(x: Decimal) -> Decimal:
    term, result, k = ONE, ONE, 0
    square = WIDE.multiply(x, x)
    while term.copy_abs() > _SMALL:
        term = WIDE.divide(WIDE.multiply(term.copy_negate(), square), Decimal((k + 1) * (k + 2)))
        result = WIDE.add(result, term)
        k += 2
    return result


def _sine_shifted(x: Decimal, quarters: int) -> Decimal:
    """sin(x + quarters * pi/2)."""
    turns = REDUCE.divide(x, _HALF_PI).to_integral_value(rounding=ROUND_HALF_EVEN)
    rest = WIDE.plus(REDUCE.subtract(x, REDUCE.multiply(turns, _HALF_PI)))
    quadrant = (int(turns) + quarters) % 4
    value = _cosine_series(rest) if quadrant % 2 else _sine_series(rest)
    return value.copy_negate() if quadrant >= 2 else value


def _sine(x: Decimal) -> Decimal:
    return _sine_shifted(x, 0)


def _cosine(x: Decimal) -> Decimal:
    return _sine_shifted(x, 1)


def _arctangent(x: Decimal) -> Decimal:
    """Halves the angle three times, arctan(x) = 2 arctan(x / (1 + sqrt(1 + x^2))), then sums the series."""
    if x.copy_abs() > _LARGEST_ANGLE:
        return WIDE.subtract(_HALF_PI.copy_sign(x), WIDE.divide(ONE, x))
    for _ in range(3):
        root = WIDE.sqrt(WIDE.add(ONE, WIDE.multiply(x, x)))
        x = WIDE.divide(x, WIDE.add(ONE, root))
    power, result, k = x, x, 1
    square = WIDE.multiply(x, x)
    while power.copy_abs() > _SMALL:
        power = WIDE.multiply(power.copy_negate(), square)
        k += 2
        result = WIDE.add(result, WIDE.divide(power, Decimal(k)))
    return WIDE.multiply(result, Decimal(8))


def _wave(function: Callable[[Decimal], Decimal]) -> Callable[[Interval], Interval]:
    """sin or cos: slope at most one, so that the value at one end and the width of the argument enclose all."""

    def enclosed(a: Interval) -> Interval:
        width = UP.subtract(a[1], a[0])
        if width >= 2 or max(a[0].copy_abs(), a[1].copy_abs()) > _LARGEST_ANGLE:
            return -ONE, ONE
        low, high = blurred(function(a[0]), function(a[0]))
        return max(DOWN.subtract(low, width), -ONE), min(UP.add(high, width), ONE)

    return enclosed


sin, cos = _wave(_sine), _wave(_cosine)


def tan(a: Interval) -> Interval:
    return divide(sin(a), cos(a))


def atan(a: Interval) -> Interval:
    return blurred(_arctangent(a[0]), _arctangent(a[1]))


def asin(a: Interval) -> Interval:
    a = within(a, -ONE, ONE, "asin")
    half_pi = WIDE.multiply(PI, HALF)

    def at(x: Decimal) -> Decimal:
        cosine = WIDE.sqrt(WIDE.multiply(WIDE.subtract(ONE, x), WIDE.add(ONE, x)))
        return half_pi.copy_sign(x) if cosine == 0 else _arctangent(WIDE.divide(x, cosine))

    return blurred(at(a[0]), at(a[1]))


def acos(a: Interval) -> Interval:
    half_pi = WIDE.multiply(PI, HALF)
    return subtract(blurred(half_pi, half_pi), asin(a))


def atan2(y: Interval, x: Interval) -> Interval:
    pi = blurred(WIDE.plus(PI), WIDE.plus(PI))
    half = multiply(pi, (HALF, HALF))
    if x[0] > 0:
        return atan(divide(y, x))
    if y[0] > 0:
        return subtract(half, atan(divide(x, y)))
    if y[1] < 0:
        return subtract(negate(half), atan(divide(x, y)))
    if x[1] < 0 and y[0] >= 0:
        return add(atan(divide(y, x)), pi)
    if x[0] == x[1] == y[0] == y[1] == 0:
        return ZERO, ZERO
    raise Undefined("atan2 across its cut")


def sinh(a: Interval) -> Interval:
    return blurred(*multiply(subtract(exp(a), exp(negate(a))), (HALF, HALF)))


def cosh(a: Interval) -> Interval:
    a = absolute(a)
    return multiply(add(exp(a), exp(negate(a))), (HALF, HALF))


def tanh(a: Interval) -> Interval:
    """1 - 2 / (exp(2a) + 1): increasing, and no overflow spoils it."""
    if a[0] > 200:
        return ONE.next_minus(WIDE), ONE
    grown = add(exp(multiply((TWO, TWO), a)), (ONE, ONE))
    return subtract((ONE, ONE), divide((TWO, TWO), grown))


def asinh(a: Interval) -> Interval:
    def at(x: Decimal) -> Decimal:
        size = x.copy_abs()
        root = WIDE.sqrt(WIDE.add(WIDE.multiply(size, size), ONE))
        return WIDE.ln(WIDE.add(size, root)).copy_sign(x)

    return blurred(at(a[0]), at(a[1]))


def acosh(a: Interval) -> Interval:
    a = within(a, ONE, None, "acosh")
    one = (ONE, ONE)
    return log(add(a, square_root(multiply(subtract(a, one), add(a, one)))))


def atanh(a: Interval) -> Interval:
    one = (ONE, ONE)
    if a[0] <= -1 or a[1] >= 1:
        raise Undefined("atanh outside its domain")
    return multiply((HALF, HALF), log(divide(add(one, a), subtract(one, a))))
