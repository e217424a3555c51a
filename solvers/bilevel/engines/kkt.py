"""The single-level program that a convex lower level's KKT conditions make of a bilevel problem.

Complementarity is stated by special ordered sets of type 1 (slack, multiplier), which need no bound on the multipliers;
or, where the user asks for it, by binaries with big-M constants for those pairs whose bounds are proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from solvers.bilevel.forms import Forms, Quadratic, unit_of
from solvers.bilevel.problem import Bilevel
from solvers.programs.problem import Expression, Nonlinear, Program, SpecialOrderedSet


@dataclass(frozen=True)
class Kkt:
    """A program whose first ``n + m`` variables are (x, y).

    Attributes:
        program: to be solved globally.
        pairs: (slack, multiplier) column of each complementarity condition.
        opposite: of a multiplier of one bound of y, that of the other bound: one of both is zero.
        units: by lower variable: what its stationarity was divided by; multipliers of its bounds are counted in it.
    """

    program: Program
    pairs: tuple[tuple[int, int], ...]
    opposite: dict[int, int]
    units: dict[int, float]


@dataclass
class _Columns:
    """Variables of the program in the order in which they are added."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, name: str, lower: float, upper: float) -> int:
        self.lower.append(lower)
        self.upper.append(upper)
        self.names.append(name)
        return len(self.names) - 1


@dataclass
class _Rows:
    """Rows with affine parts by column, and sums of products (coefficient, column, column)."""

    affine: list[dict[int, float]] = field(default_factory=list)
    products: dict[int, list[tuple[float, int, int]]] = field(default_factory=dict)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)

    def add(self, affine: dict[int, float], products: list[tuple[float, int, int]], lower: float, upper: float) -> None:
        if products:
            self.products[len(self.affine)] = products
        self.affine.append(affine)
        self.lower.append(lower)
        self.upper.append(upper)


def build(problem: Bilevel, forms: Forms) -> Kkt:
    """The program; the lower level must be convex in y.

    Args:
        forms: in units in which coefficients are near one: the program's tolerances will be absolute.

    Variables: x, y, then slacks and multipliers. Rows: constraints of both levels, and for each lower variable that is
    not fixed the stationarity ``df/dy + sum lambda dc/dy + sum nu dh/dy - below + above = 0``.
    """
    n, m = forms.n, forms.m
    columns, rows = _Columns(), _Rows()
    for level, prefix in ((problem.upper, "x"), (problem.lower, "y")):
        for j in range(level.n):
            columns.add(f"{prefix}{j}", float(level.lower[j]), float(level.upper[j]))
    for form in forms.upper_inequalities:
        rows.add(*_row(form), -np.inf, -form.constant)
    for form in forms.upper_equalities:
        rows.add(*_row(form), -form.constant, -form.constant)
    pairs: list[tuple[int, int]] = []
    weighted: list[tuple[int, Quadratic]] = []
    for i, form in enumerate(forms.lower_inequalities):
        slack = columns.add(f"slack{i}", 0.0, np.inf)
        affine, products = _row(form)
        rows.add({**affine, slack: 1.0}, products, -form.constant, -form.constant)
        multiplier = columns.add(f"lambda{i}", 0.0, np.inf)
        pairs.append((slack, multiplier))
        weighted.append((multiplier, form))
    for i, form in enumerate(forms.lower_equalities):
        rows.add(*_row(form), -form.constant, -form.constant)
        weighted.append((columns.add(f"nu{i}", -np.inf, np.inf), form))
    reduced = _bounds(problem, columns, rows, pairs)
    units = _stationarity(forms, rows, weighted, reduced)
    size = len(columns.names)
    objective = forms.upper
    c = np.zeros(size)
    c[: n + m] = objective.c
    Q = objective.Q
    ratio = _shared_products(forms)
    if ratio and objective.Q is not None and forms.lower.Q is not None:
        Q, linear = _without_products(problem, forms, ratio, weighted, reduced, units)
        for k, value in linear.items():
            c[k] += value
    if Q is not None:
        entries = sp.coo_array(Q)
        Q = sp.csr_array((entries.data, entries.coords), shape=(size, size))
    curved = {i: _sum(terms) for i, terms in rows.products.items()}
    integrality = np.zeros(size, dtype=np.uint8)
    integrality[:n] = problem.upper.integrality
    program = Program.build(
        c=c,
        Q=Q,
        offset=objective.constant,
        A=_matrix(rows.affine, size),
        row_lower=rows.lower,
        row_upper=rows.upper,
        lower=columns.lower,
        upper=columns.upper,
        integrality=integrality,
        sos=[SpecialOrderedSet(1, np.array(pair), np.array([1.0, 2.0])) for pair in pairs],
        nonlinear=Nonlinear(rows=curved) if curved else None,
        variable_names=columns.names,
    )
    opposite: dict[int, int] = {}
    for signs in reduced.values():
        if len(signs) == 2:
            below, above = signs
            opposite |= {below: above, above: below}
    return Kkt(program, tuple(pairs), opposite, units)


