"""Interior point with a filter line search: Ipopt (Waechter, Biegler 2006), with exact sparse derivatives.

Ipopt is given Hessian and Jacobian in the pattern of their nonzeros, found by differentiating at a few random points
(an entry that is zero at all of them is zero, but for coincidences of measure zero). Columns that share no row are
differentiated together (Curtis, Powell, Reid 1974): one product gives a whole group of them.

Floor: an iteration is one factorization of the sparse first-order system and as many Hessian products as there are
groups of columns: 1 for separable functions, 3 for tridiagonal ones, n for dense ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import ipyopt
import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.onelevel import rays
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.engines.patterns import Derivatives
from solvers.onelevel.engines.redundant import redundant
from solvers.onelevel.kkt import Point, multipliers_by_constraint, polished, residual
from solvers.onelevel.options import STARTS
from solvers.onelevel.problem import Minimize
from solvers.onelevel.run import Run, started

SPEC = EngineSpec(
    id="ipopt",
    family="minimize",
    version=version("ipyopt"),
    title="Ipopt",
    summary="Smooth functions with nonlinear constraints, also large sparse ones.",
    solves=frozenset({"bounds", "constraints", "general"}),
    capabilities=frozenset({"warm-start", "duals", "deterministic"}),
    options=(
        STARTS,
        Option(
            "mu_strategy",
            "string",
            "auto",
            "How Ipopt lowers its barrier; auto: monotone, then what else there is while no solution is found",
            choices=("auto", "monotone", "adaptive"),
        ),
        Option("hessian", "string", "auto", "Exact, or by quasi-Newton", choices=("auto", "exact", "limited-memory")),
        Option("max_iter", "integer", 3000, "Ipopt's own limit of iterations", minimum=1),
    ),
    process_group="torch",
    requires=("torch", "ipyopt"),
    citation="Waechter, Biegler, Math. Program. 106 (2006) 25-57",
)

_NONE = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

#: Ipopt's infinity.
INFINITE = 2e19
#: Products with the Hessian in one iteration above which quasi-Newton is taken.
MOST_GROUPS = 500
#: Ipopt's return codes; others are failures with a point.
SOLVED, ACCEPTABLE, INFEASIBLE = 0, 1, 2
GOOD = frozenset({SOLVED, ACCEPTABLE})
#: Iterations after which another way is tried: those that come to an end mostly do so in some dozens.
PATIENCE = 200


class Ipopt:
    """Implements ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Minimize, options: Mapping[str, Any], context: Context) -> MinimizeAnswer:
        run = Run(SPEC, problem, options, context)
        oracle = problem.oracle
        x = started(run, options)
        m, k = (oracle.values(which, x).size for which in (oracle.inequalities, oracle.equalities))
        idle = redundant(problem, x)
        derivatives = Derivatives(problem, run["seed"])
        exact = run["hessian"] == "exact" or (run["hessian"] == "auto" and derivatives.hessian_groups <= MOST_GROUPS)

        def value(at: np.ndarray) -> float:
            return oracle.value(at) if np.isfinite(at).all() else np.inf

        def gradient(at: np.ndarray, out: np.ndarray) -> None:
            out[:] = oracle.gradient(at)[1]

        def constraints(at: np.ndarray, out: np.ndarray) -> None:
            out[:m] = oracle.values(oracle.inequalities, at)
            out[m:] = oracle.values(oracle.equalities, at)

        def jacobian(at: np.ndarray, out: np.ndarray) -> None:
            out[:] = derivatives.jacobian(at)

        def hessian(at: np.ndarray, multipliers: np.ndarray, factor: float, out: np.ndarray) -> None:
            out[:] = derivatives.hessian(at, factor, multipliers[:m], multipliers[m:])

        def progress(
            _mode: int, count: int, objective: float, infeasible: float, dual: float, barrier: float, *_: Any
        ) -> bool:
            run.iterations = before + count
            context.report(
                iterations=run.iterations,
                objective=problem.signed(objective),
                violation=infeasible,
                stationarity=dual,
                penalty=barrier,
            )
            return not run.over()

        def attempt(way: _Way) -> tuple[Point, int]:
            settings: dict[str, Any] = {
                "print_level": 0,
                "sb": "yes",
                "tol": min(1e-8, 0.01 * float(run["tolerance"])),
                "constr_viol_tol": 0.1 * float(run["feasibility_tolerance"]),
                "acceptable_constr_viol_tol": float(run["feasibility_tolerance"]),
                "max_iter": way.iterations,
                # bounds are not loosened: the answer must keep them
                "bound_relax_factor": 0.0,
                "hessian_approximation": way.hessian,
                "mu_strategy": way.barrier,
            }
            exact = way.hessian == "exact"
            solver = ipyopt.Problem(
                problem.n,
                np.maximum(problem.lower, -INFINITE),
                np.minimum(problem.upper, INFINITE),
                m + k,
                np.concatenate([np.full(m, -INFINITE), np.where(idle, -INFINITE, 0.0)]),
                np.concatenate([np.zeros(m), np.where(idle, INFINITE, 0.0)]),
                derivatives.jacobian_pattern,
                derivatives.hessian_pattern if exact else _NONE,
                value,
                gradient,
                constraints,
                jacobian,
                hessian if exact else None,
                progress,
                ipopt_options=settings,
            )
            multipliers = np.zeros(m + k)
            ends = np.zeros(problem.n), np.zeros(problem.n)
            found, _, code = solver.solve(x.copy(), mult_g=multipliers, mult_x_L=ends[0], mult_x_U=ends[1])
            found = np.clip(found, problem.lower, problem.upper)
            # an interior point is never quite at a bound whose multiplier is larger than what is left
            found = np.where(found - problem.lower < ends[0], problem.lower, found)
            found = np.where(problem.upper - found < ends[1], problem.upper, found)
            return Point(found, np.maximum(multipliers[:m], 0.0), multipliers[m:].copy()), code

        best: tuple[float, Point, int, _Way] | None = None
        before = 0
        for way in _ways(run["mu_strategy"], run["hessian"], exact, run["max_iter"]):
            point, code = attempt(way)
            before = run.iterations
            missed = residual(problem, point)
            if best is None or code in GOOD or missed < best[0]:
                best = missed, point, code, way
            if code in GOOD or run.limit is not None or (code == INFEASIBLE and problem.convex):
                break
            ray = rays.at(problem, run.answer(point.x, "feasible"), float(run["feasibility_tolerance"]))
            if ray is not None:
                return run.answer(point.x, "unbounded", ray=ray.direction, message=_words(4))
            context.log(f"{way.barrier} barrier, {way.hessian} Hessian: {_words(code)}")
        assert best is not None
        missed, point, code, way = best
        if run.limit is None and np.isfinite(missed) and missed > 1e-12:
            point = polished(problem, point)
        return run.answer(
            point.x,
            "locally-stationary" if code in GOOD else "feasible",
            multipliers=multipliers_by_constraint(problem, point) if problem.constraints else None,
            message="" if code in GOOD else _words(code),
            statistics={"hessian": way.hessian, "mu_strategy": way.barrier, "ipopt_status": code},
        )


class _Way(NamedTuple):
    """One run of Ipopt: how the barrier is lowered, ``exact`` or ``limited-memory``, its limit of iterations."""

    barrier: str
    hessian: str
    iterations: int


def _ways(barrier: str, hessian: str, exact: bool, most: int) -> list[_Way]:
    """What is tried until one gives a solution."""
    derivative = "exact" if exact else "limited-memory"
    if barrier != "auto":
        return [_Way(barrier, derivative, most)]
    ways = [_Way("monotone", derivative, min(PATIENCE, most)), _Way("adaptive", derivative, most)]
    return [*ways, _Way("adaptive", "limited-memory", most)] if exact and hessian == "auto" else ways


def _words(code: int) -> str:
    known = {
        INFEASIBLE: "Ipopt converged to a point where the violation of constraints is locally smallest",
        3: "Ipopt's steps became too small",
        4: "Ipopt's iterates diverge: the problem may be unbounded",
        5: "",
        -1: "Ipopt reached its limit of iterations",
        -2: "Ipopt could not restore feasibility",
        -13: "a function has no finite value where Ipopt looked",
    }
    return known.get(code, f"Ipopt ended with status {code}")


ENGINE = Ipopt()
