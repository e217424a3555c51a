"""The mathematical program as the user sent it, on numpy and scipy.sparse arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import InvalidProblem

#: The values of ``Program.integrality`` (those of scipy.optimize.milp).
CONTINUOUS, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER = 0, 1, 2, 3


@dataclass(frozen=True)
class SecondOrderCone:
    """The constraint ``||(F x + g)[1:]||_2 <= (F x + g)[0]``.

    Attributes:
        F: k by n sparse matrix, k >= 2.
        g: k offsets.
    """

    F: sp.csr_array
    g: np.ndarray


@dataclass(frozen=True)
class SpecialOrderedSet:
    """SOS1: at most one variable is non-zero. SOS2: at most two, and those adjacent in the order of the weights."""

    type: Literal[1, 2]
    indices: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Indicator:
    """If variable ``binary`` equals ``active`` (0 or 1), then ``lower <= coefficients . x[indices] <= upper``."""

    binary: int
    active: Literal[0, 1]
    indices: np.ndarray
    coefficients: np.ndarray
    lower: float
    upper: float
    name: str = ""


@dataclass(frozen=True)
class Expression:
    """A nonlinear expression of the variables, as a tree.

    Attributes:
        op: ``"const"``, ``"var"``, or the operator: ``"+"``, ``"-"``, ``"*"``, ``"/"``, ``"pow"``, ``"neg"``,
            ``"abs"``, ``"exp"``, ``"log"``, ``"sqrt"``, ``"sin"``, ``"cos"``, ``"sum"``... as in AMPL's ``.nl``.
        args: the operands.
        value: the constant, for ``"const"``.
        index: the variable, for ``"var"``.
    """

    op: str
    args: tuple[Expression, ...] = ()
    value: float = 0.0
    index: int = -1


@dataclass(frozen=True)
class Nonlinear:
    """Nonlinear parts: they are added to the linear and quadratic ones of the same row, or of the objective."""

    objective: Expression | None = None
    rows: dict[int, Expression] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """Optimize ``offset + c'x + x'Qx/2 (+ nonlinear)`` over ``row_lower <= A x (+ nonlinear) <= row_upper``,
    ``lower <= x <= upper``, with integrality, cones, special ordered sets and indicators.

    Build it with ``Program.build``, which fills in defaults and checks everything. Arrays must not be changed later.

    Attributes:
        sense: ``"min"`` or ``"max"``.
        c: n objective coefficients, finite.
        offset: the objective's constant.
        Q: n by n symmetric (both triangles stored), or None.
        A: m by n in CSR, finite, without duplicate entries.
        row_lower, row_upper: m; infinite where absent.
        lower, upper: n; infinite where absent. Semi-continuous and semi-integer: x = 0 or lower <= x <= upper.
        integrality: n of uint8: 0 continuous, 1 integer, 2 semi-continuous, 3 semi-integer.
        variable_names, constraint_names: unique, or None: then ``x0``, ``x1``... and ``c0``, ``c1``... are used.
    """

    sense: Literal["min", "max"]
    c: np.ndarray
    offset: float
    Q: sp.csr_array | None
    A: sp.csr_array
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    integrality: np.ndarray
    cones: tuple[SecondOrderCone, ...] = ()
    sos: tuple[SpecialOrderedSet, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    nonlinear: Nonlinear | None = None
    name: str = ""
    variable_names: tuple[str, ...] | None = None
    constraint_names: tuple[str, ...] | None = None

    @classmethod
    def build(
        cls,
        *,
        c: Sequence[float] | np.ndarray,
        A: sp.sparray | sp.spmatrix | np.ndarray | None = None,
        row_lower: Sequence[float] | np.ndarray | float | None = None,
        row_upper: Sequence[float] | np.ndarray | float | None = None,
        lower: Sequence[float] | np.ndarray | float | None = None,
        upper: Sequence[float] | np.ndarray | float | None = None,
        integrality: Sequence[int] | np.ndarray | int | None = None,
        sense: str = "min",
        offset: float = 0.0,
        Q: sp.sparray | sp.spmatrix | np.ndarray | None = None,
        cones: Sequence[SecondOrderCone] = (),
        sos: Sequence[SpecialOrderedSet] = (),
        indicators: Sequence[Indicator] = (),
        nonlinear: Nonlinear | None = None,
        name: str = "",
        variable_names: Sequence[str] | None = None,
        constraint_names: Sequence[str] | None = None,
    ) -> Program:
        """A checked program. Missing row bounds and ``upper`` are infinite, missing ``lower`` is 0; scalars are spread.

        ``Q`` may be one triangle or symmetric; a matrix with entries in both triangles must be symmetric.

        Raises:
            InvalidProblem: with a JSON pointer to the first thing that is wrong.
        """
        from solvers.programs.validation import checked_program

        return checked_program(
            cls,
            c=c,
            A=A,
            row_lower=row_lower,
            row_upper=row_upper,
            lower=lower,
            upper=upper,
            integrality=integrality,
            sense=sense,
            offset=offset,
            Q=Q,
            cones=cones,
            sos=sos,
            indicators=indicators,
            nonlinear=nonlinear,
            name=name,
            variable_names=variable_names,
            constraint_names=constraint_names,
        )

    @property
    def n(self) -> int:
        """Number of variables."""
        return int(self.c.shape[0])

    @property
    def m(self) -> int:
        """Number of rows (linear or nonlinear constraints; cones, sets and indicators are counted apart)."""
        return int(self.row_lower.shape[0])

    @cached_property
    def features(self) -> frozenset[str]:
        """What an engine must be able to take: ``"linear"`` (always), ``"integer"``, ``"semi-continuous"``,
        ``"quadratic-objective"``, ``"nonconvex-quadratic"``, ``"second-order-cone"``, ``"sos"``, ``"indicator"``,
        ``"nonlinear"``."""
        found = {"linear"}
        if np.any((self.integrality == INTEGER) | (self.integrality == SEMI_INTEGER)):
            found.add("integer")
        if np.any(self.integrality >= SEMI_CONTINUOUS):
            found.add("semi-continuous")
        if self.Q is not None and self.Q.nnz:
            from solvers.programs.convexity import is_convex

            found.add("quadratic-objective")
            if not is_convex(self):
                found.add("nonconvex-quadratic")
        if self.cones:
            found.add("second-order-cone")
        if self.sos:
            found.add("sos")
        if self.indicators:
            found.add("indicator")
        if self.nonlinear is not None and (self.nonlinear.objective is not None or self.nonlinear.rows):
            found.add("nonlinear")
        return frozenset(found)

    @property
    def discrete(self) -> bool:
        """True if the feasible set is not described by continuous constraints alone: then there are no duals."""
        return bool(self.features & {"integer", "semi-continuous", "sos", "indicator"})

    def variable_name(self, j: int) -> str:
        return self.variable_names[j] if self.variable_names is not None else f"x{j}"

    def constraint_name(self, i: int) -> str:
        return self.constraint_names[i] if self.constraint_names is not None else f"c{i}"

    def objective_at(self, x: np.ndarray) -> float:
        """The objective's value at ``x`` in double precision (the certificate uses its own arithmetic)."""
        from solvers.programs.expressions import evaluate

        value = self.offset + float(self.c @ x)
        if self.Q is not None:
            value += 0.5 * float(x @ (self.Q @ x))
        if self.nonlinear is not None and self.nonlinear.objective is not None:
            value += evaluate(self.nonlinear.objective, x)
        return value


__all__ = [
    "CONTINUOUS",
    "INTEGER",
    "SEMI_CONTINUOUS",
    "SEMI_INTEGER",
    "Expression",
    "Indicator",
    "InvalidProblem",
    "Nonlinear",
    "Program",
    "SecondOrderCone",
    "SpecialOrderedSet",
]
