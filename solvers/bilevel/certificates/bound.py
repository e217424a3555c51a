"""A claimed bound proved again: branch and bound over the complementarity conditions, with linear or convex quadratic
relaxations. It knows nothing of the engine's formulation and uses other solvers (HiGHS, Clarabel).

These work on coefficients near one, and are not believed: a node is left only where multipliers, summed here, show that
nothing in it is better, or that nothing is in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from solvers.bilevel.certificates import affine_lower
from solvers.bilevel.certificates.affine_lower import Affine
from solvers.bilevel.certificates.proof import BoundProof
from solvers.bilevel.forms import Forms, Quadratic, semidefinite, unit_of
from solvers.bilevel.problem import Bilevel

NODES, SECONDS = 4000, 5.0
#: Slack or multiplier below this is zero.
ZERO = 1e-7
#: A proof is of the bound less this, relative to one plus its size (in units of the largest coefficient).
TOLERANCE = 1e-6


@dataclass
class _System:
    """Rows ``A z <= b``, ``C z = d`` over z = (x, y, lambda, nu); pair i is (row of A or bound, multiplier column)."""

    A: sp.csr_array
    b: np.ndarray
    C: sp.csr_array
    d: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    cost: np.ndarray
    Q: sp.csr_array | None
    constant: float
    rows: list[sp.csr_array] = field(default_factory=list)
    sides: list[float] = field(default_factory=list)
    multipliers: list[int] = field(default_factory=list)


def prove(problem: Bilevel, forms: Forms, bound: float, *, seconds: float = SECONDS) -> BoundProof:
    """Whether the minimized upper objective is at least ``bound`` at every point of the problem.

    Decides for linear constraints and a linear or convex quadratic upper objective.
    """
    if problem.lower.integrality.any():
        from solvers.bilevel.certificates.integer_bound import prove_integer

        return prove_integer(problem, forms, bound)
    if not forms.lower_convex or not forms.lower_affine:
        return BoundProof(why="the lower level is not one whose KKT conditions are equivalent to it")
    if any(form.Q is not None for form in forms.constraints):
        return BoundProof(why="products in the constraints are beyond this checker")
    system = _system(problem, forms.scaled)
    if system.Q is not None and not semidefinite(system.Q.toarray()):
        return BoundProof(why="a nonconvex upper objective is beyond this checker")
    found = _search(problem, system, bound / forms.upper.unit(), time.monotonic() + seconds)
    return found if found.refuted is None else replace(found, refuted=forms.upper_value(found.refuted))


def _search(problem: Bilevel, system: _System, bound: float, until: float) -> BoundProof:
    wanted = bound - TOLERANCE * (1.0 + abs(bound)) if np.isfinite(bound) else bound
    whole = np.flatnonzero(problem.upper.integrality)
    stack: list[tuple[dict[int, int], np.ndarray, np.ndarray]] = [({}, system.lower, system.upper)]
    nodes = 0
    while stack:
        if nodes >= NODES or time.monotonic() > until:
            return BoundProof(nodes=nodes, why=f"not decided within {nodes} nodes")
        fixed, lower, upper = stack.pop()
        nodes += 1
        given = _relaxation(system, fixed, lower, upper)
        found = None if (given.lower > given.upper).any() else affine_lower.solve(given)
        if found is None or found.infeasible:
            if affine_lower.surely_infeasible(given):
                continue
            return BoundProof(nodes=nodes, why="a relaxation could not be solved, or is infeasible by a hair's breadth")
        open_ = [k for k in range(len(system.multipliers)) if k not in fixed]
        if found.unbounded or found.y is None:
            if not open_:
                return BoundProof(nodes=nodes, refuted=-np.inf)
            stack += [({**fixed, open_[0]: side}, lower, upper) for side in (0, 1)]
            continue
        if found.bound is not None and found.bound >= wanted:
            continue
        z = found.y
        fraction = np.abs(z[whole] - np.round(z[whole]))
        if fraction.size and fraction.max() > 1e-6:
            j = int(whole[int(np.argmax(fraction))])
            below, above = upper.copy(), lower.copy()
            below[j], above[j] = np.floor(z[j]), np.ceil(z[j])
            stack += [(fixed, lower, below), (fixed, above, upper)]
            continue
        slack = np.array([side - float((row @ z)[0]) for row, side in zip(system.rows, system.sides, strict=True)])
        both = np.minimum(slack, z[system.multipliers]) if slack.size else slack
        both[list(fixed)] = 0.0
        if not both.size or both.max() <= ZERO:
            if found.value >= wanted:
                return BoundProof(nodes=nodes, why="rounding hides whether a relaxation is good enough")
            return BoundProof(nodes=nodes, refuted=found.value, point=z[: problem.n + problem.m])
        k = int(np.argmax(both))
        stack += [({**fixed, k: side}, lower, upper) for side in (0, 1)]
    return BoundProof(proved=True, nodes=nodes)


def _system(problem: Bilevel, forms: Forms) -> _System:
    n, m = forms.n, forms.m
    upper, lower = problem.upper, problem.lower
    identity = sp.csr_array(sp.eye_array(n + m))
    # lower inequalities with their bounds as rows: those have multipliers
    movable = lower.lower < lower.upper
    rows = [sp.csr_array(form.c[None]) for form in forms.lower_inequalities]
    sides = [-form.constant for form in forms.lower_inequalities]
    own_rows = len(rows)
    owners = [0] * own_rows
    for j in np.flatnonzero(movable):
        for sign, limit in ((1.0, lower.upper[j]), (-1.0, -lower.lower[j])):
            if np.isfinite(limit):
                rows.append(sp.csr_array(sign * identity[[n + j]]))
                sides.append(float(limit))
                owners.append(int(j))
    p, q = len(rows), len(forms.lower_equalities)
    size = n + m + p + q
    gradient = np.zeros((m, size))
    if forms.lower.Q is not None:
        gradient[:, : n + m] = forms.lower.Q[n:, :].toarray()
    for k, row in enumerate(rows):
        gradient[:, n + m + k] = row.toarray()[0, n:]
    for k, form in enumerate(forms.lower_equalities):
        gradient[:, n + m + p + k] = form.c[n:]
    equal = (*forms.upper_equalities, *forms.lower_equalities)
    C = [_wide(sp.csr_array(form.c[None]), size) for form in equal]
    units = np.ones(m)
    for j in np.flatnonzero(movable):
        own = np.concatenate([gradient[j, : n + m], gradient[j, n + m + p :], gradient[j, n + m : n + m + own_rows]])
        terms = np.abs(np.append(own, forms.lower.c[n + j]))
        units[j] = unit_of(terms[terms > 0.0])
    # multipliers of bounds occur nowhere else: they are counted in the units of their row
    gradient[:, : n + m + own_rows] /= units[:, None]
    gradient[:, n + m + p :] /= units[:, None]
    stationarity = sp.csr_array(gradient[movable])
    wide = [_wide(row, size) for row in rows]
    A = [*(_wide(sp.csr_array(form.c[None]), size) for form in forms.upper_inequalities), *wide]
    cost = np.zeros(size)
    cost[: n + m] = forms.upper.c
    Q = forms.upper.Q
    ratio = _same_products(forms)
    if ratio and forms.lower.Q is not None and Q is not None and movable.all():
        # stationarity times y, with complementarity: y'f_yx x = -y'f_yy y - c'y - lambda'side - nu'd
        cost[n : n + m] -= ratio * forms.lower.c[n:]
        counted = np.ones(p)
        counted[own_rows:] = units[owners[own_rows:]]
        cost[n + m : n + m + p] -= ratio * np.array(sides) * counted
        cost[n + m + p :] -= ratio * np.array([-form.constant for form in forms.lower_equalities])
        dense = Q.toarray()
        dense[:n, n:] = 0.0
        dense[n:, :n] = 0.0
        dense[n:, n:] -= 2.0 * ratio * forms.lower.Q.toarray()[n:, n:]
        Q = sp.csr_array(dense) if np.abs(dense).max(initial=0.0) > 0.0 else None
    if Q is not None:
        Q = sp.csr_array(sp.block_diag([Q, sp.csr_array((p + q, p + q))]))
    return _System(
        A=sp.csr_array(sp.vstack(A)) if A else sp.csr_array((0, size)),
        b=np.array([*(-form.constant for form in forms.upper_inequalities), *sides]),
        C=sp.csr_array(sp.vstack([*C, stationarity])),
        d=np.concatenate([[-form.constant for form in equal], -(forms.lower.c[n:] / units)[movable]]),
        lower=np.concatenate([upper.lower, lower.lower, np.zeros(p), np.full(q, -np.inf)]),
        upper=np.concatenate([upper.upper, lower.upper, np.full(p + q, np.inf)]),
        cost=cost,
        Q=Q,
        constant=forms.upper.constant,
        rows=wide,
        sides=sides,
        multipliers=[n + m + k for k in range(p)],
    )


def _same_products(forms: Forms) -> float:
    """k with ``F_xy = k f_xy`` where no lower constraint contains x; 0 if there is none."""
    n = forms.n
    below = (*forms.lower_inequalities, *forms.lower_equalities)
    if forms.upper.Q is None or forms.lower.Q is None or any(form.c[:n].any() for form in below):
        return 0.0
    F, f = forms.upper.Q.toarray()[:n, n:], forms.lower.Q.toarray()[:n, n:]
    place = np.unravel_index(int(np.abs(f).argmax()), f.shape)
    if f[place] == 0.0 or F[place] == 0.0:
        return 0.0
    ratio = float(F[place] / f[place])
    return ratio if (np.abs(F - ratio * f) <= 1e-12 * np.abs(F)).all() else 0.0


def _wide(row: sp.csr_array, size: int) -> sp.csr_array:
    return sp.csr_array((row.data, row.indices, row.indptr), shape=(1, size))


def _relaxation(system: _System, fixed: dict[int, int], lower: np.ndarray, upper: np.ndarray) -> Affine:
    """Side 0: the multiplier is zero; side 1: the slack is."""
    upper = upper.copy()
    tight = []
    for k, side in fixed.items():
        if side == 0:
            upper[system.multipliers[k]] = 0.0
        else:
            tight.append(k)
    C = sp.csr_array(sp.vstack([system.C, *(system.rows[k] for k in tight)])) if tight else system.C
    d = np.concatenate([system.d, [system.sides[k] for k in tight]])
    return Affine(Quadratic(system.Q, system.cost, system.constant), system.A, system.b, C, d, lower, upper)
