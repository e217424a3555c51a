"""Proofs that an objective has no end: a point and a direction along which it falls for ever, while constraints hold.

Along ``x + t d`` polynomials are polynomials in t, whose coefficients are computed in rational arithmetic: the first
that is not zero says where the value goes. A concave objective needs no polynomial: it stays below any of its chords.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from solvers.core.certificate import Check
from solvers.expression.exact import Inexact, evaluate_exactly
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.kkt import violation
from solvers.onelevel.problem import Minimize
from solvers.onelevel.values import value_of, values_at

NAME = "unbounded-ray"

#: Directions of more variables are not looked for, and no more of them than this are tried.
MOST_VARIABLES, TRIED = 400, 80
#: Polynomials of higher degree are not followed.
MOST_DEGREE = 8
#: Entries of directions are rounded to fractions with denominators up to these, in turn; smaller entries are none.
DENOMINATORS, NEGLIGIBLE = (1, 12, 1000), 1e-6
#: A problem is suspected to have no end where the objective or a variable is this large, against where it began.
LARGE, FAR = 1e8, 1e6


@dataclass(frozen=True)
class Ray:
    """From ``x``, which satisfies the constraints, in ``direction``; ``check`` says why it leads on."""

    x: np.ndarray
    direction: np.ndarray
    check: Check


def suspected(problem: Minimize, x: np.ndarray, objective: float) -> bool:
    """True if values or variables ran away, as far as bounds let them."""
    if np.isfinite(problem.lower).all() and np.isfinite(problem.upper).all():
        return False
    begun = max(1.0, float(np.abs(problem.start).max(initial=0.0)))
    return objective < -LARGE or bool(np.abs(x).max(initial=0.0) > FAR * begun)


def at(problem: Minimize, answer: MinimizeAnswer, tolerance: float) -> Ray | None:
    """A proof, where an engine's point satisfies the constraints and ran away."""
    if answer.x is None or answer.objective is None or answer.status == "globally-optimal":
        return None
    if not suspected(problem, answer.x, problem.signed(answer.objective)):
        return None
    return proved(problem, answer.x, answer.ray, tolerance) if violation(problem, answer.x) <= tolerance else None


def proved(problem: Minimize, x: np.ndarray, hint: np.ndarray | None, tolerance: float) -> Ray | None:
    """A proof if one is found.

    Args:
        x: a point at which constraints hold.
        hint: a direction to begin with.
        tolerance: for constraints at the point that a ray begins at.
    """
    if problem.n > MOST_VARIABLES:
        return None
    outputs = [constraint.output for constraint in problem.constraints]
    tried: set[tuple[Fraction, ...]] = set()
    for direction in _directions(problem, x, hint):
        for d in _rounded(problem, direction):
            if d in tried or not any(d):
                continue
            if len(tried) == TRIED:
                return None
            tried.add(d)
            for begin in _beginnings(problem, x):
                try:
                    reason = _falls(problem, begin, d)
                    if reason is None or not all(_holds(problem, k, begin, d) for k in range(len(outputs))):
                        continue
                except Inexact:
                    continue
                if values_at(problem, begin).violation > tolerance:
                    continue
                along = np.array([float(entry) for entry in d])
                text = f"{reason} along a ray, on which the constraints hold"
                return Ray(begin, along, Check(NAME, "passed", text, arithmetic="extended"))
    return None


def _beginnings(problem: Minimize, x: np.ndarray) -> Iterator[np.ndarray]:
    """Near values are easier to read, but need not be feasible."""
    near = np.where(np.abs(x) > FAR, np.clip(0.0, problem.lower, problem.upper), x)
    for point in (problem.start, near, x):
        yield np.where(problem.integrality, np.rint(point), point)


