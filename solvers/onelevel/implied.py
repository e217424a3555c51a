"""Bounds that constraints imply, for lower bounds on convex problems: where each variable must lie in any case."""

from __future__ import annotations

import numpy as np

from solvers.expression.coefficients import affine, quadratic
from solvers.onelevel.problem import Minimize

#: Up to so many entries of coefficients are looked at.
ENTRIES = 4_000_000
#: Up to so many variables in a quadratic constraint.
QUADRATIC = 400
ROUNDS = 2
#: What an implied bound is loosened by for the rounding of its computation, relative to its size.
LOOSE = 1e-9
#: Spacing of doubles, for what large terms hide when they cancel.
UNIT = 2.3e-16


def bounds(problem: Minimize) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds, never tighter than bounds and constraints together."""
    lower, upper = problem.lower.copy(), problem.upper.copy()
    for k, constraint in enumerate(problem.constraints):
        size = int(np.prod(problem.program.operations[problem.program.outputs[constraint.output]].shape))
        function = problem.oracle.constraint(k)
        if constraint.facts.affine and size * problem.n <= ENTRIES:
            A, b = affine(function, problem.n)
            for _ in range(ROUNDS):
                if constraint.sense in ("<=", "=="):
                    _by_rows(A, -b, lower, upper)
                if constraint.sense in (">=", "=="):
                    _by_rows(-A, b, lower, upper)
        elif constraint.facts.degree == 2 and size == 1 and problem.n <= QUADRATIC and constraint.sense != "==":
            Q, q, r = quadratic(lambda x, f=function: f(x)[0], problem.n)  # type: ignore[misc]
            sign = 1.0 if constraint.sense == "<=" else -1.0
            _by_ellipsoid(sign * Q, sign * q, sign * r, lower, upper)
    return lower, upper


def _by_rows(A: np.ndarray, b: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> None:
    """Rows ``A x <= b``: what is left for one variable when all others are at their cheapest."""
    with np.errstate(invalid="ignore"):
        least = np.where(A > 0.0, A * lower, np.where(A < 0.0, A * upper, 0.0))
    for i in range(A.shape[0]):
        infinite = np.isneginf(least[i])
        count = int(infinite.sum())
        if count > 1 or np.isnan(least[i]).any():
            continue
        finite = np.where(infinite, 0.0, least[i])
        total = float(finite.sum())
        hidden = UNIT * (A.shape[1] + 4) * (float(np.abs(finite).sum()) + abs(b[i]))
        for j in np.flatnonzero(infinite) if count else np.flatnonzero(A[i]):
            rest = b[i] - (total if count else total - finite[j])
            end = rest / A[i, j]
            end += np.sign(A[i, j]) * (LOOSE * max(1.0, abs(end)) + hidden / abs(A[i, j]))
            if A[i, j] > 0.0:
                upper[j] = min(upper[j], max(end, lower[j]))
            else:
                lower[j] = max(lower[j], min(end, upper[j]))


def _by_ellipsoid(Q: np.ndarray, q: np.ndarray, r: float, lower: np.ndarray, upper: np.ndarray) -> None:
    """``x'Qx/2 + q.x + r <= 0`` with Q positive definite on the variables that it has."""
    used = np.flatnonzero((np.abs(Q).max(axis=1, initial=0.0) > 0.0) | (q != 0.0))
    block = Q[np.ix_(used, used)]
    if not used.size:
        return
    spectrum = np.linalg.eigvalsh(block)
    if spectrum[0] <= 1e-10 * float(np.abs(block).max()):
        return
    hidden = 4.0 * UNIT * used.size * float(spectrum[-1] / spectrum[0])
    inverse = np.linalg.inv(block)
    centre = -inverse @ q[used]
    lowest = 0.5 * float(q[used] @ inverse @ q[used])
    level = lowest - r + hidden * (abs(lowest) + abs(r))
    reach = np.sqrt(np.maximum(0.0, 2.0 * level * np.diag(inverse)))
    reach += (LOOSE + hidden) * np.maximum(1.0, np.abs(centre) + reach)
    lower[used] = np.maximum(lower[used], np.minimum(centre - reach, upper[used]))
    upper[used] = np.minimum(upper[used], np.maximum(centre + reach, lower[used]))
