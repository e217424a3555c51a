"""Lower bounds on the optimum of regularized problems: their dual values, evaluated tile by tile. Any potentials will
do.

Entropic (with KL to the product of the marginals): ``D(f, g) = A(f) + B(g) - e sum_ij a_i b_j (exp((f_i+g_j-M_ij)/e) -
1)`` with the sides' parts A and B (``Side.value``). Quadratic: ``A(f) + B(g) - 1/(2e) sum_ij max(f_i+g_j-M_ij, 0)^2``;
with at most k entries in a column only its k largest terms count (Liu, Puigcerver, Blondel 2023, section 3).
"""

from __future__ import annotations

import math

import numpy as np

from solvers.transport.certificates.bounds import usable
from solvers.transport.certificates.case import Case
from solvers.transport.certificates.costs import UNIT, Costs, grid
from solvers.transport.certificates.plans import Exponential
from solvers.transport.certificates.sums import accumulated, down, total

#: Doubles of a tile that must hold whole columns.
_TILE = 1 << 19

#: Sums of exponentials have all their digits between these: above, exponents were cut; below, digits were lost.
LOWEST, HIGHEST = 1e-290, 1e300


def regularized_bound(case: Case, f: np.ndarray, g: np.ndarray) -> tuple[float, float | None]:
    """A value that is certainly not above the optimum of the regularized problem (-inf if these potentials prove
    nothing), and the error ``sum |P 1 - a| + sum |P' 1 - b|`` over fixed marginals of the plan that the potentials
    describe; None where it is not seen on the way."""
    f, g = case.a.clip(usable(f, case.costs.n)), case.b.clip(usable(g, case.costs.m))
    with np.errstate(all="ignore"):
        value, error = (_quadratic if case.kind == "quadratic" else _entropic)(case, f, g)
    return value if math.isfinite(value) else -math.inf, error


def _entropic(case: Case, f: np.ndarray, g: np.ndarray) -> tuple[float, float | None]:
    """Also after one exact step of Sinkhorn on either side, which never lowers the dual and costs no further sweep.
    A step on one side needs the sums of its rows to have all their digits: none is made from sums that lost them."""
    epsilon, a, b = case.epsilon, case.a.weights, case.b.weights
    kernel = Exponential(f / epsilon + np.log(a), g / epsilon + np.log(b), epsilon, np.zeros_like(f), np.zeros_like(g))
    found = kernel.measure(case.costs)
    if not found.mass < HIGHEST:  # entries were cut, or are no numbers
        return -math.inf, None
    product = total(a) * total(b)

    def value(new_f: np.ndarray, new_g: np.ndarray, mass: float) -> float:
        parts = case.a.value(new_f), case.b.value(new_g)
        sizes = np.maximum(np.abs(f), np.abs(new_f)), np.maximum(np.abs(g), np.abs(new_g))
        relative = kernel_error(case.costs, *sizes, epsilon, found.sum_error, a, b)
        size = abs(parts[0][0]) + abs(parts[1][0]) + epsilon * (mass + product)
        error = parts[0][1] + parts[1][1] + case.imbalance * abs(parts[1][0]) + 8 * UNIT * size
        proved = down(parts[0][0] + parts[1][0] - epsilon * (mass - product), error + 2 * epsilon * relative * mass)
        return proved if math.isfinite(proved) else -math.inf

    values = [value(f, g, found.mass)]
    if case.a.fixed and (found.rows > LOWEST).all():
        values.append(value(f + epsilon * np.log(a / found.rows), g, total(a)))
    if case.b.fixed and (found.columns > LOWEST).all():
        values.append(value(f, g + epsilon * np.log(b / found.columns), total(b)))
    error = sum(
        float(np.abs(sums - side.weights).sum())
        for side, sums in ((case.a, found.rows), (case.b, found.columns))
        if side.fixed
    )
    return max(values), error if case.a.fixed or case.b.fixed else None


def kernel_error(
    costs: Costs, f: np.ndarray, g: np.ndarray, epsilon: float, sum_error: float, *weights: np.ndarray
) -> float:
    """How far a sum of ``a_i b_j exp((f_i + g_j - M_ij) / epsilon)``, as it is computed here, may be from the exact
    one, as a part of itself. Not of the first order only: potentials may be so large that nothing of it is known."""
    terms = [np.abs(f).max() / epsilon, np.abs(g).max() / epsilon, costs.largest / epsilon]
    terms += [np.abs(np.log(one)).max() for one in weights]
    off = 8 * UNIT * (1.0 + float(sum(terms))) + costs.uncertainty / epsilon
    return sum_error + float(np.expm1(1.01 * off))


def _quadratic(case: Case, f: np.ndarray, g: np.ndarray) -> tuple[float, float | None]:
    costs, k = case.costs, case.problem.max_nonzeros
    width = max(1, _TILE // costs.n) if k is not None and k < costs.n else None
    sums = np.zeros(costs.m)
    blocks = grid(costs.n, costs.m) if width is None else grid(costs.n, costs.m, costs.n, width)
    raised_f, raised_g = f + costs.row_error, g + costs.column_error
    for rows, columns in blocks:
        tile = costs.tile(rows, columns)
        if costs.relative:
            tile *= 1.0 - costs.relative - 3 * UNIT
        excess = np.maximum(raised_f[rows, None] - tile + raised_g[None, columns], 0.0)
        # the sum of three doubles: two roundings of the largest of them
        excess += (excess > 0.0) * (4 * UNIT * (np.abs(raised_f[rows, None]) + np.abs(raised_g[None, columns])))
        if width is not None and k is not None:
            excess = np.partition(excess, costs.n - k, axis=0)[costs.n - k :]
        sums[columns] += np.einsum("ij,ij->j", excess, excess)
    left, left_error = case.a.value(f)
    right, right_error = case.b.value(g)
    # an excess that came out as 0 may truly be positive by as much as it was rounded
    hidden = costs.n * costs.m * (8 * UNIT * (np.abs(raised_f).max() + np.abs(raised_g).max())) ** 2
    penalty = (total(sums) + float(hidden)) / (2.0 * case.epsilon) * (1.0 + accumulated(costs.n + 8))
    size = abs(left) + abs(right) + penalty
    error = left_error + right_error + case.imbalance * abs(right) + 8 * UNIT * size
    return down(left + right - penalty, error), None
