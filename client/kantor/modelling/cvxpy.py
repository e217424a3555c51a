"""cvxpy: reduced by cvxpy's own chain to a linear or quadratic objective, rows, bounds and second-order cones; the
answer goes back through the same chain, so that variables, duals and status are set as after ``problem.solve()``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cvxpy as cp
import cvxpy.settings as names
import numpy as np
from cvxpy.constraints.nonpos import NonNeg
from cvxpy.constraints.second_order import SOC
from cvxpy.constraints.zero import Zero
from cvxpy.error import DCPError, SolverError
from cvxpy.reductions.solution import Solution, failure_solution
from cvxpy.reductions.solvers import utilities
from cvxpy.reductions.solvers.conic_solvers.conic_solver import ConicSolver

from kantor.modelling import unsupported, usable_names
from kantor.program import Program

if TYPE_CHECKING:
    from kantor.answer import Answer

_STATUS = {
    "optimal": names.OPTIMAL,
    "feasible": names.USER_LIMIT,
    "infeasible": names.INFEASIBLE,
    "unbounded": names.UNBOUNDED,
    "infeasible-or-unbounded": names.INFEASIBLE_OR_UNBOUNDED,
    "imprecise": names.OPTIMAL_INACCURATE,
}


class Reduction(ConicSolver):
    """Tells cvxpy what a program may have. It solves nothing itself."""

    MIP_CAPABLE = True
    BOUNDED_VARIABLES = True
    SUPPORTED_CONSTRAINTS: list[Any] = [Zero, NonNeg, SOC]  # noqa: RUF012
    MI_SUPPORTED_CONSTRAINTS = [Zero, NonNeg, SOC]  # noqa: RUF012

    def name(self) -> str:
        return "KANTOR"

    def import_solver(self) -> None:
        """There is nothing to import."""

    def cite(self, data: Any) -> str:  # noqa: ARG002
        return ""

    def supports_quad_obj(self) -> bool:
        return True

    def apply(self, problem: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, inverse = super().apply(problem)  # type: ignore[no-untyped-call]
        data[names.BOOL_IDX] = [int(place[0]) for place in problem.x.boolean_idx]
        data[names.INT_IDX] = [int(place[0]) for place in problem.x.integer_idx]
        return data, inverse

    def solve_via_data(self, *_: Any, **__: Any) -> Any:
        raise SolverError("kantor.Program.from_cvxpy only reads the problem; solve the program with a kantor.Client")

    def invert(self, result: tuple[Answer, float], inverse: dict[str, Any]) -> Solution:
        """``result``: the answer, and 1 for minimization or -1."""
        answer, sign = result
        status = _STATUS.get(answer.status, names.SOLVER_ERROR)
        attributes = {
            names.SOLVE_TIME: (answer.job.summary.seconds if answer.job.summary else None),
            names.EXTRA_STATS: answer.statistics,
        }
        duals = self._duals(answer, sign, inverse)
        if answer.primal is None:
            return failure_solution(status, attributes, duals)
        objective = math.nan if answer.objective is None else sign * answer.objective
        return Solution(status, objective, {inverse[self.VAR_ID]: np.asarray(answer.primal)}, duals, attributes)

    def _duals(self, answer: Answer, sign: float, inverse: dict[str, Any]) -> dict[Any, Any]:
        """cvxpy's multipliers z satisfy c + Px + A'z = 0 with z in the dual cone: the negative of a row's dual in a
        minimization."""
        if answer.duals is None:
            return {}
        rows = -sign * np.asarray(answer.duals)
        cones = [np.asarray(dual) for dual in answer.cone_duals or []]
        dims = inverse[self.DIMS]
        if sum(len(cone) for cone in cones) != sum(dims.soc):
            return {}
        z = np.concatenate([rows, *cones])
        found: dict[Any, Any] = utilities.get_dual_values(
            z[: dims.zero], utilities.extract_dual_value, inverse[self.EQ_CONSTR]
        )
        return found | utilities.get_dual_values(z[dims.zero :], utilities.extract_dual_value, inverse[self.NEQ_CONSTR])


@dataclass
class CvxpyOrigin:
    model: Any
    chain: Any
    inverse: Any
    sign: float
    places: dict[int, int]

    def value(self, answer: Answer, item: Any) -> Any:
        """An array of the variable's shape, or a number. Loads nothing into the model."""
        if not isinstance(item, cp.Variable) or item.id not in {variable.id for variable in self.model.variables()}:
            raise KeyError(f"{item!r:.80} is not a variable of this cvxpy problem")
        answer[:]  # raises NoPoint
        solution = self.chain.invert((answer, self.sign), self.inverse)
        value = np.asarray(solution.primal_vars[item.id])
        return value.item() if item.shape == () else value.reshape(item.shape, order="F")

    def load(self, answer: Answer) -> None:
        self.model.unpack_results((answer, self.sign), self.chain, self.inverse)