def _bounds(
    problem: Bilevel, columns: _Columns, rows: _Rows, pairs: list[tuple[int, int]]
) -> dict[int, dict[int, float]]:
    """Adds the pairs of the bounds on y; for each free lower variable its multipliers with their signs."""
    n = problem.n
    reduced: dict[int, dict[int, float]] = {}
    for j in range(problem.m):
        low, high = float(problem.lower.lower[j]), float(problem.lower.upper[j])
        if low == high:
            continue  # any multiplier fits a fixed variable
        signs: dict[int, float] = {}
        if np.isfinite(low):
            slack = n + j
            if low != 0.0:
                slack = columns.add(f"above{j}", 0.0, high - low)
                rows.add({slack: 1.0, n + j: -1.0}, [], -low, -low)
            multiplier = columns.add(f"lower{j}", 0.0, np.inf)
            signs[multiplier] = -1.0
            pairs.append((slack, multiplier))
        if np.isfinite(high):
            slack = columns.add(f"below{j}", 0.0, high - low)
            rows.add({slack: 1.0, n + j: 1.0}, [], high, high)
            multiplier = columns.add(f"upper{j}", 0.0, np.inf)
            signs[multiplier] = 1.0
            pairs.append((slack, multiplier))
        reduced[j] = signs
    return reduced


def _stationarity(
    forms: Forms, rows: _Rows, weighted: Sequence[tuple[int, Quadratic]], reduced: dict[int, dict[int, float]]
) -> dict[int, float]:
    """Adds the rows; the divisor of each."""
    n = forms.n
    units: dict[int, float] = {}
    curvature = None if forms.lower.Q is None else sp.csr_array(forms.lower.Q[n:, :])
    by_form = [(column, form.c, None if form.Q is None else sp.csr_array(form.Q[n:, :])) for column, form in weighted]
    for j, signs in reduced.items():
        affine: dict[int, float] = {}
        products: list[tuple[float, int, int]] = []
        if curvature is not None:
            for k, value in _entries(curvature, j):
                affine[k] = affine.get(k, 0.0) + value
        for column, c, part in by_form:
            if c[n + j]:
                affine[column] = affine.get(column, 0.0) + float(c[n + j])
            if part is not None:
                products += [(value, column, k) for k, value in _entries(part, j)]
        constant = -float(forms.lower.c[n + j])
        sizes = np.abs([constant, *affine.values(), *(value for value, _, _ in products)])
        unit = units[j] = unit_of(sizes[sizes > 0.0])
        affine = {k: value / unit for k, value in affine.items()} | signs
        products = [(value / unit, i, k) for value, i, k in products]
        rows.add(affine, products, constant / unit, constant / unit)
    return units


