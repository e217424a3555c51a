"""Checks everything ``Program.build`` is given and brings it into the one form that engines and certificates need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import InvalidProblem
from solvers.programs.expressions import OPERATORS, expanded_size, postorder
from solvers.programs.fields import (
    bounds,
    checked_names,
    finite_number,
    finite_vector,
    numbers,
    require_name,
    scalar_bound,
    variable_indices,
)
from solvers.programs.matrices import checked_matrix, symmetric_matrix
from solvers.programs.problem import (
    INTEGER,
    Expression,
    Indicator,
    Nonlinear,
    Program,
    SecondOrderCone,
    SpecialOrderedSet,
)

#: Nodes of a nonlinear expression, shared ones written out: more is refused, since engines write them out.
MAX_EXPRESSION_SIZE = 20_000_000

_SENSES = {"min": "min", "minimize": "min", "max": "max", "maximize": "max"}

P = TypeVar("P", bound=Program)


def checked_program(cls: type[P], **given: Any) -> P:
    """The program described by the keyword arguments of ``Program.build``, checked and normalized.

    Bounds of absolute value 1e20 and more become infinite; explicit zeros are dropped from matrices; ``Q`` is made
    symmetric. A compressed matrix (CSR, CSC) with duplicate entries is refused; COO entries are summed, as in scipy.
    Arrays are taken over without a copy where they already have the right form.

    Raises:
        InvalidProblem: with a JSON pointer to the first entry that is wrong.
    """
    c = numbers(given["c"], "/c")
    n = c.shape[0]
    variable_names = checked_names(given["variable_names"], n, "/variable_names", "variables")
    _require_finite(c, "/c", "objective coefficient", "variable", variable_names, "x")
    A, m = _rows(given["A"], given["row_lower"], given["row_upper"], n)
    constraint_names = checked_names(given["constraint_names"], m, "/constraint_names", "rows")
    row_lower = bounds(given["row_lower"], m, -math.inf, "/row_lower")
    row_upper = bounds(given["row_upper"], m, math.inf, "/row_upper")
    lower = bounds(given["lower"], n, 0.0, "/lower")
    upper = bounds(given["upper"], n, math.inf, "/upper")
    _require_order(row_lower, row_upper, "/row_", "row", constraint_names, "c")
    _require_order(lower, upper, "/", "variable", variable_names, "x")
    integrality = _integrality(given["integrality"], n)
    sense = _SENSES.get(given["sense"]) if isinstance(given["sense"], str) else None
    if sense is None:
        raise InvalidProblem(f"unknown sense {given['sense']!r}", pointer="/sense", hint="'min' or 'max'")
    Q = None if given["Q"] is None else symmetric_matrix(given["Q"], n, "/Q")
    require_name(given["name"], "/name")
    return cls(
        sense=sense,  # type: ignore[arg-type]  # a value of _SENSES
        c=c,
        offset=finite_number(given["offset"], "/offset", "the objective's constant"),
        Q=Q,
        A=A,
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lower,
        upper=upper,
        integrality=integrality,
        cones=tuple(_cone(cone, n, f"/cones/{k}") for k, cone in enumerate(given["cones"])),
        sos=tuple(_sos(group, n, f"/sos/{k}") for k, group in enumerate(given["sos"])),
        indicators=tuple(
            _indicator(one, integrality, lower, upper, f"/indicators/{k}") for k, one in enumerate(given["indicators"])
        ),
        nonlinear=None if given["nonlinear"] is None else _nonlinear(given["nonlinear"], n, m),
        name=given["name"],
        variable_names=variable_names,
        constraint_names=constraint_names,
    )


def _label(kind: str, names: tuple[str, ...] | None, prefix: str, index: int) -> str:
    return f"{kind} {names[index]!r}" if names is not None else f"{kind} {index} ({prefix}{index})"


def _require_finite(
    array: np.ndarray, pointer: str, what: str, kind: str, names: tuple[str, ...] | None, prefix: str
) -> None:
    if np.isfinite(array).all():
        return
    k = int(np.argmin(np.isfinite(array)))
    raise InvalidProblem(
        f"the {what} of {_label(kind, names, prefix, k)} is {array[k]}",
        pointer=f"{pointer}/{k}",
        hint="a finite number",
    )


def _rows(matrix: Any, row_lower: Any, row_upper: Any, n: int) -> tuple[sp.csr_array, int]:
    if matrix is None:
        sizes = [len(side) for side in (row_lower, row_upper) if side is not None and np.ndim(side)]
        m = sizes[0] if sizes else 0
        return sp.csr_array((m, n), dtype=np.float64), m
    A = checked_matrix(matrix, "/A")
    if A.shape[1] != n:
        raise InvalidProblem(
            f"A has {A.shape[1]} columns, but there are {n} objective coefficients",
            pointer="/A",
            hint="one column of A for each entry of c",
        )
    return A, A.shape[0]


def _require_order(
    low: np.ndarray, high: np.ndarray, prefix: str, kind: str, names: tuple[str, ...] | None, letter: str
) -> None:
    if (low <= high).all():
        return
    k = int(np.argmax(low > high))
    raise InvalidProblem(
        f"{_label(kind, names, letter, k)}: lower bound {low[k]:.17g} is above upper bound {high[k]:.17g}",
        pointer=f"{prefix}lower/{k}",
        hint="lower <= upper",
    )


def _integrality(value: Any, n: int) -> np.ndarray:
    if value is None:
        return np.zeros(n, dtype=np.uint8)
    pointer = "/integrality"
    array = np.full(n, scalar_bound(value, pointer)) if np.ndim(value) == 0 else np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim != 1 or array.shape[0] != n:
        raise InvalidProblem(f"integrality must be {n} of the numbers 0, 1, 2, 3", pointer=pointer)
    wrong = ~((array == 0) | (array == 1) | (array == 2) | (array == 3))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InvalidProblem(
            f"integrality[{k}] is {array[k]}",
            pointer=f"{pointer}/{k}",
            hint="0 continuous, 1 integer, 2 semi-continuous, 3 semi-integer",
        )
    return array.astype(np.uint8, copy=False)


def _cone(cone: SecondOrderCone, n: int, pointer: str) -> SecondOrderCone:
    F = checked_matrix(cone.F, f"{pointer}/F")
    if F.shape[1] != n or F.shape[0] < 2:
        raise InvalidProblem(
            f"F is {F.shape[0]} by {F.shape[1]}", pointer=f"{pointer}/F", hint=f"at least 2 rows and {n} columns"
        )
    return SecondOrderCone(F, finite_vector(cone.g, F.shape[0], f"{pointer}/g"))


def _sos(group: SpecialOrderedSet, n: int, pointer: str) -> SpecialOrderedSet:
    if group.type not in (1, 2):
        raise InvalidProblem(f"a special ordered set of type {group.type!r}", pointer=f"{pointer}/type", hint="1 or 2")
    indices = variable_indices(group.indices, n, f"{pointer}/indices")
    if not indices.size:
        raise InvalidProblem("a special ordered set without variables", pointer=f"{pointer}/indices")
    weights = finite_vector(group.weights, indices.size, f"{pointer}/weights")
    if np.unique(weights).size != weights.size:
        raise InvalidProblem("the weights of a special ordered set must differ", pointer=f"{pointer}/weights")
    return SpecialOrderedSet(group.type, indices, weights)


def _indicator(
    one: Indicator, integrality: np.ndarray, lower: np.ndarray, upper: np.ndarray, pointer: str
) -> Indicator:
    n = integrality.shape[0]
    j = int(variable_indices([one.binary], n, f"{pointer}/binary")[0])
    if integrality[j] != INTEGER or lower[j] < 0 or upper[j] > 1:
        raise InvalidProblem(
            f"variable {j} of an indicator is not binary",
            pointer=f"{pointer}/binary",
            hint="an integer variable with bounds within 0 and 1",
        )
    if one.active not in (0, 1):
        raise InvalidProblem(f"active is {one.active!r}", pointer=f"{pointer}/active", hint="0 or 1")
    indices = variable_indices(one.indices, n, f"{pointer}/indices")
    coefficients = finite_vector(one.coefficients, indices.size, f"{pointer}/coefficients")
    require_name(one.name, f"{pointer}/name")
    low = float(bounds([one.lower], 1, -math.inf, f"{pointer}/lower")[0])
    high = float(bounds([one.upper], 1, math.inf, f"{pointer}/upper")[0])
    if low > high:
        raise InvalidProblem(f"lower bound {low} is above upper bound {high}", pointer=f"{pointer}/lower")
    return Indicator(j, one.active, indices, coefficients, low, high, one.name)


def _nonlinear(nonlinear: Nonlinear, n: int, m: int) -> Nonlinear | None:
    rows: Mapping[int, Expression] = nonlinear.rows
    parts = [("/nonlinear/objective", nonlinear.objective)] if nonlinear.objective is not None else []
    for i, expression in rows.items():
        if not 0 <= i < m:
            raise InvalidProblem(f"there is no row {i}", pointer=f"/nonlinear/rows/{i}", hint=f"0 to {m - 1}")
        parts.append((f"/nonlinear/rows/{i}", expression))
    for pointer, expression in parts:
        _require_sound(expression, n, pointer)
    return nonlinear if parts else None


def _require_sound(expression: Expression, n: int, pointer: str) -> None:
    for node in postorder(expression):
        if node.op == "const":
            finite_number(node.value, pointer, "a constant")
        elif node.op == "var":
            if not 0 <= node.index < n:
                raise InvalidProblem(f"there is no variable {node.index}", pointer=pointer, hint=f"0 to {n - 1}")
        elif node.op not in OPERATORS:
            raise InvalidProblem(f"unknown operator {node.op!r}", pointer=pointer, hint=" ".join(OPERATORS))
        else:
            least, most, _ = OPERATORS[node.op]
            if len(node.args) < least or (most is not None and len(node.args) > most):
                raise InvalidProblem(f"operator {node.op!r} with {len(node.args)} operands", pointer=pointer)
    if expanded_size(expression) > MAX_EXPRESSION_SIZE:
        raise InvalidProblem("an expression that is too large when its shared parts are written out", pointer=pointer)