def to_program(problem: Any) -> Program:
    """A ``cvxpy.Problem`` that follows the rules of disciplined convex programming, possibly with integers."""
    try:
        data, chain, inverse = problem.get_problem_data(Reduction())
    except DCPError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise unsupported(
            "cvxpy",
            f"something that is not convex by cvxpy's rules ({' '.join(lines[:4])})",
            "kantor.Minimize takes functions that are not convex",
        ) from None
    except SolverError:
        raise unsupported(
            "cvxpy",
            "cones that are neither linear nor of second order (exponentials, logarithms, semidefinite matrices)",
            "kantor.Minimize takes exponentials and logarithms",
        ) from None
    sign = -1.0 if isinstance(problem.objective, cp.Maximize) else 1.0
    dims = data[ConicSolver.DIMS]
    A, b = data[names.A].tocsr(), np.asarray(data[names.B])
    linear = dims.zero + dims.nonneg
    n = A.shape[1]
    cones = []
    start = linear
    for size in dims.soc:
        cones.append((-A[start : start + size], b[start : start + size]))
        start += size
    kinds = np.zeros(n, dtype=np.int8)
    kinds[data[names.BOOL_IDX] + data[names.INT_IDX]] = 1
    lower = np.full(n, -np.inf) if data[names.LOWER_BOUNDS] is None else np.array(data[names.LOWER_BOUNDS], dtype=float)
    upper = np.full(n, np.inf) if data[names.UPPER_BOUNDS] is None else np.array(data[names.UPPER_BOUNDS], dtype=float)
    binary = data[names.BOOL_IDX]
    lower[binary], upper[binary] = np.maximum(lower[binary], 0.0), np.minimum(upper[binary], 1.0)
    P = data.get(names.P)
    parameters = data[names.PARAM_PROB]
    program = Program(
        sense="max" if sign < 0 else "min",
        objective=sign * np.asarray(data[names.C]),
        offset=sign * float(inverse[-1][names.OFFSET]),
        Q=None if P is None or P.nnz == 0 else sign * P,
        A=A[:linear] if linear else None,
        row_lower=np.concatenate([b[: dims.zero], np.full(dims.nonneg, -np.inf)]) if linear else None,
        row_upper=b[:linear] if linear else None,
        lower=lower,
        upper=upper,
        integrality=kinds if kinds.any() else None,
        cones=cones,
        variable_names=_names(parameters, problem, n),
    )
    program.origin = CvxpyOrigin(problem, chain, inverse, sign, dict(parameters.var_id_to_col))
    return program


def _names(parameters: Any, problem: Any, n: int) -> list[str]:
    """``x``, ``x[3]`` or ``x[1,2]``; variables that cvxpy's reductions added begin with ``_``."""
    own = {variable.id for variable in problem.variables()}
    result = [""] * n
    for variable in parameters.variables:
        start = parameters.var_id_to_col[variable.id]
        stem = variable.name() if variable.id in own else f"_{variable.name()}"
        for k in range(variable.size):
            place = np.unravel_index(k, variable.shape, order="F") if variable.shape else ()
            result[start + k] = f"{stem}[{','.join(str(int(i)) for i in place)}]" if variable.shape else stem
    return usable_names(result)
