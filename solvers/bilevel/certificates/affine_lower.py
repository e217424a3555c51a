"""Lower levels with affine constraints: linear ones solved by HiGHS, convex quadratic ones by Clarabel, linear ones
with integers by HiGHS' branch and bound; without integers with a bound that is computed here from multipliers (Neumaier
and Shcherbina 2004), whatever their rounding.

Objective and rows are divided by their units before they reach a solver: its tolerances are absolute, and a small
coefficient is a coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from solvers.bilevel.certificates.resolved import Resolved
from solvers.bilevel.forms import Forms, Quadratic, unit_of
from solvers.bilevel.problem import Bilevel

SECONDS = 5.0
TIGHT = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}

#: A reduced cost below this share of its terms is rounding where the variable has no bound within this multiple of its
#: own size: the bound then covers points up to there.
REDUCED, REACH = 1e-9, 1e6

#: Relative rounding of the sums of a bound.
ROUNDING = 1e-15

#: A violation that no point avoids, in units of rows near one, beyond what a solver's tolerance could make.
APART = 1e-8


@dataclass(frozen=True)
class Affine:
    """``min z'Qz/2 + c'z + constant`` over ``A z <= b``, ``C z = d`` and bounds."""

    objective: Quadratic
    A: sp.csr_array
    b: np.ndarray
    C: sp.csr_array
    d: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def lower_at(problem: Bilevel, forms: Forms, x: np.ndarray) -> Affine:
    """The lower level at x, in the units of ``forms``, and without what is constant in the objective."""
    n = forms.n
    A, b = _rows([_at(form, n, x) for form in forms.lower_inequalities], forms.m)
    C, d = _rows([_at(form, n, x) for form in forms.lower_equalities], forms.m)
    objective = replace(objective_at(forms, x), constant=0.0)
    return Affine(objective, A, b, C, d, problem.lower.lower, problem.lower.upper)


def objective_at(forms: Forms, x: np.ndarray) -> Quadratic:
    """The lower objective as a function of y alone."""
    return _at(forms.lower, forms.n, x)


def widened(given: Affine, y: np.ndarray) -> Affine:
    """With the little by which y violates it."""
    b = np.maximum(given.b, given.A @ y) if given.b.size else given.b
    d = given.C @ y if given.d.size else given.d
    return replace(given, b=b, d=d, lower=np.minimum(given.lower, y), upper=np.maximum(given.upper, y))


def solve(given: Affine) -> Resolved | None:
    """The solution with its bound; None if the solver came to no conclusion."""
    if given.objective.Q is not None:
        return _quadratic(given)
    result = _linprog(given)
    if result.status == 2:
        return Resolved(None, infeasible=True)
    if result.status == 3:
        return Resolved(None, unbounded=True)
    if result.status != 0:
        return None
    y = np.asarray(result.x)
    bound = dual_bound(given, y, np.asarray(result.ineqlin.marginals), np.asarray(result.eqlin.marginals))
    return Resolved(y, given.objective.value(y), bound=bound)


def surely_infeasible(given: Affine) -> bool:
    """Whether no point satisfies everything, shown by the multipliers of the least largest violation."""
    if (given.lower > given.upper).any():
        return True
    count, (p, q) = given.lower.size, (given.b.size, given.d.size)
    ones = sp.csr_array(np.ones((p, 1))), sp.csr_array(np.ones((q, 1)))
    elastic = Affine(
        Quadratic(None, np.append(np.zeros(count), 1.0), 0.0),
        sp.csr_array(
            sp.vstack([sp.hstack([given.A, -ones[0]]), sp.hstack([given.C, -ones[1]]), sp.hstack([-given.C, -ones[1]])])
        ),
        np.concatenate([given.b, given.d, -given.d]),
        sp.csr_array((0, count + 1)),
        np.zeros(0),
        np.append(given.lower, 0.0),
        np.append(given.upper, np.inf),
    )
    found = solve(elastic)
    return found is not None and found.bound is not None and found.bound > APART


def integer(given: Affine, integrality: np.ndarray) -> Resolved:
    """A linear level with integer variables; the bound is that of the search, less its tolerance."""
    result = milp(
        given.objective.c,
        constraints=[LinearConstraint(given.A, -np.inf, given.b), LinearConstraint(given.C, given.d, given.d)],
        bounds=Bounds(given.lower, given.upper),
        integrality=integrality.astype(int),
        options={"mip_rel_gap": 1e-9, "time_limit": SECONDS},
    )
    if result.x is None:
        return Resolved(None, infeasible=result.status == 2, unbounded=result.status == 3)
    y = np.where(integrality, np.round(result.x), result.x)
    bound = None if result.mip_dual_bound is None else float(result.mip_dual_bound)
    return Resolved(y, given.objective.value(y), bound=bound, solver="HiGHS")


def dual_bound(given: Affine, y: np.ndarray, rows: np.ndarray, free: np.ndarray) -> float | None:
    """A bound by weak duality from row multipliers alone: reduced costs are taken to the bound that they point to.

    A convex objective is replaced by its tangent at y, which is below it.

    Args:
        rows, free: of ``A`` (at most 0) and of ``C``, as derivatives of the value by the sides.
    """
    objective = given.objective
    product = np.zeros_like(y) if objective.Q is None else objective.Q @ y
    rows = np.minimum(rows, 0.0)
    reduced = objective.c + product - given.A.T @ rows - given.C.T @ free
    curved = 0.0 if objective.Q is None else abs(objective.Q) @ np.abs(y)
    size = np.abs(objective.c) + curved + abs(given.A).T @ np.abs(rows) + abs(given.C).T @ np.abs(free)
    at = np.where(reduced > 0.0, given.lower, given.upper)
    far = (np.abs(reduced) <= REDUCED * size) & (np.abs(at) > REACH * (1.0 + np.abs(y)))
    reduced[far], at[far] = 0.0, 0.0
    if not np.isfinite(at[reduced != 0.0]).all():
        return None
    at = np.where(reduced == 0.0, np.clip(0.0, given.lower, given.upper), at)
    at[far] = 0.0
    tangent = -0.5 * float(y @ product)
    parts = (rows @ given.b, free @ given.d, reduced @ at, tangent, objective.constant)
    summed = np.abs(rows) @ np.abs(given.b) + np.abs(free) @ np.abs(given.d) + (size + np.abs(reduced)) @ np.abs(at)
    bound = float(sum(parts)) - ROUNDING * float(summed + abs(tangent) + abs(objective.constant))
    return bound if np.isfinite(bound) else None


def _linprog(given: Affine) -> Any:
    return linprog(
        given.objective.c,
        A_ub=given.A,
        b_ub=given.b,
        A_eq=given.C,
        b_eq=given.d,
        bounds=np.column_stack([given.lower, given.upper]),
        method="highs",
        options=TIGHT,
    )


def _quadratic(given: Affine) -> Resolved | None:
    import clarabel

    lower, upper, objective = given.lower, given.upper, given.objective
    identity = sp.csr_array(sp.eye_array(lower.size))
    has_low, has_high = np.isfinite(lower), np.isfinite(upper)
    rows = sp.vstack([given.C, given.A, identity[has_high], -identity[has_low]], format="csc")
    right = np.concatenate([given.d, given.b, upper[has_high], -lower[has_low]])
    q, p = len(given.d), len(given.b)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    P = sp.triu(sp.csc_array(objective.Q), format="csc")
    kinds = ((clarabel.ZeroConeT, q), (clarabel.NonnegativeConeT, len(right) - q))
    cones = [kind(size) for kind, size in kinds if size]
    solution = clarabel.DefaultSolver(P, objective.c, rows, right, cones, settings).solve()
    words = str(solution.status)
    if words == "PrimalInfeasible":
        return Resolved(None, infeasible=True)
    if words == "DualInfeasible":
        return Resolved(None, unbounded=True)
    if words not in ("Solved", "AlmostSolved"):
        return None
    y, z = np.clip(np.array(solution.x), lower, upper), np.array(solution.z)
    bounds = (dual_bound(given, y, -z[q : q + p], -z[:q]), _tangent_bound(given, y))
    return Resolved(y, objective.value(y), bound=max((bound for bound in bounds if bound is not None), default=None))


def _tangent_bound(given: Affine, y: np.ndarray) -> float | None:
    """From the multipliers of the linear program whose cost is the gradient at y: those of a vertex vanish exactly,
    where an interior point leaves a little on every row."""
    objective = given.objective
    assert objective.Q is not None
    slope, size = objective.c + objective.Q @ y, np.abs(objective.c) + abs(objective.Q) @ np.abs(y)
    cost = np.where(np.abs(slope) <= REDUCED * size, 0.0, slope)
    result = _linprog(replace(given, objective=Quadratic(None, cost, 0.0)))
    if result.status != 0:
        return None
    return dual_bound(given, y, np.asarray(result.ineqlin.marginals), np.asarray(result.eqlin.marginals))


def _at(form: Quadratic, n: int, x: np.ndarray) -> Quadratic:
    """As a function of y alone."""
    linear, constant = form.c[n:].copy(), form.constant + float(form.c[:n] @ x)
    if form.Q is None:
        return Quadratic(None, linear, constant)
    linear += form.Q[n:, :n] @ x
    constant += 0.5 * float(x @ (form.Q[:n, :n] @ x))
    block = sp.csr_array(form.Q[n:, n:])
    return Quadratic(block if block.nnz else None, linear, constant)


def _rows(forms: list[Quadratic], m: int) -> tuple[sp.csr_array, np.ndarray]:
    """``A y <= b`` (or ``= b``) of affine forms ``c'y + constant``, each in its own unit at this x."""
    if not forms:
        return sp.csr_array((0, m)), np.zeros(0)
    scaled = [form.over(unit_of(np.abs(form.c[form.c != 0.0]))) for form in forms]
    return sp.csr_array(np.array([form.c for form in scaled])), np.array([-form.constant for form in scaled])
