"""Why a program has no answer: rays, which of infeasible and unbounded it is, and the cheapest relaxation. By HiGHS."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from solvers.programs.answer import Relaxation, Status
from solvers.programs.engines.highs_answer import dual_ray, primal_ray
from solvers.programs.engines.highs_oracle import Oracle, quiet, renew_time
from solvers.programs.engines.points import row_activity
from solvers.programs.engines.rays import cleaned, farkas_excess
from solvers.programs.engines.settings import Settings
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import SEMI_CONTINUOUS, Program

if TYPE_CHECKING:
    from highspy import Highs


def settle(
    highs: Highs, problem: Program, watch: Watch, settings: Settings, status: Status, found: dict[str, Any]
) -> Status:
    """Put the ray into ``found`` and decide between infeasible and unbounded where HiGHS could not.

    For a discrete program the dual ray is that of its relaxation, if that is infeasible too; a primal ray is claimed
    together with a feasible point only.
    """
    if status != "unbounded":
        renew_time(highs, watch)
        ray = dual_ray(highs, problem)
        if ray is None and status == "infeasible":
            ray = _elastic_ray(problem, watch, settings)
        if ray is not None:
            found["dual_ray"] = ray
            return "infeasible"
    if status == "infeasible":
        return status
    verdict, point = _any_point(problem, watch, settings)
    if verdict:
        return "infeasible"
    renew_time(highs, watch)
    if problem.Q is None:
        ray = primal_ray(highs, problem)
        if ray is not None:
            found["primal_ray"] = ray
    if point is not None:
        found.update(x=point, objective=problem.objective_at(point), row_activity=row_activity(problem, point))
        return "unbounded" if status == "unbounded" or "primal_ray" in found else status
    return status


def _any_point(problem: Program, watch: Watch, settings: Settings) -> tuple[bool | None, np.ndarray | None]:
    """Infeasible or not (None: not found out in time), and a feasible point, by solving without an objective."""
    oracle = Oracle(problem, watch, settings)
    verdict = oracle.infeasible()
    return verdict, oracle.point() if verdict is False else None


def cheapest_relaxation(problem: Program, watch: Watch, settings: Settings) -> Relaxation | None:
    """The least sum of violations of rows and bounds (each weighs 1), or None if time runs out first.

    Integrality, and the bounds of semi-variables, are kept.
    """
    import highspy

    elastic = _elastic(problem, bounds=True)
    highs = quiet(elastic, settings)
    renew_time(highs, watch)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    x = np.array(highs.getSolution().col_value)[: problem.n]
    rows = _moves(row_activity(problem, x), problem.row_lower, problem.row_upper, settings["primal_tolerance"])
    semi = problem.integrality >= SEMI_CONTINUOUS
    low, high = np.where(semi, -np.inf, problem.lower), np.where(semi, np.inf, problem.upper)
    bounds = _moves(x, low, high, settings["primal_tolerance"])
    total = sum(abs(amount) for amount in (*rows.values(), *bounds.values()))
    return Relaxation(violation=float(total), rows=rows, bounds=bounds)


def _elastic_ray(problem: Program, watch: Watch, settings: Settings) -> np.ndarray | None:
    """Farkas multipliers from the duals of the least violation of the rows: they exist also where HiGHS has no ray."""
    import highspy

    continuous = replace(problem, integrality=np.zeros(problem.n, dtype=np.uint8))
    highs = quiet(_elastic(continuous, bounds=False), settings)
    highs.setOptionValue("primal_feasibility_tolerance", 1e-9)
    highs.setOptionValue("dual_feasibility_tolerance", 1e-9)
    renew_time(highs, watch)
    highs.run()
    solution = highs.getSolution()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal or not solution.dual_valid:
        return None
    ray = np.array(solution.row_dual)
    return cleaned(problem, ray) if farkas_excess(continuous, ray) > 0.0 else None


def _elastic(problem: Program, *, bounds: bool) -> Program:
    """The program with a penalized variable for every finite side of a row (and bound), and no other objective."""
    n, m = problem.n, problem.m
    finite = np.isfinite(problem.lower) | np.isfinite(problem.upper)
    bounded = np.flatnonzero((problem.integrality < SEMI_CONTINUOUS) & finite & bounds)
    A = sp.vstack([problem.A, sp.eye_array(n, format="csr")[bounded]], format="csr")
    low = np.concatenate([problem.row_lower, problem.lower[bounded]])
    high = np.concatenate([problem.row_upper, problem.upper[bounded]])
    unit = sp.eye_array(m + bounded.size, format="csc")
    up, down = np.flatnonzero(np.isfinite(low)), np.flatnonzero(np.isfinite(high))
    extra = up.size + down.size
    free_low, free_high = problem.lower.copy(), problem.upper.copy()
    free_low[bounded], free_high[bounded] = -np.inf, np.inf
    return Program(
        sense="min",
        c=np.concatenate([np.zeros(n), np.ones(extra)]),
        offset=0.0,
        Q=None,
        A=sp.csr_array(sp.hstack([A, unit[:, up], -unit[:, down]], format="csr")),
        row_lower=low,
        row_upper=high,
        lower=np.concatenate([free_low, np.zeros(extra)]),
        upper=np.concatenate([free_high, np.full(extra, np.inf)]),
        integrality=np.concatenate([problem.integrality, np.zeros(extra, dtype=np.uint8)]),
    )


def _moves(values: np.ndarray, low: np.ndarray, high: np.ndarray, tolerance: float) -> dict[int, float]:
    """Index to signed amount by which a side must move to admit the value."""
    amount = np.where(values < low, values - low, np.where(values > high, values - high, 0.0))
    return {int(k): float(amount[k]) for k in np.flatnonzero(np.abs(amount) > tolerance / 10)}