def _shared_products(forms: Forms) -> float:
    """The k with ``F_xy = k f_xy``, if the products of x and y in both objectives are the same up to this factor and no
    lower constraint contains x; else 0."""
    n = forms.n
    constraints = (*forms.lower_inequalities, *forms.lower_equalities)
    if forms.upper.Q is None or forms.lower.Q is None:
        return 0.0
    if any(form.Q is not None or form.c[:n].any() for form in constraints):
        return 0.0
    ours, theirs = forms.upper.Q[:n, n:].toarray(), forms.lower.Q[:n, n:].toarray()
    if not ours.any() or not theirs.any():
        return 0.0
    ratio = float((ours * theirs).sum() / (theirs * theirs).sum())
    return ratio if (np.abs(ours - ratio * theirs) <= 1e-12 * np.abs(ours)).all() else 0.0


def _without_products(
    problem: Bilevel,
    forms: Forms,
    ratio: float,
    weighted: Sequence[tuple[int, Quadratic]],
    reduced: dict[int, dict[int, float]],
    units: dict[int, float],
) -> tuple[sp.csr_array | None, dict[int, float]]:
    """The upper objective without its products of x and y, by the lower level's strong duality (as Labbe, Marcotte and
    Savard 1998 for tolls): at a KKT point ``y'f_yx x = -y'f_yy y - c'y - sum lambda b - sum nu b + lower l - upper u``
    for constraints ``a'y + constant <= 0`` with ``b = -constant``. Fixed variables keep their products.
    """
    n, m = forms.n, forms.m
    assert forms.upper.Q is not None
    assert forms.lower.Q is not None
    if len(reduced) < m:
        return forms.upper.Q, {}
    linear = {n + j: -ratio * float(forms.lower.c[n + j]) for j in range(m)}
    for column, form in weighted:
        linear[column] = ratio * form.constant
    for j, signs in reduced.items():
        for column, sign in signs.items():
            limit = float(problem.lower.lower[j] if sign < 0 else -problem.lower.upper[j])
            linear[column] = ratio * units[j] * limit
    dense = forms.upper.Q.tolil(copy=True)
    dense[:n, n:] = 0.0
    dense[n:, :n] = 0.0
    dense[n:, n:] = dense[n:, n:] - 2.0 * ratio * forms.lower.Q[n:, n:]
    left = sp.csr_array(dense)
    left.eliminate_zeros()
    return (left if left.nnz else None), linear


def _entries(matrix: sp.csr_array, row: int) -> list[tuple[int, float]]:
    inside = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return [(int(k), float(v)) for k, v in zip(matrix.indices[inside], matrix.data[inside], strict=True)]


def _row(form: Quadratic) -> tuple[dict[int, float], list[tuple[float, int, int]]]:
    affine = {int(k): float(form.c[k]) for k in np.flatnonzero(form.c)}
    if form.Q is None:
        return affine, []
    entries = sp.coo_array(form.Q)
    above = [(int(i), int(k), float(v)) for i, k, v in zip(*entries.coords, entries.data, strict=True) if i <= k]
    return affine, [(0.5 * v if i == k else v, i, k) for i, k, v in above]


def _matrix(rows: Sequence[dict[int, float]], size: int) -> sp.csr_array:
    indptr = np.cumsum([0, *(len(row) for row in rows)])
    indices = np.array([k for row in rows for k in row], dtype=np.int64)
    data = np.array([v for row in rows for v in row.values()], dtype=np.float64)
    return sp.csr_array((data, indices, indptr), shape=(len(rows), size))


def _sum(products: Sequence[tuple[float, int, int]]) -> Expression:
    terms = tuple(
        Expression(
            "*",
            (
                Expression("const", value=value),
                Expression("*", (Expression("var", index=i), Expression("var", index=k))),
            ),
        )
        for value, i, k in products
    )
    return terms[0] if len(terms) == 1 else Expression("sum", terms)
