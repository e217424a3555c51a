"""Quadratic functions in files: polynomials out of expressions, and quadratic constraints brought into ``Program``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from solvers.programs.convexity import is_positive_semidefinite
from solvers.programs.expressions import constant, postorder, variable
from solvers.programs.problem import Expression, SecondOrderCone

#: Quadratic constraints that are not diagonal become cones up to this many variables (one dense factorization).
MAX_DENSE_CONE = 1000

#: A product of two sums is multiplied out only up to this many terms.
MAX_TERMS = 200_000


@dataclass
class Quadratic:
    """``constant + sum_j linear[j] x_j + sum_(i<=j) products[i, j] x_i x_j``."""

    constant: float = 0.0
    linear: dict[int, float] = field(default_factory=dict)
    products: dict[tuple[int, int], float] = field(default_factory=dict)

    def add(self, other: Quadratic, factor: float = 1.0) -> None:
        self.constant += factor * other.constant
        for j, a in other.linear.items():
            self.linear[j] = self.linear.get(j, 0.0) + factor * a
        for key, a in other.products.items():
            self.products[key] = self.products.get(key, 0.0) + factor * a

    def add_product(self, i: int, j: int, coefficient: float) -> None:
        key = (i, j) if i <= j else (j, i)
        self.products[key] = self.products.get(key, 0.0) + coefficient

    @property
    def degree(self) -> int:
        return 2 if self.products else 1 if self.linear else 0

    @property
    def terms(self) -> int:
        return 1 + len(self.linear) + len(self.products)


def as_quadratic(expression: Expression) -> Quadratic | None:
    """The polynomial of degree at most two that the expression is, or None if it is none (or too long written out)."""
    values: dict[int, Quadratic] = {}
    for node in postorder(expression):
        value = _polynomial(node, [values[id(argument)] for argument in node.args])
        if value is None or value.terms > MAX_TERMS:
            return None
        values[id(node)] = value
    return values[id(expression)]


def _polynomial(node: Expression, args: list[Quadratic]) -> Quadratic | None:
    op = node.op
    if op == "const":
        return Quadratic(node.value)
    if op == "var":
        return Quadratic(0.0, {node.index: 1.0})
    if op in ("+", "-", "sum", "neg"):
        total = Quadratic()
        for k, argument in enumerate(args):
            total.add(argument, -1.0 if op == "neg" or (op == "-" and k == 1) else 1.0)
        return total
    if op == "*":
        return _times(args[0], args[1])
    if op == "/" and args[1].degree == 0 and args[1].constant != 0.0:
        return _times(args[0], Quadratic(1.0 / args[1].constant)) if _exact(args[1].constant) else _over(*args)
    if op == "pow" and args[1].degree == 0:
        power = args[1].constant
        if power == 2.0:
            return _times(args[0], args[0])
        if power == 1.0:
            return args[0]
        if power == 0.0:
            return Quadratic(1.0)
    return None


def _exact(divisor: float) -> bool:
    return math.frexp(divisor)[0] in (0.5, -0.5)


def _over(a: Quadratic, b: Quadratic) -> Quadratic:
    d = b.constant
    return Quadratic(
        a.constant / d, {j: v / d for j, v in a.linear.items()}, {key: v / d for key, v in a.products.items()}
    )


def _times(a: Quadratic, b: Quadratic) -> Quadratic | None:
    if a.degree + b.degree > 2 or len(a.linear) * len(b.linear) > MAX_TERMS:
        return None
    result = Quadratic()
    if a.degree == 0 or b.degree == 0:
        factor, other = (a.constant, b) if a.degree == 0 else (b.constant, a)
        result.add(other, factor)
        return result
    result.constant = a.constant * b.constant
    for j, v in a.linear.items():
        result.linear[j] = v * b.constant
    for j, v in b.linear.items():
        result.linear[j] = result.linear.get(j, 0.0) + v * a.constant
    for i, v in a.linear.items():
        for j, w in b.linear.items():
            result.add_product(i, j, v * w)
    return result


def objective_matrix(n: int, products: dict[tuple[int, int], float]) -> sp.csr_array | None:
    """The matrix Q with ``x'Qx/2`` equal to the sum of the products (one triangle), or None if there are none."""
    if not products:
        return None
    keys = np.array(list(products), dtype=np.int64)
    values = np.fromiter(products.values(), dtype=np.float64, count=len(products))
    values = np.where(keys[:, 0] == keys[:, 1], 2.0 * values, values)
    return sp.csr_array(sp.coo_array((values, (keys[:, 0], keys[:, 1])), shape=(n, n)))


