"""A program as a pyscipopt model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from solvers.programs.engines.scip_expressions import to_scip
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

if TYPE_CHECKING:
    from pyscipopt import Constraint, Model, Variable


@dataclass
class ScipModel:
    """The model with what is needed to read answers back.

    Attributes:
        variables: the n variables of the program, in its order.
        rows: the constraint of each row that has one; rows without a finite side have none.
        auxiliary: the model has variables that the program does not have (their values in a warm start are unknown).
    """

    model: Model
    variables: list[Variable]
    rows: dict[int, Constraint] = field(default_factory=dict)
    auxiliary: bool = False


def build(problem: Program) -> ScipModel:
    """The model. Names are positional (``x3``, ``c7``): the user's may hold what SCIP does not take.

    Raises:
        UnsupportedProblem: a nonlinear operator that SCIP lacks.
    """
    import pyscipopt

    model = pyscipopt.Model(problem.name or "program")
    model.hideOutput()
    built = ScipModel(model, _variables(model, problem))
    _rows(built, problem)
    _objective(built, problem)
    _semi_variables(built, problem)
    _special(built, problem)
    _cones(built, problem)
    return built


def _variables(model: Model, problem: Program) -> list[Variable]:
    semi = problem.integrality >= SEMI_CONTINUOUS
    low = np.where(semi, np.minimum(problem.lower, 0.0), problem.lower)
    high = np.where(semi, np.maximum(problem.upper, 0.0), problem.upper)
    whole = (problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER)
    binary = whole & (low >= 0.0) & (high <= 1.0)
    kinds = np.where(binary, "B", np.where(whole, "I", "C")).tolist()
    infinity = model.infinity()
    low, high = np.maximum(low, -infinity), np.minimum(high, infinity)
    data = zip(kinds, low.tolist(), high.tolist(), problem.c.tolist(), strict=True)
    return [model.addVar(f"x{j}", vtype=k, lb=a, ub=b, obj=cost) for j, (k, a, b, cost) in enumerate(data)]


def _rows(built: ScipModel, problem: Program) -> None:
    from pyscipopt.scip import Expr, ExprCons, Term

    A, nonlinear = problem.A, problem.nonlinear.rows if problem.nonlinear is not None else {}
    terms = [Term(variable) for variable in built.variables]
    starts, columns, values = A.indptr.tolist(), A.indices.tolist(), A.data.tolist()
    low, high = problem.row_lower.tolist(), problem.row_upper.tolist()
    for i in range(problem.m):
        a, b = starts[i], starts[i + 1]
        sides = _sides(low[i], high[i])
        if sides is None:
            continue
        linear = Expr(dict(zip([terms[j] for j in columns[a:b]], values[a:b], strict=True)))
        if i in nonlinear:
            added = to_scip(nonlinear[i], built.variables, f"/nonlinear/rows/{i}")
            built.rows[i] = built.model.addCons(_constraint(linear + added, *sides), name=f"c{i}")
        elif a == b and not (low[i] <= 0.0 <= high[i]):
            nothing = built.model.addVar(lb=0.0, ub=0.0)  # an empty row that cannot hold: SCIP needs a variable in it
            built.rows[i] = built.model.addCons(ExprCons(1.0 * nothing, *sides), name=f"c{i}")
        elif a < b:
            built.rows[i] = built.model.addCons(ExprCons(linear, *sides), name=f"c{i}")


def _sides(low: float, high: float) -> tuple[float | None, float | None] | None:
    left, right = (None if low == -np.inf else low), (None if high == np.inf else high)
    return None if left is None and right is None else (left, right)


def _constraint(expression: Any, left: float | None, right: float | None) -> Any:
    from pyscipopt.scip import ExprCons

    return ExprCons(expression, left, right)


def _objective(built: ScipModel, problem: Program) -> None:
    """SCIP's objective is linear: nonlinear parts go into a row that bounds a new variable."""
    model = built.model
    parts: list[Any] = []
    if problem.Q is not None and problem.Q.nnz:
        parts.append(_quadratic(built.variables, problem.Q))
    if problem.nonlinear is not None and problem.nonlinear.objective is not None:
        parts.append(to_scip(problem.nonlinear.objective, built.variables, "/nonlinear/objective"))
    if parts:
        built.auxiliary = True
        value = model.addVar("objective", lb=None, ub=None, obj=1.0)
        whole = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        gap = whole - value
        model.addCons(_constraint(gap, None, 0.0) if problem.sense == "min" else _constraint(gap, 0.0, None))
    if problem.sense == "max":
        model.setMaximize()
    else:
        model.setMinimize()
    if problem.offset:
        model.addObjoffset(problem.offset)


