"""A program under construction, by variable names: what the readers of LP, MathOptFormat and OPB files fill."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from solvers.programs.formats.quadratic import Quadratic, cone_of, objective_matrix, products_expression
from solvers.programs.problem import (
    CONTINUOUS,
    Expression,
    Indicator,
    Nonlinear,
    Program,
    SecondOrderCone,
    SpecialOrderedSet,
)

Products = dict[tuple[int, int], float]


@dataclass
class Draft:
    """Variables come to be when they are first named, with the bounds [0, inf) unless ``default_lower`` says otherwise.

    Attributes:
        variable_of: name to index, in the order of first appearance.
        lower, upper, kind: by variable.
        columns, values: the entries of the linear rows, one row after the other; row i ends at ``ends[i]``.
        row_products, row_expressions: quadratic and nonlinear parts, by row.
    """

    name: str = ""
    sense: str = "min"
    offset: float = 0.0
    default_lower: float = 0.0
    variable_of: dict[str, int] = field(default_factory=dict)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    objective: dict[int, float] = field(default_factory=dict)
    products: Products = field(default_factory=dict)
    expression: Expression | None = None
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    row_names: list[str] = field(default_factory=list)
    row_products: dict[int, Products] = field(default_factory=dict)
    row_expressions: dict[int, Expression] = field(default_factory=dict)
    sos: list[SpecialOrderedSet] = field(default_factory=list)
    indicators: list[Indicator] = field(default_factory=list)
    cones: list[SecondOrderCone] = field(default_factory=list)

    def variable(self, name: str) -> int:
        """The index of a variable; a new one if the name is new."""
        j = self.variable_of.get(name)
        if j is None:
            j = self.variable_of[name] = len(self.lower)
            self.lower.append(self.default_lower)
            self.upper.append(math.inf)
            self.kind.append(CONTINUOUS)
        return j

    def add_row(self, name: str, columns: Iterable[int], values: Iterable[float], lower: float, upper: float) -> int:
        """A row; entries of the same variable are added up. An empty name is filled in later."""
        self.columns.extend(columns)
        self.values.extend(values)
        self.ends.append(len(self.columns))
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        self.row_names.append(name)
        return len(self.ends) - 1

    def add_set(self, kind: int, indices: list[int], weights: list[float]) -> None:
        self.sos.append(
            SpecialOrderedSet(1 if kind == 1 else 2, np.array(indices, dtype=np.int64), np.array(weights, dtype=float))
        )

    def add_indicator(self, name: str, binary: int, active: int, row: Quadratic, lower: float, upper: float) -> None:
        """The row's constant is taken to the sides."""
        self.indicators.append(
            Indicator(
                binary,
                1 if active else 0,
                np.array(list(row.linear), dtype=np.int64),
                np.array(list(row.linear.values()), dtype=float),
                lower - row.constant,
                upper - row.constant,
                name,
            )
        )

    def program(self) -> Program:
        """The program.

        Raises:
            InvalidProblem: it contradicts itself.
        """
        n, m = len(self.lower), len(self.ends)
        c = np.zeros(n)
        c[list(self.objective)] = list(self.objective.values())
        ends = np.array([0, *self.ends], dtype=np.int64)
        rows = np.repeat(np.arange(m), np.diff(ends))
        A = sp.csr_array(
            sp.coo_array(
                (np.array(self.values, dtype=float), (rows, np.array(self.columns, dtype=np.int64))), shape=(m, n)
            )
        )
        row_lower, row_upper = np.array(self.row_lower, dtype=float), np.array(self.row_upper, dtype=float)
        names = _filled(self.row_names)
        cones = list(self.cones)
        expressions = dict(self.row_expressions)
        keep = np.ones(m, dtype=bool)
        nonnegative = [j for j, low in enumerate(self.lower) if low >= 0] if self.row_products else []
        for i, products in self.row_products.items():
            begin, end = A.indptr[i], A.indptr[i + 1]
            linear = dict(zip(A.indices[begin:end].tolist(), A.data[begin:end].tolist(), strict=True))
            quadratic = Quadratic(0.0, linear, products)
            cone = None
            if i not in expressions:
                cone = cone_of(n, quadratic, float(row_lower[i]), float(row_upper[i]), nonnegative)
            if cone is None:
                part = products_expression(products)
                expressions[i] = Expression("+", (expressions[i], part)) if i in expressions else part
            else:
                cones.append(cone)
                keep[i] = False
        if not keep.all():
            place = np.cumsum(keep) - 1
            expressions = {int(place[i]): part for i, part in expressions.items()}
            A, row_lower, row_upper = A[keep], row_lower[keep], row_upper[keep]
            names = [name for name, kept in zip(names, keep, strict=True) if kept]
        nonlinear = Nonlinear(self.expression, expressions) if self.expression or expressions else None
        return Program.build(
            c=c,
            A=A,
            row_lower=row_lower,
            row_upper=row_upper,
            lower=np.array(self.lower, dtype=float),
            upper=np.array(self.upper, dtype=float),
            integrality=np.array(self.kind, dtype=np.uint8),
            sense=self.sense,
            offset=self.offset,
            Q=objective_matrix(n, self.products),
            cones=cones,
            sos=self.sos,
            indicators=self.indicators,
            nonlinear=nonlinear,
            name=self.name,
            variable_names=list(self.variable_of),
            constraint_names=names,
        )


def _filled(names: list[str]) -> list[str]:
    """The names, with c1, c2... (by position, or the next that is free) where there is none."""
    if all(names):
        return names
    taken = set(names)
    filled = []
    for k, name in enumerate(names, 1):
        if not name:
            number = k
            while (name := f"c{number}") in taken:
                number += len(names)
            taken.add(name)
        filled.append(name)
    return filled
