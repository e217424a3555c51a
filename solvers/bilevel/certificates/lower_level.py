"""The lower level solved again, by other means than the engines': with affine constraints as ``affine_lower`` has it,
all else by L-BFGS-B or SLSQP and Newton steps of its own."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import scipy.sparse.linalg as spl
from scipy.optimize import minimize

from solvers.bilevel.certificates import affine_lower, sizes
from solvers.bilevel.certificates.functions import Functions
from solvers.bilevel.certificates.global_lower import globally
from solvers.bilevel.certificates.resolved import Resolved
from solvers.bilevel.forms import Forms
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
        self._unit, self._row_units = sizes.units(problem, problem.upper.start, problem.lower.start)

    @property
    def convex(self) -> bool:
        """True if a local solution is known to be a global one."""
        return bool(self._problem.lower_convex)

    def solve(self, x: np.ndarray, hints: tuple[np.ndarray, ...] = ()) -> Resolved:
        """The best lower solution that is found at x."""
        if self._problem.lower.integrality.any():
            return self._integer(x, hints)
        affine = self._affine(x, hints)
        if affine is not None:
            return affine
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
        offset = 0.0 if self._forms is None else affine_lower.objective_at(self._forms, x).constant
        return globally(self._problem, x, best, offset)

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
        if self._problem.lower.integrality.any():
            return None
        return self._affine(x, ()) or self._local(x, y)

    def value(self, x: np.ndarray, y: np.ndarray) -> float:
        """The lower objective; where its coefficients are known without what depends on x alone, and so are the values
        of solutions: no large constant hides their differences."""
        if self._forms is None:
            return self._functions.value("lower", x, y)
        return replace(affine_lower.objective_at(self._forms, x), constant=0.0).value(y)

    def _affine(self, x: np.ndarray, hints: tuple[np.ndarray, ...]) -> Resolved | None:
        """Where the constraints are affine and the objective convex; None elsewhere, or if the solver found no end."""
        forms = self._forms
        if forms is None or not forms.lower_convex or not forms.lower_affine:
            return None
        given = affine_lower.lower_at(self._problem, forms.scaled, x)
        found = affine_lower.solve(given)
        if found is not None and found.infeasible and hints:
            # a point that is right up to rounding may lie where it is all that there is
            found = affine_lower.solve(affine_lower.widened(given, hints[0]))
        return None if found is None else self._in_units(forms, found)

    def _integer(self, x: np.ndarray, hints: tuple[np.ndarray, ...]) -> Resolved:
        """With integer variables, linear; nothing for others."""
        forms = self._forms
        if forms is None or any(
            form.Q is not None for form in (forms.lower, *forms.lower_inequalities, *forms.lower_equalities)
        ):
            return Resolved(None)
        given = affine_lower.lower_at(self._problem, forms.scaled, x)
        whole = self._problem.lower.integrality
        found = affine_lower.integer(given, whole)
        if found.infeasible and hints:
            found = affine_lower.integer(affine_lower.widened(given, hints[0]), whole)
        return self._in_units(forms, found)

    def _in_units(self, forms: Forms, found: Resolved) -> Resolved:
        unit = forms.lower.unit(forms.n)
        bound = None if found.bound is None else found.bound * unit
        return replace(found, value=found.value * unit, bound=bound)

    def _local(self, x: np.ndarray, start: np.ndarray) -> Resolved | None:
        level, functions, unit, by = self._problem.lower, self._functions, self._unit, self._row_units
        bounds = np.column_stack([level.lower, level.upper])

        def both(y: np.ndarray) -> tuple[float, np.ndarray]:
            return functions.value("lower", x, y) / unit, functions.gradient("lower", x, y)[1] / unit

        if level.constrained:
            constraints = []
            if level.inequalities is not None:
                rows = functions.inequalities("lower", x, start).size
                constraints.append(
                    {
                        "type": "ineq",
                        "fun": lambda y: -functions.inequalities("lower", x, y) / by[:rows],
                        "jac": lambda y: -functions.jacobians("lower", x, y)[1][:rows] / by[:rows, None],
                    }
                )
            if level.equalities is not None:
                rows_before = functions.inequalities("lower", x, start).size
                constraints.append(
                    {
                        "type": "eq",
                        "fun": lambda y: functions.equalities("lower", x, y) / by[rows_before:],
                        "jac": lambda y: functions.jacobians("lower", x, y)[1][rows_before:] / by[rows_before:, None],
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
            above = np.maximum(functions.inequalities("lower", x, y), 0.0)
            violations = np.concatenate([above, np.abs(functions.equalities("lower", x, y))]) / by
            if not np.isfinite(y).all() or violations.max(initial=0.0) > 1e-6:
                return None
            return self._resolved(x, y)
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
        value = self.value(x, y)
        return Resolved(y, value, unbounded=value < -1e18 * self._unit) if np.isfinite(value) else None

    def _residual(self, x: np.ndarray, y: np.ndarray) -> float:
        """The projected gradient, relative to one plus the gradient."""
        level = self._problem.lower
        slope = self._functions.gradient("lower", x, y)[1] / self._unit
        step = np.clip(y - slope, level.lower, level.upper) - y
        return float(np.abs(step).max(initial=0.0) / (1.0 + np.abs(y).max(initial=0.0)))

    def _refined(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Newton steps on the variables that are not at a bound, as long as they shrink the gradient."""
        level, functions, unit = self._problem.lower, self._functions, self._unit
        for _ in range(6):
            slope = functions.gradient("lower", x, y)[1] / unit
            free = (y > level.lower) & (y < level.upper)
            size = np.abs(slope[free]).max(initial=0.0)
            if not np.isfinite(slope).all() or size <= 1e-13:
                return y
            step = np.zeros_like(y)
            if y.size <= DENSE:
                matrix = functions.lower_hessian(x, y)[np.ix_(free, free)] / unit
                step[free] = np.linalg.lstsq(matrix, -slope[free], rcond=1e-12)[0]
            else:
                at = y

                def product(v: np.ndarray, at: np.ndarray = at, free: np.ndarray = free) -> np.ndarray:
                    return np.where(free, functions.lower_product(x, at, np.where(free, v, 0.0)) / unit, 0.0)

                operator = spl.LinearOperator((y.size, y.size), matvec=product, dtype=np.float64)
                step = spl.cg(operator, np.where(free, -slope, 0.0), rtol=1e-8, maxiter=200)[0]
            trial = np.clip(y + step, level.lower, level.upper)
            after = np.abs(functions.gradient("lower", x, trial)[1][free]).max(initial=0.0) / unit
            rise = (functions.value("lower", x, trial) - functions.value("lower", x, y)) / unit
            if not after < 0.9 * size or rise > 1e-9:
                return y
            y = trial
        return y