def products_expression(products: dict[tuple[int, int], float]) -> Expression:
    """``sum products[i, j] x_i x_j`` as an expression."""
    terms = tuple(
        Expression("*", (constant(a), Expression("*", (variable(i), variable(j))))) for (i, j), a in products.items()
    )
    return terms[0] if len(terms) == 1 else Expression("sum", terms)


def cone_of(n: int, row: Quadratic, lower: float, upper: float, nonnegative: Iterable[int]) -> SecondOrderCone | None:
    """The second-order cone that says ``lower <= row <= upper``, or None if it is none of the known forms.

    Known are convex quadratics bounded above (or concave ones below), ``sum p_i x_i^2 + d <= q t^2`` with t >= 0, and
    ``sum p_i x_i^2 + d <= q s t`` with s, t >= 0. The cone describes the same points, up to rounding of square roots.

    Args:
        nonnegative: the variables whose lower bound is at least 0.
    """
    if math.isfinite(lower) == math.isfinite(upper):
        return None
    sign, side = (1.0, upper) if math.isfinite(upper) else (-1.0, -lower)
    products = {key: sign * a for key, a in row.products.items() if a != 0.0}
    linear = {j: sign * a for j, a in row.linear.items() if a != 0.0}
    side -= sign * row.constant
    signed = set(nonnegative)
    negative = [key for key, a in products.items() if a < 0]
    if not linear and len(negative) == 1 and side <= 0 and set(negative[0]) <= signed:
        rest = {key: a for key, a in products.items() if key != negative[0]}
        if all(i == j for i, j in rest):
            return _rotated(n, rest, negative[0], -products[negative[0]], -side)
    factor = _factor(products)
    return None if factor is None else _convex(n, *factor, linear, side)


def _rotated(
    n: int, squares: dict[tuple[int, int], float], head: tuple[int, int], scale: float, offset: float
) -> SecondOrderCone:
    i, j = head
    heads = [(i, 1.0)] if i == j else [(i, 1.0), (j, 1.0)]
    entries = [(0, k, a) for k, a in heads]
    k = 1
    stretch = 1.0 if i == j else 4.0
    for (variable_index, _), a in squares.items():
        entries.append((k, variable_index, math.sqrt(stretch * a / scale)))
        k += 1
    if i != j:
        entries += [(k, i, 1.0), (k, j, -1.0)]
        k += 1
    g = np.zeros(k + 1)
    g[k] = math.sqrt(stretch * offset / scale)
    return _cone(n, entries, g)


def _factor(products: dict[tuple[int, int], float]) -> tuple[list[int], np.ndarray] | None:
    """(variables, F) with ``x'F'Fx`` the sum of the products, or None if that is not convex or too large."""
    if all(i == j for i, j in products):
        if any(a < 0 for a in products.values()):
            return None
        return [i for i, _ in products], np.sqrt(np.fromiter(products.values(), dtype=np.float64))
    used = sorted({i for key in products for i in key})
    if len(used) > MAX_DENSE_CONE:
        return None
    place = {j: k for k, j in enumerate(used)}
    matrix = np.zeros((len(used), len(used)))
    for (i, j), a in products.items():
        matrix[place[i], place[j]] += a / 2
        matrix[place[j], place[i]] += a / 2
    if not is_positive_semidefinite(sp.csr_array(matrix)):
        return None
    values, vectors = np.linalg.eigh(matrix)
    keep = values > 1e-12 * values[-1]
    return used, np.sqrt(values[keep])[:, None] * vectors[:, keep].T


def _convex(n: int, used: list[int], F: np.ndarray, linear: dict[int, float], side: float) -> SecondOrderCone | None:
    """``|Fx|^2 <= side - linear x`` as a cone; F is a matrix, or the diagonal of one."""
    size = F.shape[0]
    if F.ndim == 1:
        entries = [(k + 1, j, float(F[k])) for k, j in enumerate(used)]
    else:
        entries = [(k + 1, j, float(F[k, c])) for k in range(size) for c, j in enumerate(used) if F[k, c] != 0.0]
    if not linear and side >= 0:
        g = np.zeros(size + 1)
        g[0] = math.sqrt(side)
        return _cone(n, entries, g)
    g = np.zeros(size + 2)
    entries = [(k, j, 2.0 * a) for k, j, a in entries]
    g[0], g[size + 1] = 1.0 + side, 1.0 - side
    for j, a in linear.items():
        entries += [(0, j, -a), (size + 1, j, a)]
    return _cone(n, entries, g)


def _cone(n: int, entries: list[tuple[int, int, float]], g: np.ndarray) -> SecondOrderCone:
    rows, columns, values = zip(*entries, strict=True)
    F = sp.csr_array(sp.coo_array((values, (rows, columns)), shape=(g.size, n)))
    return SecondOrderCone(F, g)
