"""Interval arithmetic on decimal numbers of 60 digits, rounded outwards: the true value always lies inside.

Intervals are pairs (low, high). Operations are those of the AMPL ``.nl`` format; angles and hyperbolic functions are in
``angles``. Written for checking alone: engines evaluate expressions with other code.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

Interval = tuple[Decimal, Decimal]


def _context(rounding: str, digits: int = 60) -> Context:
    """No traps: overflow gives infinities and undefined operations NaN, which ``enclosure`` refuses."""
    return Context(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


DOWN, UP, WIDE = _context(ROUND_FLOOR), _context(ROUND_CEILING), _context(ROUND_HALF_EVEN)
REDUCE = _context(ROUND_HALF_EVEN, 120)
ZERO, ONE, TWO, HALF = Decimal(0), Decimal(1), Decimal(2), Decimal("0.5")
BLUR = Decimal(10) ** -50


class Undefined(ArithmeticError):
    """The expression has no value at the point: the text says why."""


def exactly(value: float) -> Interval:
    number = Decimal(value)  # exact, but with up to 767 digits
    return DOWN.plus(number), UP.plus(number)


def add(a: Interval, b: Interval) -> Interval:
    return DOWN.add(a[0], b[0]), UP.add(a[1], b[1])


def subtract(a: Interval, b: Interval) -> Interval:
    return DOWN.subtract(a[0], b[1]), UP.subtract(a[1], b[0])


def add_all(*terms: Interval) -> Interval:
    low, high = terms[0]
    for a, b in terms[1:]:
        low, high = DOWN.add(low, a), UP.add(high, b)
    return low, high


def multiply(a: Interval, b: Interval) -> Interval:
    pairs = [(p, q) for p in a for q in b]
    return min(DOWN.multiply(p, q) for p, q in pairs), max(UP.multiply(p, q) for p, q in pairs)


def divide(a: Interval, b: Interval) -> Interval:
    if b[0] <= 0 <= b[1]:
        raise Undefined("division by zero")
    pairs = [(p, q) for p in a for q in b]
    return min(DOWN.divide(p, q) for p, q in pairs), max(UP.divide(p, q) for p, q in pairs)


def negate(a: Interval) -> Interval:
    return a[1].copy_negate(), a[0].copy_negate()


def absolute(a: Interval) -> Interval:
    if a[0] >= 0:
        return a
    if a[1] <= 0:
        return negate(a)
    return ZERO, max(a[1], a[0].copy_negate())


def _outward(low: Decimal, high: Decimal) -> Interval:
    """For functions that ``decimal`` rounds to within one unit of the last place, whatever the context's rounding."""
    return low.next_minus(WIDE).next_minus(WIDE), high.next_plus(WIDE).next_plus(WIDE)


def blurred(low: Decimal, high: Decimal) -> Interval:
    """For functions of our own: errors of less than 1e-50 * (1 + |value|)."""
    return (
        DOWN.subtract(low, UP.multiply(BLUR, UP.add(ONE, low.copy_abs()))),
        UP.add(high, UP.multiply(BLUR, UP.add(ONE, high.copy_abs()))),
    )


def within(a: Interval, least: Decimal | None, greatest: Decimal | None, name: str) -> Interval:
    """The part of an interval within a function's domain: a value there by exact arithmetic may straddle its end."""
    low = a[0] if least is None else max(a[0], least)
    high = a[1] if greatest is None else min(a[1], greatest)
    if low > high:
        raise Undefined(f"{name} outside its domain")
    return low, high


def square_root(a: Interval) -> Interval:
    low, high = within(a, ZERO, None, "sqrt")
    low, high = _outward(WIDE.sqrt(low), WIDE.sqrt(high))
    return max(low, ZERO), high


def exp(a: Interval) -> Interval:
    low, high = _outward(WIDE.exp(a[0]), WIDE.exp(a[1]))
    return max(low, ZERO), high


def log(a: Interval, function: Callable[[Decimal], Decimal] = WIDE.ln) -> Interval:
    if a[0] <= 0:
        raise Undefined("log of a number that is not positive")
    return _outward(function(a[0]), function(a[1]))


def log10(a: Interval) -> Interval:
    return log(a, WIDE.log10)


def power(a: Interval, b: Interval) -> Interval:
    if b[0] == b[1] and b[0] == b[0].to_integral_value() and b[0].copy_abs() < 10**6:
        return _whole_power(a, int(b[0]))
    if a[0] == a[1] == 0 and b[0] > 0:
        return ZERO, ZERO
    if a[0] <= 0:
        raise Undefined("a broken power of a number that is not positive")
    return exp(multiply(b, log(a)))


def _whole_power(a: Interval, k: int) -> Interval:
    if k < 0:
        return divide((ONE, ONE), _whole_power(a, -k))
    if k % 2 == 0:
        a = absolute(a)
    result, square = (ONE, ONE), a
    while k:
        if k & 1:
            result = multiply(result, square)
        square = multiply(square, square)
        k >>= 1
    return result


def stepwise(rounding: str) -> Callable[[Interval], Interval]:
    return lambda a: (a[0].to_integral_value(rounding=rounding), a[1].to_integral_value(rounding=rounding))


truncated = stepwise(ROUND_DOWN)


def remainder(a: Interval, b: Interval) -> Interval:
    return subtract(a, multiply(truncated(divide(a, b)), b))


def minimum(*values: Interval) -> Interval:
    return min(v[0] for v in values), min(v[1] for v in values)


def maximum(*values: Interval) -> Interval:
    return max(v[0] for v in values), max(v[1] for v in values)


def truth(certain: bool, possible: bool) -> Interval:
    return (ONE if certain else ZERO), (ONE if possible else ZERO)


def less(a: Interval, b: Interval) -> Interval:
    return truth(a[1] < b[0], a[0] < b[1])


def at_most(a: Interval, b: Interval) -> Interval:
    return truth(a[1] <= b[0], a[0] <= b[1])


def equal(a: Interval, b: Interval) -> Interval:
    return truth(a[0] == a[1] == b[0] == b[1], a[0] <= b[1] and b[0] <= a[1])


def nonzero(a: Interval) -> Interval:
    return truth(a[0] > 0 or a[1] < 0, a[0] != 0 or a[1] != 0)


def negation(a: Interval) -> Interval:
    return subtract((ONE, ONE), nonzero(a))
