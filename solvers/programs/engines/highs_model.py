"""A program handed to HiGHS: matrices by arrays, options, warm start."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import EngineFailure, UnsupportedProblem
from solvers.programs.answer import AT_LOWER, AT_UPPER, BASIC, FIXED, FREE, Basis
from solvers.programs.engines.settings import Settings, can_solve
from solvers.programs.problem import SEMI_CONTINUOUS, Program

if TYPE_CHECKING:
    from highspy import Highs

#: HiGHS silently replaces larger upper bounds of semi-continuous variables by this one (kMaxSemiVariableUpper).
LARGEST_SEMI_UPPER = 1e5

#: Pure linear programs up to this size are solved without presolve, which would take longer than the solve.
TINY_ROWS_AND_COLUMNS, TINY_NONZEROS = 100, 1000

_ROWWISE, _TRIANGULAR = 2, 1
_SOLVERS = {"simplex": "simplex", "primal-simplex": "simplex", "dual-simplex": "simplex", "ipm": "ipm", "pdlp": "pdlp"}
DUAL_SIMPLEX, PRIMAL_SIMPLEX = 1, 4

_scheduler_lock = threading.Lock()
_scheduler_threads = 0


def refuse_semi_variables(problem: Program) -> None:
    """HiGHS takes ``x = 0 or lower <= x <= upper`` only with ``0 <= lower`` and ``upper <= 1e5``."""
    semi = (problem.integrality >= SEMI_CONTINUOUS) & ~((problem.lower <= 0.0) & (problem.upper >= 0.0))
    bad = semi & ((problem.lower < 0.0) | (problem.upper > LARGEST_SEMI_UPPER))
    if bad.any():
        j = int(np.argmax(bad))
        raise UnsupportedProblem(
            f"HiGHS takes semi-continuous variables with bounds from 0 to {LARGEST_SEMI_UPPER:g}; "
            f"{problem.variable_name(j)} has {problem.lower[j]:g} to {problem.upper[j]:g}",
            pointer=f"/upper/{j}",
            hint=f"give it a smaller upper bound; {can_solve(problem, but='highs')}",
        )


def integrality_for(problem: Program) -> np.ndarray:
    """Types by HiGHS' numbers. A semi-variable whose bounds contain 0 is an ordinary one: the two parts are one."""
    types = problem.integrality.astype(np.int32)
    plain = (types >= SEMI_CONTINUOUS) & (problem.lower <= 0.0) & (problem.upper >= 0.0)
    types[plain] -= SEMI_CONTINUOUS
    return types


def load(highs: Highs, problem: Program) -> None:
    """Give HiGHS the problem. Coefficients reach it as arrays, never one by one.

    Raises:
        UnsupportedProblem: a matrix entry beyond HiGHS' limits.
        EngineFailure: HiGHS refuses the model for another reason.
    """
    import highspy

    A = problem.A
    tiny = np.abs(A.data)
    if tiny.size and (tiny.min() <= 1e-12 or tiny.max() >= 1e15):
        raise UnsupportedProblem(
            f"HiGHS takes matrix entries between 1e-12 and 1e15; these lie between {tiny.min():g} and {tiny.max():g}",
            pointer="/A",
            hint="scale the rows or variables",
        )
    # the attributes of a HighsLp are filled number by number; this call takes whole arrays
    sense = 1 if problem.sense == "min" else -1
    sides = (problem.c, problem.lower, problem.upper, problem.row_lower, problem.row_upper)
    matrix = (A.indptr, A.indices, A.data)
    types = integrality_for(problem)
    status = highs.passModel(problem.n, problem.m, A.nnz, _ROWWISE, sense, problem.offset, *sides, *matrix, types)
    if problem.Q is not None and problem.Q.nnz and status != highspy.HighsStatus.kError:
        upper = sp.csr_array(sp.triu(problem.Q, format="csr"))  # by rows: the lower triangle by columns
        status = highs.passHessian(problem.n, upper.nnz, _TRIANGULAR, upper.indptr, upper.indices, upper.data)
    if status == highspy.HighsStatus.kError:
        raise EngineFailure("HiGHS refused the model (its log says why)")


