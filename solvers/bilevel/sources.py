"""The expressions behind a bilevel problem, spelled out as programs for global solvers of one level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from solvers.expression.layout import Layout
from solvers.expression.program import Program as Expressions
from solvers.expression.scalars import spelled
from solvers.programs.problem import Expression, Nonlinear, Program

Which = Literal["upper", "lower"]


@dataclass(frozen=True)
class Row:
    """A scalar expression that must be <= 0, or == 0."""

    body: Expression
    equal: bool = False


@dataclass(frozen=True)
class Sources:
    """Attributes:

    program, data: as compiled.
    layouts: of both levels' variables.
    objectives: of each level its output and sign (-1: maximized).
    constraints: of each level: output, sign (-1: it must be >= 0), whether it must be 0.
    """

    program: Expressions
    data: Mapping[str, np.ndarray]
    layouts: Mapping[Which, Layout]
    objectives: Mapping[Which, tuple[str, float]]
    constraints: Mapping[Which, Sequence[tuple[str, float, bool]]]

    def objective(self, which: Which, *, x: np.ndarray | None = None, y: np.ndarray | None = None) -> Expression:
        """The minimized objective over the variables that are not given: x first, then y.

        Raises:
            UnsupportedProblem: an operation that scalar expressions lack.
        """
        output, sign = self.objectives[which]
        return signed(self._spelled([output], x, y)[0].item(), sign)

    def rows(self, which: Which, *, x: np.ndarray | None = None, y: np.ndarray | None = None) -> list[Row]:
        """All constraints of a level, element by element.

        Raises:
            UnsupportedProblem: an operation that scalar expressions lack.
        """
        given = self.constraints[which]
        if not given:
            return []
        arrays = self._spelled([output for output, _, _ in given], x, y)
        return [
            Row(signed(body, sign), equal)
            for array, (_, sign, equal) in zip(arrays, given, strict=True)
            for body in np.ravel(array)
        ]

    def _spelled(self, outputs: list[str], x: np.ndarray | None, y: np.ndarray | None) -> list[np.ndarray]:
        upper, lower = self.layouts["upper"], self.layouts["lower"]
        fixed = {} if x is None else upper.split(x)
        fixed |= {} if y is None else lower.split(y)
        names = [name for layout in (upper, lower) for name in layout.names if name not in fixed]
        return spelled(self.program, outputs, {**self.data, **fixed}, names)


def signed(body: Expression, sign: float) -> Expression:
    """The expression or its negative."""
    return body if sign > 0.0 else Expression("neg", (body,))


def difference(left: Expression, right: Expression | float) -> Expression:
    """left - right."""
    return Expression("-", (left, right if isinstance(right, Expression) else Expression("const", value=right)))


def variables(expression: Expression) -> set[int]:
    """Of which columns it is a function."""
    found: set[int] = set()
    stack = [expression]
    while stack:
        node = stack.pop()
        if node.op == "var":
            found.add(int(node.index or 0))
        stack += node.args
    return found


def program(
    objective: Expression, rows: Sequence[Row], lower: np.ndarray, upper: np.ndarray, integrality: np.ndarray
) -> Program:
    """Minimize the objective subject to the rows and bounds."""
    size = len(lower)
    return Program.build(
        c=np.zeros(size),
        A=sp.csr_array((len(rows), size)),
        row_lower=[0.0 if row.equal else -np.inf for row in rows],
        row_upper=np.zeros(len(rows)),
        lower=lower,
        upper=upper,
        integrality=integrality.astype(np.uint8),
        nonlinear=Nonlinear(objective=objective, rows={k: row.body for k, row in enumerate(rows)}),
    )
