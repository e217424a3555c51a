"""The lower level solved again, by other means than the engines': linear programs by HiGHS, convex quadratic ones by
Clarabel (both with a dual bound), all else by L-BFGS-B or SLSQP and Newton steps of its own."""

from __future__ import annotations

import time

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl
from scipy.optimize import Bounds, LinearConstraint, linprog, milp, minimize

from solvers.bilevel.certificates.functions import Functions
from solvers.bilevel.certificates.global_lower import globally
from solvers.bilevel.certificates.resolved import Resolved
from solvers.bilevel.forms import Forms, Quadratic
from solvers.bilevel.problem import Bilevel

#: Up to this many lower variables Hessians are dense, and nonconvex levels are also solved globally.
DENSE, GLOBAL = 400, 12
SECONDS = 5.0


class LowerLevel:
    """Solves the lower level at any x. Solutions are found from the problem's own start and from ``hints``."""

    def __init__(self, problem: Bilevel) -> None:
        self._problem = problem
        self._functions = Functions(problem)
        self._forms = problem.forms if problem.structure.quadratic else None

    @property
    def convex(self) -> bool:
        """True if a local solution is known to be a global one."""
        return bool(self._problem.lower_convex)

    def solve(self, x: np.ndarray, hints: tuple[np.ndarray, ...] = ()) -> Resolved:
        """The best lower solution that is found at x."""
        forms = self._forms
        if self._problem.lower.integrality.any():
            return _integer(self._problem, forms, x)
        if forms is not None and forms.lower_convex and forms.lower_affine:
            found = _linear_or_quadratic(self._problem, forms, x)
            if found is not None:
                return found
        starts = [self._problem.lower.start, *hints]
        if not self.convex:
            starts += self._scattered(hints[0] if hints else self._problem.lower.start)
        best = Resolved(None)
        until = time.monotonic() + SECONDS
        for start in starts:
            candidate = self._local(x, start)
            if candidate is not None and candidate.value < best.value:
                best = candidate
            if time.monotonic() > until:
                break
        if self.convex or self._problem.m > GLOBAL:
            return best
        return globally(self._problem, x, best)

    def _scattered(self, around: np.ndarray) -> list[np.ndarray]:
        """Where a nonconvex lower level might be lower still."""
        level = self._problem.lower
        generator = np.random.default_rng(20260101)
        spread = 1.0 + np.abs(around).max(initial=0.0)
        low = np.where(np.isfinite(level.lower), level.lower, around - spread)
        high = np.where(np.isfinite(level.upper), level.upper, around + spread)
        return [generator.uniform(low, high) for _ in range(12)]

    def near(self, x: np.ndarray, y: np.ndarray) -> Resolved | None:
        """The lower solution at x on the branch of y; None if none is found."""
        forms = self._forms
        if self._problem.lower.integrality.any():
            return None
        if forms is not None and forms.lower_convex and forms.lower_affine:
            found = _linear_or_quadratic(self._problem, forms, x)
            if found is not None:
                return found
        return self._local(x, y)

    def _local(self, x: np.ndarray, start: np.ndarray) -> Resolved | None:
        level, functions = self._problem.lower, self._functions
        bounds = np.column_stack([level.lower, level.upper])

        def both(y: np.ndarray) -> tuple[float, np.ndarray]:
            return functions.value("lower", x, y), functions.gradient("lower", x, y)[1]

        if level.constrained:
            constraints = []
            if level.inequalities is not None:
                rows = functions.inequalities("lower", x, start).size
                constraints.append(
                    {
                        "type": "ineq",
                        "fun": lambda y: -functions.inequalities("lower", x, y),
                        "jac": lambda y: -functions.jacobians("lower", x, y)[1][:rows],
                    }
                )
            if level.equalities is not None:
                rows_before = functions.inequalities("lower", x, start).size
                constraints.append(
                    {
                        "type": "eq",
                        "fun": lambda y: functions.equalities("lower", x, y),
                        "jac": lambda y: functions.jacobians("lower", x, y)[1][rows_before:],
                    }
                )
            result = minimize(
                both,
                start,
                jac=True,
                method="SLSQP",
                bounds=bounds,
                constraints=constraints,
                options={"maxiter": 100, "ftol": 1e-13},
            )
            y = np.clip(result.x, level.lower, level.upper)
            violation = max(
                functions.inequalities("lower", x, y).max(initial=0.0),
                np.abs(functions.equalities("lower", x, y)).max(initial=0.0),
            )
            if not np.isfinite(y).all() or violation > 1e-6:
                return None
            return Resolved(y, functions.value("lower", x, y))
        near = self._refined(x, start)
        if self._residual(x, near) <= 1e-10:
            return self._resolved(x, near)
        result = minimize(
            both,
            near,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 2000, "maxfun": 4000, "gtol": 1e-9, "ftol": 1e-16, "maxcor": 20},
        )
        return self._resolved(x, self._refined(x, result.x))

    def _resolved(self, x: np.ndarray, y: np.ndarray) -> Resolved | None:
        value = self._functions.value("lower", x, y)
        return Resolved(y, value, unbounded=value < -1e18) if np.isfinite(value) else None

    def _residual(self, x: np.ndarray, y: np.ndarray) -> float:
        """The projected gradient, relative to one plus the gradient."""
        level = self._problem.lower
        slope = self._functions.gradient("lower", x, y)[1]
        step = np.clip(y - slope, level.lower, level.upper) - y
        return float(np.abs(step).max(initial=0.0) / (1.0 + np.abs(y).max(initial=0.0)))

    def _refined(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Newton steps on the variables that are not at a bound, as long as they shrink the gradient."""
        level, functions = self._problem.lower, self._functions
        for _ in range(6):
            slope = functions.gradient("lower", x, y)[1]
            free = (y > level.lower) & (y < level.upper)
            size = np.abs(slope[free]).max(initial=0.0)
            if not np.isfinite(slope).all() or size <= 1e-13:
                return y
            step = np.zeros_like(y)
            if y.size <= DENSE:
                matrix = functions.lower_hessian(x, y)[np.ix_(free, free)]
                step[free] = np.linalg.lstsq(matrix, -slope[free], rcond=1e-12)[0]
            else:
                at = y

                def product(v: np.ndarray, at: np.ndarray = at, free: np.ndarray = free) -> np.ndarray:
                    return np.where(free, functions.lower_product(x, at, np.where(free, v, 0.0)), 0.0)

                operator = spl.LinearOperator((y.size, y.size), matvec=product, dtype=np.float64)
                step = spl.cg(operator, np.where(free, -slope, 0.0), rtol=1e-8, maxiter=200)[0]
            trial = np.clip(y + step, level.lower, level.upper)
            after = np.abs(functions.gradient("lower", x, trial)[1][free]).max(initial=0.0)
            if not after < 0.9 * size or functions.value("lower", x, trial) > functions.value("lower", x, y) + 1e-9:
                return y
            y = trial
        return y


def _linear_or_quadratic(problem: Bilevel, forms: Forms, x: np.ndarray) -> Resolved | None:
    """With a dual bound; None if the solver came to no conclusion."""
    n = forms.n
    objective = _at(forms.lower, n, x)
    below = [_at(form, n, x) for form in forms.lower_inequalities]
    equal = [_at(form, n, x) for form in forms.lower_equalities]
    A, b = _rows(below, forms.m)
    C, d = _rows(equal, forms.m)
    level = problem.lower
    if objective.Q is None:
        result = linprog(
            objective.c,
            A_ub=A,
            b_ub=b,
            A_eq=C,
            b_eq=d,
            bounds=np.column_stack([level.lower, level.upper]),
            method="highs",
        )
        if result.status == 2:
            return Resolved(None, infeasible=True)
        if result.status == 3:
            return Resolved(None, unbounded=True)
        if result.status != 0:
            return None
        y, value = np.asarray(result.x), float(result.fun) + objective.constant
        return Resolved(y, value, bound=_dual_bound(objective, A, b, C, d, level.lower, level.upper, result))
    return convex_quadratic(objective, A, b, C, d, level.lower, level.upper)


def _integer(problem: Bilevel, forms: Forms | None, x: np.ndarray) -> Resolved:
    """A linear lower level with integer variables, by HiGHS, with its dual bound; nothing for others."""
    if forms is None or any(f.Q is not None for f in (forms.lower, *forms.lower_inequalities, *forms.lower_equalities)):
        return Resolved(None)
    objective = _at(forms.lower, forms.n, x)
    A, b = _rows([_at(form, forms.n, x) for form in forms.lower_inequalities], forms.m)
    C, d = _rows([_at(form, forms.n, x) for form in forms.lower_equalities], forms.m)
    level = problem.lower
    result = milp(
        objective.c,
        constraints=[LinearConstraint(A, -np.inf, b), LinearConstraint(C, d, d)],
        bounds=Bounds(level.lower, level.upper),
        integrality=level.integrality.astype(int),
        options={"mip_rel_gap": 1e-9, "time_limit": SECONDS},
    )
    if result.x is None:
        return Resolved(None, infeasible=result.status == 2, unbounded=result.status == 3)
    bound = None if result.mip_dual_bound is None else float(result.mip_dual_bound) + objective.constant
    return Resolved(np.asarray(result.x), float(result.fun) + objective.constant, bound=bound)


def _dual_bound(
    objective: Quadratic,
    A: sp.csr_array,
    b: np.ndarray,
    C: sp.csr_array,
    d: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    result: object,
) -> float | None:
    """By weak duality from HiGHS' row multipliers alone: reduced costs are taken to the bound that they point to."""
    rows = np.minimum(np.asarray(result.ineqlin.marginals), 0.0)  # type: ignore[attr-defined]
    free = np.asarray(result.eqlin.marginals)  # type: ignore[attr-defined]
    reduced = objective.c - A.T @ rows - C.T @ free
    reduced[np.abs(reduced) <= 1e-9 * (1.0 + np.abs(objective.c))] = 0.0
    at = np.where(reduced > 0.0, lower, upper)
    terms = np.where(reduced == 0.0, 0.0, reduced * np.where(reduced == 0.0, 0.0, at))
    bound = objective.constant + float(rows @ b + free @ d + terms.sum())
    return bound if np.isfinite(bound) else None


def convex_quadratic(
    objective: Quadratic,
    A: sp.csr_array,
    b: np.ndarray,
    C: sp.csr_array,
    d: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> Resolved | None:
    """``min z'Qz/2 + c'z`` over ``A z <= b``, ``C z = d`` and bounds, by Clarabel, with its dual bound."""
    import clarabel

    m = lower.size
    identity = sp.csr_array(sp.eye_array(m))
    has_low, has_high = np.isfinite(lower), np.isfinite(upper)
    rows = sp.vstack([C, A, identity[has_high], -identity[has_low]], format="csc")
    right = np.concatenate([d, b, upper[has_high], -lower[has_low]])
    cones = [clarabel.ZeroConeT(len(d)), clarabel.NonnegativeConeT(len(right) - len(d))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    P = sp.triu(sp.csc_array(objective.Q), format="csc")
    cones = [cone for cone, size in zip(cones, (len(d), len(right) - len(d)), strict=True) if size]
    solution = clarabel.DefaultSolver(P, objective.c, rows, right, cones, settings).solve()
    words = str(solution.status)
    if words == "PrimalInfeasible":
        return Resolved(None, infeasible=True)
    if words == "DualInfeasible":
        return Resolved(None, unbounded=True)
    if words not in ("Solved", "AlmostSolved"):
        return None
    y = np.clip(np.array(solution.x), lower, upper)
    bound = float(solution.obj_val_dual) + objective.constant
    slack = 1e-9 * (1.0 + abs(bound))
    return Resolved(y, objective.value(y), bound=bound - slack)


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
    """``A y <= b`` (or ``= b``) of affine forms ``c'y + constant``."""
    if not forms:
        return sp.csr_array((0, m)), np.zeros(0)
    return sp.csr_array(np.array([form.c for form in forms])), np.array([-form.constant for form in forms])