def _directions(problem: Minimize, x: np.ndarray, hint: np.ndarray | None) -> Iterator[np.ndarray]:
    if hint is not None and hint.size == problem.n:
        yield hint
    yield x - problem.start
    yield x
    begin = np.clip(np.where(np.abs(x) > FAR, 0.0, x), problem.lower, problem.upper)
    slope = problem.oracle.gradient(begin, problem.oracle.smooth)[1]
    if np.isfinite(slope).all():
        yield _kept(problem, begin, -slope)
        yield -slope
        yield -np.sign(slope)
    if problem.facts.degree == 2:
        hessian = problem.oracle.hessian(begin)
        if np.isfinite(hessian).all():
            vectors = np.linalg.eigh(hessian)[1]
            for column in vectors.T[: min(2, problem.n)]:
                yield column
                yield -column
    for k in range(min(problem.n, TRIED // 2)):
        for sign in (-1.0, 1.0):
            unit = np.zeros(problem.n)
            unit[k] = sign
            yield unit


def _kept(problem: Minimize, x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """What of a direction changes no equation, to first order."""
    _, J = problem.oracle.jacobian(problem.oracle.equalities, x)
    if not J.size or not np.isfinite(J).all():
        return direction
    return np.asarray(direction - np.linalg.lstsq(J, J @ direction, rcond=1e-12)[0])


def _rounded(problem: Minimize, direction: np.ndarray) -> Iterator[tuple[Fraction, ...]]:
    """The direction in fractions, without what bounds end; whole for integer variables."""
    largest = float(np.abs(direction).max(initial=0.0))
    if not np.isfinite(largest) or largest == 0.0:
        return
    d = direction / largest
    d = np.where(np.abs(d) > NEGLIGIBLE, d, 0.0)
    d = np.where((d > 0.0) & np.isfinite(problem.upper), 0.0, d)
    d = np.where((d < 0.0) & np.isfinite(problem.lower), 0.0, d)
    for most in DENOMINATORS:
        entries = [Fraction(float(entry)).limit_denominator(most) for entry in d]
        scale = 1
        for k in np.flatnonzero(problem.integrality):
            scale = max(scale, scale * entries[k].denominator)
        yield tuple(scale * entry for entry in entries)


def _falls(problem: Minimize, x: np.ndarray, d: tuple[Fraction, ...]) -> str | None:
    """Why the minimized objective has no end along the ray; None if that is not known."""
    word = "falls" if problem.sense == "min" else "rises"
    degree = problem.facts.degree
    if degree is not None and degree <= MOST_DEGREE:
        coefficients = _coefficients(problem, "objective", x, d, degree)
        for power in range(degree, 0, -1):
            if coefficients[power][0] != 0:
                how = "in proportion to the step" if power == 1 else f"as the power {power} of the step"
                return f"the objective {word} without end, {how}," if coefficients[power][0] < 0 else None
        return None
    if problem.facts.curvature != "concave":
        return None
    along = np.array([float(entry) for entry in d])
    values = [value_of(problem, "objective", x + step * along) for step in (0.0, 1.0)]
    (before, error), (after, other) = ((float(value), float(uncertain)) for value, uncertain in values)
    if np.isfinite(before) and after + other < before - error:
        return f"the objective is concave, and {word} without end"
    return None


def _holds(problem: Minimize, k: int, x: np.ndarray, d: tuple[Fraction, ...]) -> bool:
    """Whether constraint k, which holds at x (or at points far along the ray), holds on all of the ray's rest."""
    constraint = problem.constraints[k]
    degree = constraint.facts.degree
    if degree is None or degree > MOST_DEGREE:
        return False
    coefficients = _coefficients(problem, constraint.output, x, d, degree)
    sign = -1 if constraint.sense == ">=" else 1
    for element in range(coefficients[0].size):
        for power in range(degree, 0, -1):
            value = sign * coefficients[power][element]
            if value < 0 and constraint.sense != "==":
                break
            if value != 0:
                return False
    return True


def _coefficients(problem: Minimize, output: str, x: np.ndarray, d: tuple[Fraction, ...], degree: int) -> list[Any]:
    """Of the powers 0 to degree of t, of a polynomial output's elements at ``x + t d``: interpolated at 0, 1, ..."""
    values = []
    for t in range(degree + 1):
        point = np.array([Fraction(float(a)) + t * b for a, b in zip(x, d, strict=True)], dtype=object)
        given = {**problem.data, **problem.layout.split(point)}
        values.append(evaluate_exactly(problem.program, [output], given)[0].reshape(-1))
    # divided differences, then Newton's form spelled out in powers
    for order in range(1, degree + 1):
        for k in range(degree, order - 1, -1):
            values[k] = (values[k] - values[k - 1]) / Fraction(order)
    powers = [values[degree]] + [values[0] * 0] * degree
    for k in range(degree - 1, -1, -1):
        powers = [values[k] - k * powers[0]] + [powers[j - 1] - k * powers[j] for j in range(1, degree + 1)]
    return powers