def _quadratic(variables: list[Variable], Q: sp.csr_array) -> Any:
    from pyscipopt.scip import Expr, Term

    upper = sp.coo_array(sp.triu(Q))
    terms: dict[Any, float] = {}
    for i, j, value in zip(upper.row.tolist(), upper.col.tolist(), upper.data.tolist(), strict=True):
        terms[Term(variables[i], variables[j])] = 0.5 * value if i == j else value
    return Expr(terms)


def _semi_variables(built: ScipModel, problem: Program) -> None:
    """``x = 0 or lower <= x <= upper`` by a binary variable, with indicators where a bound is infinite."""
    model = built.model
    semi = (problem.integrality >= SEMI_CONTINUOUS) & ~((problem.lower <= 0.0) & (problem.upper >= 0.0))
    for j in np.flatnonzero(semi).tolist():
        built.auxiliary = True
        x, low, high = built.variables[j], float(problem.lower[j]), float(problem.upper[j])
        used = model.addVar(f"used{j}", vtype="B")
        for bound, least in ((low, True), (high, False)):
            if np.isfinite(bound):
                model.addCons(x >= bound * used if least else x <= bound * used)
        if not np.isfinite(high):
            model.addConsIndicator(x <= 0.0, used, activeone=False)
        if not np.isfinite(low):
            model.addConsIndicator(x >= 0.0, used, activeone=False)


def _special(built: ScipModel, problem: Program) -> None:
    from pyscipopt.scip import Expr, ExprCons, Term

    model, x = built.model, built.variables
    for one in problem.sos:
        members, weights = [x[j] for j in one.indices.tolist()], one.weights.tolist()
        if one.type == 1:
            model.addConsSOS1(members, weights)
        else:
            model.addConsSOS2(members, weights)
    for indicator in problem.indicators:
        terms = {
            Term(x[j]): a for j, a in zip(indicator.indices.tolist(), indicator.coefficients.tolist(), strict=True)
        }
        for left, right in ((indicator.lower, None), (None, indicator.upper)):
            side = left if right is None else right
            if side is not None and np.isfinite(side):
                row = ExprCons(Expr(dict(terms)), left, right)
                model.addConsIndicator(row, x[indicator.binary], activeone=indicator.active == 1)


def _cones(built: ScipModel, problem: Program) -> None:
    """``||(Fx + g)[1:]|| <= (Fx + g)[0]`` as squares of variables that stand for the entries of ``Fx + g``."""
    model = built.model
    for cone in problem.cones:
        built.auxiliary = True
        entries = [_affine(built, cone.F, cone.g, k) for k in range(cone.g.size)]
        model.addCons(entries[0] >= 0.0)
        squares: Any = -1.0 * entries[0] * entries[0]
        for entry in entries[1:]:
            squares = squares + entry * entry
        model.addCons(_constraint(squares, None, 0.0))


def _affine(built: ScipModel, F: sp.csr_array, g: np.ndarray, k: int) -> Any:
    row = slice(F.indptr[k], F.indptr[k + 1])
    columns, values = F.indices[row].tolist(), F.data[row].tolist()
    if len(columns) == 1 and values[0] == 1.0 and g[k] == 0.0:
        return built.variables[columns[0]]
    entry = built.model.addVar(lb=None, ub=None)
    total: Any = float(g[k]) - 1.0 * entry
    for j, value in zip(columns, values, strict=True):
        total = total + value * built.variables[j]
    built.model.addCons(_constraint(total, 0.0, 0.0))
    return entry
