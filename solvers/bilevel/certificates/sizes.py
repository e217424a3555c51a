"""The size of what a function is made of, by which the checks measure: coefficients where these are known, else
derivatives at the point and around it."""

from __future__ import annotations

import numpy as np

from solvers.bilevel.certificates.functions import Which, jacobian
from solvers.bilevel.forms import Forms, Quadratic, unit_of
from solvers.bilevel.problem import Bilevel, Function

#: Relative rounding of a sum of this many and more terms.
ROUNDING = 1e-15
PROBES = 3


def known(problem: Bilevel) -> Forms | None:
    """The coefficients, where the functions are quadratic."""
    return problem.forms if problem.structure.quadratic else None


def terms(form: Quadratic, point: np.ndarray) -> np.ndarray:
    """The absolute terms of each derivative, with points known up to one part of their size or of one: ``|c| + |Q| p``
    for the sizes ``p`` of the variables."""
    return np.asarray(np.abs(form.c) + (0.0 if form.Q is None else abs(form.Q) @ np.maximum(1.0, np.abs(point))))


def rounding(form: Quadratic, point: np.ndarray) -> float:
    """What the value of a form may be off by, for arithmetic alone."""
    size = np.abs(point)
    summed = np.abs(form.c) @ size + abs(form.constant)
    return ROUNDING * float(summed + (0.0 if form.Q is None else 0.5 * size @ (abs(form.Q) @ size)))


def slopes(problem: Bilevel, which: Which, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of the derivatives of an objective by each x and each y."""
    forms = known(problem)
    if forms is not None:
        sizes = terms(forms.upper if which == "upper" else forms.lower, np.concatenate([x, y]))
        return sizes[: x.size], sizes[x.size :]
    level = problem.upper if which == "upper" else problem.lower
    by_x, by_y = _around(problem, level.objective, x, y)
    return by_x[0], by_y[0]


def unit(problem: Bilevel, which: Which, x: np.ndarray, y: np.ndarray) -> float:
    """What is small for an objective: its largest coefficient (of the lower level: of terms with y), at most one."""
    forms = known(problem)
    if forms is not None:
        largest = forms.upper.largest() if which == "upper" else forms.lower.largest(forms.n)
    else:
        by_x, by_y = slopes(problem, which, x, y)
        largest = float(by_y.max() if which == "lower" else max(by_x.max(), by_y.max()))
    return min(1.0, largest) if largest > 0.0 else 1.0


def rows(problem: Bilevel, which: Which, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each constraint, inequalities first: its largest coefficient, and the size of its side (0 if not known)."""
    forms, level = known(problem), problem.upper if which == "upper" else problem.lower
    if forms is not None:
        upper = (*forms.upper_inequalities, *forms.upper_equalities)
        lower = (*forms.lower_inequalities, *forms.lower_equalities)
        mine = upper if which == "upper" else lower
        return np.array([form.largest() for form in mine]), np.array([abs(form.constant) for form in mine])
    found = [np.zeros(0)]
    for function in (level.inequalities, level.equalities):
        if function is not None:
            by_x, by_y = _around(problem, function, x, y)
            found.append(np.maximum(by_x.max(axis=1), by_y.max(axis=1)))
    largest = np.nan_to_num(np.concatenate(found), nan=0.0)
    return largest, np.zeros_like(largest)


def _around(problem: Bilevel, function: Function, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest absolute derivatives at the point and at some a step of one (or of the point's size) away."""
    generator = np.random.default_rng(20260103)
    largest = [np.abs(part) for part in jacobian(function, x, y)]
    for _ in range(PROBES):
        away = []
        for level, point in ((problem.upper, x), (problem.lower, y)):
            step = np.maximum(1.0, np.abs(point)) * generator.uniform(0.5, 1.0, point.size)
            signs = generator.choice([-1.0, 1.0], point.size)
            away.append(np.clip(point + signs * step, level.lower, level.upper))
        for k, part in enumerate(jacobian(function, *away)):
            largest[k] = np.fmax(largest[k], np.where(np.isfinite(part), np.abs(part), 0.0))
    return largest[0], largest[1]


def units(problem: Bilevel, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Divisors of the lower objective and of each lower constraint for solvers with absolute tolerances: 1 where sizes
    are usual."""
    largest = float(slopes(problem, "lower", x, y)[1].max())
    return _divisor(largest), np.array([_divisor(float(size)) for size in rows(problem, "lower", x, y)[0]])


def _divisor(size: float) -> float:
    return unit_of(np.array([size])) if 0.0 < size < np.inf else 1.0