def set_options(highs: Highs, problem: Program, settings: Settings, remaining: float) -> None:
    """All options of the solve.

    HiGHS' own tolerances are set ten times tighter than what the user accepts, since postsolve and unscaling add to
    them.
    """
    discrete = problem.discrete
    values: dict[str, Any] = {
        "time_limit": remaining,
        "mip_rel_gap": settings["relative_gap"],
        "mip_abs_gap": settings["absolute_gap"],
        "primal_feasibility_tolerance": max(1e-10, settings["primal_tolerance"] / 10),
        "dual_feasibility_tolerance": max(1e-10, settings["dual_tolerance"] / 10),
        "pdlp_optimality_tolerance": max(1e-10, settings["dual_tolerance"] / 10),
        "mip_feasibility_tolerance": max(1e-10, min(settings["integrality_tolerance"], settings["primal_tolerance"])),
        "small_matrix_value": 1e-12,
        "random_seed": settings["seed"],
        "threads": settings["threads"],
        "parallel": "on" if settings["threads"] > 1 else "off",
        "presolve": "on" if settings["presolve"] and not _is_tiny(problem) else "off",
        "mip_heuristic_effort": settings["heuristic_effort"],
        "mip_detect_symmetry": settings["detect_symmetry"],
        "run_crossover": "on" if settings["crossover"] else "off",
        "qp_regularization_value": 0.0,  # by default it solves a neighbouring program, whose duals are not ours
    }
    if settings["node_limit"] is not None:
        values["mip_max_nodes"] = settings["node_limit"]
    if settings["solution_limit"] is not None:
        values["mip_max_improving_sols"] = settings["solution_limit"]
    if settings["iteration_limit"] is not None and not discrete:
        for name in ("simplex_iteration_limit", "ipm_iteration_limit", "pdlp_iteration_limit", "qp_iteration_limit"):
            values[name] = min(settings["iteration_limit"], 2**31 - 1)
    if settings["objective_limit"] is not None and discrete:
        # HiGHS wants the objective to be strictly better than its target
        values["objective_target"] = np.nextafter(
            settings["objective_limit"], np.inf if problem.sense == "min" else -np.inf
        )
    method = settings["method"]
    if method in _SOLVERS and problem.Q is None:
        if discrete:
            values["mip_lp_solver"] = "ipm" if method == "ipm" else "simplex"
        else:
            values["solver"] = _SOLVERS[method]
            values["simplex_strategy"] = PRIMAL_SIMPLEX if method == "primal-simplex" else DUAL_SIMPLEX
    for name, value in values.items():
        highs.setOptionValue(name, value)


def _is_tiny(problem: Program) -> bool:
    return (
        problem.n + problem.m <= TINY_ROWS_AND_COLUMNS
        and problem.A.nnz <= TINY_NONZEROS
        and problem.features == {"linear"}
    )


def use_threads(threads: int) -> None:
    """HiGHS' scheduler is one for the process and keeps its first size: begin a new one when another size is wanted."""
    global _scheduler_threads
    import highspy

    with _scheduler_lock:
        if _scheduler_threads != threads:
            if _scheduler_threads:
                highspy.Highs.resetGlobalScheduler(True)
            _scheduler_threads = threads


def give_start(highs: Highs, problem: Program, settings: Settings) -> None:
    """Hand over the warm start: the basis if there is one, else the point (and duals)."""
    import highspy

    start = settings.start
    if start is None or not problem.n:
        return
    x = None if start.x is None else np.clip(start.x, problem.lower, problem.upper)
    if problem.discrete:
        if x is not None:
            if (problem.integrality >= SEMI_CONTINUOUS).any():
                x = np.where((problem.integrality >= SEMI_CONTINUOUS) & (start.x == 0.0), np.nan, x)
            known = np.flatnonzero(~np.isnan(x)).astype(np.int32)
            highs.setSolution(known.size, known, x[known])
        return
    if settings["method"] == "pdlp" or settings["method"] == "ipm":
        if x is not None and not np.isnan(x).any() and start.row_duals is not None:
            solution = highspy.HighsSolution()
            solution.col_value, solution.row_dual = x.tolist(), start.row_duals.tolist()
            highs.setSolution(solution)
        return
    basis = start.basis
    if basis is None and x is not None and not np.isnan(x).any():
        basis = _basis_near(problem, x)
    if basis is not None and problem.Q is None:
        highs.setBasis(_to_highs(basis, alien=start.basis is None))


def _basis_near(problem: Program, x: np.ndarray) -> Basis:
    """A guess from a point: what lies at a bound is nonbasic there, the rest is basic. HiGHS repairs it."""
    return Basis(
        _sides(x, problem.lower, problem.upper),
        _sides(problem.A @ x, problem.row_lower, problem.row_upper),
    )


def _sides(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    near = 1e-7 * np.maximum(1.0, np.abs(values))
    sides = np.full(values.shape, BASIC, dtype=np.int8)
    sides[high - values <= near] = AT_UPPER
    sides[values - low <= near] = AT_LOWER
    return sides


def _to_highs(basis: Basis, *, alien: bool) -> Any:
    import highspy

    S = highspy.HighsBasisStatus
    words = {BASIC: S.kBasic, AT_LOWER: S.kLower, AT_UPPER: S.kUpper, FREE: S.kZero, FIXED: S.kLower}
    given = highspy.HighsBasis()
    given.col_status = [words[s] for s in basis.variables.tolist()]
    given.row_status = [words[s] for s in basis.rows.tolist()]
    given.valid = True
    given.alien = alien
    return given


def basis_of(highs: Highs, problem: Program) -> Basis | None:
    """HiGHS' basis in our words; FIXED where both sides are equal."""
    # getBasicVariables would be quicker, but crashes in HiGHS 1.14 after an interior-point solve
    given = highs.getBasis()
    if not given.valid:
        return None
    return Basis(
        _from_highs(given.col_status, problem.lower == problem.upper),
        _from_highs(given.row_status, problem.row_lower == problem.row_upper),
    )


#: By HiGHS' numbers: lower, basic, upper, zero, nonbasic.
_STATUSES = np.array([AT_LOWER, BASIC, AT_UPPER, FREE, AT_LOWER], dtype=np.int8)


def _from_highs(statuses: list[Any], fixed: np.ndarray) -> np.ndarray:
    words = _STATUSES[np.fromiter(map(int, statuses), dtype=np.int8, count=len(statuses))]
    words[fixed & (words != BASIC)] = FIXED
    return words
