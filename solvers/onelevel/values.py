"""Values at a point by code that no engine shares, in extended precision, with bounds on their rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.core.certificate import Arithmetic
from solvers.expression.rounding import evaluate_with_errors
from solvers.onelevel.problem import Minimize

#: Up to so many elements in all operations together, values are computed in extended precision.
EXTENDED_ELEMENTS = 20_000_000
#: Up to so many entries of a Jacobian are looked at.
JACOBIAN_ENTRIES = 4_000_000


@dataclass(frozen=True)
class Values:
    """Objective and constraints at one point.

    Attributes:
        objective, error: of the minimized objective, and what rounding may have changed in it.
        residuals, errors: of each constraint, left - right.
        scales: of each constraint's elements, what a violation is relative to: see ``row_scales``.
        violation: the largest one of constraints, bounds and integrality; infinite where one has no value.
    """

    objective: np.floating[Any]
    error: float
    residuals: tuple[np.ndarray, ...]
    errors: tuple[np.ndarray, ...]
    scales: tuple[np.ndarray, ...]
    violation: float

    def inequality_scales(self, problem: Minimize) -> np.ndarray:
        """``scales`` of inequalities, as the oracle stacks them."""
        rows = zip(problem.constraints, self.scales, strict=True)
        return np.concatenate([np.zeros(0), *(scale.reshape(-1) for c, scale in rows if c.sense != "==")])

    def lagrangian(self, problem: Minimize, mu: np.ndarray, lam: np.ndarray) -> tuple[np.floating[Any], float]:
        """``f + mu'g + lam'h`` for multipliers as the oracle stacks them, and what rounding may have changed in it."""
        value, error, taken = self.objective, self.error, {True: 0, False: 0}
        for constraint, residual, uncertain in zip(problem.constraints, self.residuals, self.errors, strict=True):
            equation = constraint.sense == "=="
            begin = taken[equation]
            taken[equation] += residual.size
            m = (lam if equation else mu)[begin : begin + residual.size]
            signed = (-1.0 if constraint.sense == ">=" else 1.0) * residual.reshape(-1)
            value = value + np.sum(m * signed)
            unit = float(np.finfo(residual.dtype).eps) * (m.size + 2)
            size = np.abs(m) * (uncertain.reshape(-1) + unit * np.abs(signed.astype(np.float64)))
            error += float(np.sum(size))
        return value, error + float(np.finfo(real_of(problem)).eps) * abs(float(value))


def real_of(problem: Minimize) -> type[np.floating[Any]]:
    """The arithmetic of its values."""
    return np.longdouble if elements_of(problem) <= EXTENDED_ELEMENTS else np.float64


def elements_of(problem: Minimize) -> int:
    """Of all operations together."""
    return sum(int(np.prod(operation.shape)) for operation in problem.program.operations)


def arithmetic_of(problem: Minimize) -> Arithmetic:
    """The same, as checks name it."""
    return "extended" if real_of(problem) is np.longdouble else "double"


def value_of(problem: Minimize, output: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One output of the program at x, and what rounding may have changed in it."""
    real = real_of(problem)
    given: Mapping[str, Any] = {**problem.data, **problem.layout.split(np.asarray(x, dtype=real))}
    return evaluate_with_errors(problem.program, output, given, real)


def values_at(problem: Minimize, x: np.ndarray, *, scaled: bool = True) -> Values:
    """All of them; without ``scaled`` violations are absolute."""
    if not np.isfinite(x).all():
        scaled = False
    objective, error = value_of(problem, "objective", x)
    found = [value_of(problem, constraint.output, x) for constraint in problem.constraints]
    residuals = tuple(value for value, _ in found)
    errors = tuple(uncertain for _, uncertain in found)
    scales = row_scales(problem, x) if scaled else tuple(np.ones(value.shape) for value in residuals)
    violation = _violation(problem, x, residuals, errors, scales)
    return Values(real_of(problem)(objective), float(error), residuals, errors, scales, violation)


def row_scales(problem: Minimize, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each constraint's elements, 1, or the size of the terms that are summed in it where that is smaller.

    Terms are the slopes times max(1, |x|) and what does not depend on x, at x or one away from it, whichever is more
    (at a point where slopes vanish they say nothing). So a row in small units is not met by missing it altogether.
    """
    far = np.where(x < 0.0, -1.0, 1.0) * np.maximum(1.0, np.abs(x))
    found = []
    for k, constraint in enumerate(problem.constraints):
        shape = problem.program.operations[problem.program.outputs[constraint.output]].shape
        size = int(np.prod(shape))
        terms = np.zeros(size)
        for point in (x, far) if size * problem.n <= JACOBIAN_ENTRIES else ():
            value, J = problem.oracle.jacobian(problem.oracle.constraint(k), point)
            with np.errstate(all="ignore"):
                there = np.abs(J) @ np.abs(far) + np.abs(value - J @ point)
            terms = np.maximum(terms, np.where(np.isfinite(there), there, 1.0))
        terms = np.where(terms > 0.0, np.minimum(terms, 1.0), 1.0)
        found.append(terms.reshape(shape))
    return tuple(found)


def _missed(sense: str, residual: np.ndarray) -> np.ndarray:
    return np.asarray({"<=": residual, ">=": -residual, "==": np.abs(residual)}[sense])


def _violation(
    problem: Minimize,
    x: np.ndarray,
    residuals: tuple[np.ndarray, ...],
    errors: tuple[np.ndarray, ...],
    scales: tuple[np.ndarray, ...],
) -> float:
    """Of bounds relative to their size where that is above 1; of constraints relative to ``scales``."""
    if not np.isfinite(x).all():
        return float("inf")
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(problem.lower), problem.lower, 0.0)))
    parts = [(problem.lower - x) / size]
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(problem.upper), problem.upper, 0.0)))
    parts.append((x - problem.upper) / size)
    parts.append(np.abs(x - np.rint(x))[problem.integrality])
    for constraint, value, error, scale in zip(problem.constraints, residuals, errors, scales, strict=True):
        missed = np.asarray(_missed(constraint.sense, value), dtype=np.float64)
        with np.errstate(invalid="ignore"):
            # what rounding hides counts as missed where the sides are equal but for it
            worst = np.where(missed + error > 0.0, missed + error, 0.0) / scale
        parts.append(worst.reshape(-1))
    found = max(float(np.max(part, initial=0.0)) for part in parts)
    return found if not any(np.isnan(part).any() for part in parts) else float("inf")
