"""HiGHS' result in our words: status, point, duals, basis, ranging, rays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.programs.answer import BASIC, Basis, Limit, Ranging, Solution, Status
from solvers.programs.engines.highs_model import basis_of
from solvers.programs.engines.points import Point, accurate, dual_bound, point_at, reduced_costs_of
from solvers.programs.engines.rays import cleaned, farkas_excess, ray_without_rows
from solvers.programs.engines.settings import Settings
from solvers.programs.problem import Program

if TYPE_CHECKING:
    from highspy import Highs, HighsInfo, HighsModelStatus

_FEASIBLE = 2  # kSolutionStatusFeasible


def outcome(highs: Highs, settings: Settings) -> tuple[Status | None, Limit | None]:
    """Status and limit; the status is None where it depends on whether there is a feasible point."""
    import highspy

    S = highspy.HighsModelStatus
    status = highs.getModelStatus()
    ends: dict[HighsModelStatus, tuple[Status | None, Limit | None]] = {
        S.kOptimal: ("optimal", None),
        S.kModelEmpty: ("optimal", None),
        S.kInfeasible: ("infeasible", None),
        S.kUnbounded: ("unbounded", None),
        S.kUnboundedOrInfeasible: ("infeasible-or-unbounded", None),
        S.kObjectiveBound: (None, "cutoff"),
        S.kObjectiveTarget: (None, "objective"),
        S.kTimeLimit: (None, "time"),
        S.kIterationLimit: (None, "iterations"),
        S.kMemoryLimit: (None, "memory"),
        S.kInterrupt: (None, "cancelled"),
        S.kUnknown: (None, "slow-progress"),
    }
    if status == S.kSolutionLimit:
        nodes = settings["node_limit"]
        spent = nodes is not None and highs.getInfo().mip_node_count >= nodes
        return None, "nodes" if spent or settings["solution_limit"] is None else "solutions"
    return ends.get(status, ("error", None))


def parts(highs: Highs, problem: Program, settings: Settings, status: Status | None) -> dict[str, Any]:
    """Point, bound, duals, basis, ranging and statistics: everything of the answer that HiGHS holds after its run."""
    info = highs.getInfo()
    found: dict[str, Any] = {"statistics": _statistics(highs, info, problem)}
    solution = highs.getSolution()
    if problem.discrete:
        bound = info.mip_dual_bound
        if math.isfinite(bound) and abs(bound) < 1e200 and status not in ("infeasible", "unbounded"):
            found["bound"] = float(bound)
    if not solution.value_valid or status in ("infeasible", "unbounded", "infeasible-or-unbounded"):
        return found
    usable = info.primal_solution_status == _FEASIBLE
    point = point_at(problem, np.array(solution.col_value), integrality_tolerance=settings["integrality_tolerance"])
    if usable or status == "optimal":
        found.update(x=point.x, objective=point.objective, row_activity=point.activity)
        found["violation"] = point.violation
    if problem.discrete:
        return found
    if solution.dual_valid:
        found.update(_duals(problem, point, solution, settings, claimed=status == "optimal"))
    if status == "optimal" and problem.Q is None:  # the optimum of a quadratic program need not be at a vertex
        found["basis"] = basis_of(highs, problem)
        if settings["ranging"] and found["basis"] is not None:
            found["ranging"] = ranging(highs, problem, found["basis"])
    return found


def _duals(problem: Program, point: Point, solution: Any, settings: Settings, *, claimed: bool) -> dict[str, Any]:
    y, d = np.array(solution.row_dual) + 0.0, np.array(solution.col_dual) + 0.0
    if problem.Q is not None:  # HiGHS' active-set method leaves reduced costs that are not those of its duals
        d = reduced_costs_of(problem, point.x, y)
    bound = dual_bound(problem, point, y, d)
    found: dict[str, Any] = {}
    if bound.violation <= settings["dual_tolerance"]:
        sign = 1.0 if problem.sense == "min" else -1.0
        # the bound of duals that are optimal within tolerances may lie a rounding beyond the objective
        exceeds = sign * (bound.value - point.objective) > 0.0
        found["bound"] = point.objective if claimed and exceeds else bound.value
    if claimed:
        found.update(row_duals=y, reduced_costs=d)
        found["accurate"] = accurate(point, bound, primal=settings["primal_tolerance"], dual=settings["dual_tolerance"])
    return found


def _statistics(highs: Highs, info: HighsInfo, problem: Program) -> dict[str, Any]:
    counts = {
        "simplex_iterations": info.simplex_iteration_count,
        "ipm_iterations": info.ipm_iteration_count,
        "crossover_iterations": info.crossover_iteration_count,
        "pdlp_iterations": info.pdlp_iteration_count,
        "qp_iterations": info.qp_iteration_count,
    }
    found: dict[str, Any] = {name: int(count) for name, count in counts.items() if count > 0}
    found["iterations"] = sum(found.values())
    found["seconds"] = highs.getRunTime()
    if problem.discrete:
        found["nodes"] = max(0, int(info.mip_node_count))
        if math.isfinite(info.primal_dual_integral) and info.primal_dual_integral >= 0:
            found["primal_dual_integral"] = info.primal_dual_integral
    return found


def ranging(highs: Highs, problem: Program, basis: Basis) -> Ranging | None:
    """Sensitivity ranges of the optimal basis, or None if HiGHS has none. A basic row or variable has
    no active side: its range is infinite."""
    _, given = highs.getRanging()
    if not given.valid:
        return None
    n, m = problem.n, problem.m
    inactive_rows, inactive_bounds = basis.rows == BASIC, basis.variables == BASIC
    return Ranging(
        cost_down=_limits(given.col_cost_dn, n),
        cost_up=_limits(given.col_cost_up, n),
        row_down=np.where(inactive_rows, -np.inf, _limits(given.row_bound_dn, m)),
        row_up=np.where(inactive_rows, np.inf, _limits(given.row_bound_up, m)),
        bound_down=np.where(inactive_bounds, -np.inf, _limits(given.col_bound_dn, n)),
        bound_up=np.where(inactive_bounds, np.inf, _limits(given.col_bound_up, n)),
    )


def _limits(record: Any, size: int) -> np.ndarray:
    return np.array(record.value_[:size], dtype=np.float64)


def dual_ray(highs: Highs, problem: Program) -> np.ndarray | None:
    """Farkas multipliers of the rows of an infeasible program (of its relaxation, if discrete), with our sign, or None.

    HiGHS solves again without presolve and costs where it has to.
    """
    if not problem.m:
        return None
    ray: np.ndarray
    _, there, ray = highs.getDualRay()
    if not there or not np.isfinite(ray).all():
        return None
    for candidate in (ray, -ray):
        if farkas_excess(problem, candidate) > 0.0:
            return cleaned(problem, candidate)
    return None


def primal_ray(highs: Highs, problem: Program) -> np.ndarray | None:
    """A direction in which the objective improves without end, or None if HiGHS finds none."""
    sign = 1.0 if problem.sense == "min" else -1.0
    if not problem.m:
        return ray_without_rows(problem)
    ray: np.ndarray
    _, there, ray = highs.getPrimalRay()
    if not there or not np.isfinite(ray).all():
        return None
    for candidate in (ray, -ray):
        if sign * float(problem.c @ candidate) < 0.0:
            return candidate + 0.0
    return None


def improving_pool(pool: list[Solution], problem: Program, best: np.ndarray | None) -> tuple[Solution, ...]:
    """The pool without the answer's own point, with the objective values of our own arithmetic."""
    others = []
    for solution in pool:
        point = point_at(problem, solution.x, integrality_tolerance=1e-6)
        if best is None or not np.array_equal(point.x, best):
            others.append(Solution(point.objective, point.x))
    return tuple(others)
