"""Objectives that can only take the values of a lattice: a bound between two of them may be rounded to the next."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from solvers.programs.certificates.arithmetic import nearest_double
from solvers.programs.certificates.discrete import integral_variables
from solvers.programs.problem import Program

#: Most different objective coefficients whose common divisor is looked for.
MOST_COEFFICIENTS = 10_000


def objective_step(problem: Program) -> Fraction | None:
    """The largest g such that every point with integral variables has an objective ``offset + k g``, k a whole number.

    0 if the objective is constant; None if there is no such lattice (a continuous variable has a cost), or if the
    objective is not linear.
    """
    if problem.Q is not None and problem.Q.nnz:
        return None
    if problem.nonlinear is not None and problem.nonlinear.objective is not None:
        return None
    used = np.flatnonzero(problem.c)
    if not np.isin(used, integral_variables(problem)).all():
        return None
    step = Fraction(0)
    coefficients = np.unique(np.abs(problem.c[used]))
    if coefficients.size > MOST_COEFFICIENTS:
        return None
    for coefficient in map(Fraction, coefficients.tolist()):
        denominator = math.lcm(step.denominator, coefficient.denominator)
        numerators = (step.numerator * (denominator // step.denominator), coefficient * denominator)
        step = Fraction(math.gcd(int(numerators[0]), int(numerators[1])), denominator)
    return step


def rounded_up(bound: float, offset: float, step: Fraction | None) -> float:
    """The least value ``offset + k * step`` that is not below ``bound``, rounded down to a double; ``bound`` if step is
    None or 0."""
    if not step or not math.isfinite(bound):
        return bound
    exact = Fraction(offset) + step * math.ceil((Fraction(bound) - Fraction(offset)) / step)
    value = nearest_double(exact)
    return value if Fraction(value) <= exact else math.nextafter(value, -math.inf)


def next_below(bound: float, offset: float, step: Fraction) -> float:
    """The greatest value ``offset + k * step`` that is below ``bound``, rounded up to a double."""
    exact = Fraction(offset) + step * (math.ceil((Fraction(bound) - Fraction(offset)) / step) - 1)
    value = nearest_double(exact)
    return value if Fraction(value) >= exact else math.nextafter(value, math.inf)
