"""A constrained lower level by sequential quadratic programs, with the active set of the last solution to begin with.

For a quadratic objective and affine constraints in y, one linear system confirms a guessed active set and one convex
program (Clarabel) finds another; an augmented Lagrangian takes dozens of Newton solves for the same. Whatever is
returned satisfies the first-order conditions to the tolerance and second-order ones (the inertia of the KKT matrix,
Nocedal and Wright 2006, theorem 16.3); else there is no answer, and the caller goes another way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import clarabel
import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp
import torch

from solvers.bilevel.engines.newton import hessian
from solvers.bilevel.engines.oracle import derivative

#: Up to so many variables and constraints together, and so many steps; each must leave at most this share of the
#: residual, two in a row that don't are the end.
MOST, STEPS, LESS = 600, 12, 0.5
NEAR = 1e-7

Constraints = Callable[["torch.Tensor"], "tuple[torch.Tensor, torch.Tensor]"]


@dataclass
class Solution:
    """y (m), multipliers of inequalities (>= 0) and equalities, largest residuals of the slope and of constraints."""

    y: np.ndarray
    value: float
    inequality: np.ndarray
    equality: np.ndarray
    residual: float
    violation: float


@dataclass
class _Local:
    """Value, slope, Hessian of the Lagrangian, constraints and their Jacobians, at one y."""

    value: float
    g: np.ndarray
    H: np.ndarray
    c: np.ndarray
    A: np.ndarray
    h: np.ndarray
    B: np.ndarray


def solve(
    objective: Callable[[torch.Tensor], torch.Tensor],
    constraints: Constraints,
    y: np.ndarray,
    inequality: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    tolerance: float,
    stop: Callable[[], object],
) -> Solution | None:
    """From y and multipliers of inequalities (all zero if nothing is known); None if it does not end well."""
    y = np.clip(y, low, high)
    mu, lam = inequality, np.zeros(0)
    before, failures = np.inf, 0
    for _ in range(STEPS):
        if stop():
            return None
        at = _local(objective, constraints, y, mu, lam)
        if at is None or at.c.size + at.h.size + y.size > MOST:
            return None
        mu = mu if mu.size == at.c.size else np.zeros(at.c.size)
        lam = lam if lam.size == at.h.size else np.zeros(at.h.size)
        slope = at.g + at.A.T @ mu + at.B.T @ lam
        residual = _largest(np.clip(y - slope, low, high) - y)
        violation = max(_largest(np.maximum(at.c, -mu)), _largest(at.h))
        if max(residual, violation) <= tolerance and np.isfinite(at.value):
            held = ((y <= low) & (slope > 0.0)) | ((y >= high) & (slope < 0.0))
            if not _minimum(at, mu > 0.0, ~held):
                return None
            return Solution(y, at.value, mu, lam, residual, violation)
        failures = 0 if max(residual, violation) <= LESS * before else failures + 1
        before = min(before, max(residual, violation))
        if failures > 2:
            return None
        held = ((y <= low) & (slope > 0.0)) | ((y >= high) & (slope < 0.0))
        found = _confirmed(at, y, low, high, mu > -at.c, held)
        if found is None:
            active = _program(at, y, low, high)
            found = None if active is None else _confirmed(at, y, low, high, *active, always=True)
        if found is None:
            return None
        step, mu, lam = found
        y = np.clip(y + step, low, high)
    return None


def _local(
    objective: Callable[[torch.Tensor], torch.Tensor],
    constraints: Constraints,
    y: np.ndarray,
    mu: np.ndarray,
    lam: np.ndarray,
) -> _Local | None:
    point = torch.tensor(y, requires_grad=True)
    value = objective(point)
    (g,) = derivative(value, (point,), graph=True)
    c, h = constraints(point)
    lagrangian = g
    for part, multipliers in ((c, mu), (h, lam)):
        if part.numel() and part.requires_grad and multipliers.size == part.numel() and multipliers.any():
            lagrangian = lagrangian + derivative(part @ torch.from_numpy(multipliers), (point,), graph=True)[0]
    H = hessian(lagrangian, point).numpy()
    A, B = (_jacobian(part, point) for part in (c, h))
    parts = (g.detach().numpy(), H, c.detach().numpy(), A, h.detach().numpy(), B)
    if not all(np.isfinite(part).all() for part in parts):
        return None
    return _Local(float(value.detach()), *parts)


def _jacobian(values: torch.Tensor, point: torch.Tensor) -> np.ndarray:
    if not values.numel() or not values.requires_grad:
        return np.zeros((values.numel(), point.numel()))

    def row(v: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(values, point, v, retain_graph=True, allow_unused=True)[0]
        return torch.zeros_like(point) if found is None else found

    rows: np.ndarray = torch.func.vmap(row)(torch.eye(values.numel(), dtype=torch.float64)).numpy()
    return rows


def _confirmed(
    at: _Local,
    y: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    active: np.ndarray,
    held: np.ndarray,
    *,
    always: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Step and multipliers with these constraints as equations and these variables held; None if the system is
    singular, or (unless ``always``) if a sign says that the set is another."""
    free = ~held
    rows = np.vstack([at.A[active], at.B])
    size, count = int(free.sum()), rows.shape[0]
    matrix = np.block([[at.H[np.ix_(free, free)], rows[:, free].T], [rows[:, free], np.zeros((count, count))]])
    moved = np.where(held, np.where(np.abs(y - low) <= np.abs(y - high), low, high) - y, 0.0)
    moved = np.where(np.isfinite(moved), moved, 0.0)
    right = -np.concatenate([(at.g + at.H @ moved)[free], at.c[active] + at.A[active] @ moved, at.h + at.B @ moved])
    try:
        solution = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(solution).all() or _largest(matrix @ solution - right) > 1e-8 * (1.0 + _largest(right)):
        return None
    step = moved.copy()
    step[free] = solution[:size]
    mu = np.zeros(at.c.size)
    mu[active] = solution[size : size + int(active.sum())]
    lam = solution[size + int(active.sum()) :]
    if not always:
        slope = at.g + at.H @ step + at.A.T @ mu + at.B.T @ lam
        new = y + step
        wrong = (
            (mu < -NEAR).any() or (at.c + at.A @ step > NEAR).any() or ((new < low - NEAR) | (new > high + NEAR)).any()
        )
        lower_end = held & (np.abs(new - low) <= np.abs(new - high))
        wrong = wrong or (slope[lower_end] < -NEAR).any() or (slope[held & ~lower_end] > NEAR).any()
        if wrong:
            return None
    return step, np.maximum(mu, 0.0), lam


def _program(at: _Local, y: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Active inequalities and held variables of the convex quadratic program for the step."""
    below, above = np.flatnonzero(np.isfinite(low)), np.flatnonzero(np.isfinite(high))
    identity = np.eye(y.size)
    matrix = np.vstack([at.B, at.A, -identity[below], identity[above]])
    right = np.concatenate([-at.h, -at.c, (y - low)[below], (high - y)[above]])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    cones = [clarabel.ZeroConeT(at.h.size), clarabel.NonnegativeConeT(right.size - at.h.size)]
    found = clarabel.DefaultSolver(
        sp.csc_matrix(np.triu(at.H)), at.g, sp.csc_matrix(matrix), right, cones, settings
    ).solve()
    if str(found.status) not in ("Solved", "AlmostSolved"):
        return None
    z, s = np.array(found.z)[at.h.size :], np.array(found.s)[at.h.size :]
    tight = z > s
    held = np.zeros(y.size, dtype=bool)
    held[below] |= tight[at.c.size : at.c.size + below.size]
    held[above] |= tight[at.c.size + below.size :]
    return tight[: at.c.size], held


def _minimum(at: _Local, active: np.ndarray, free: np.ndarray) -> bool:
    """Whether the Hessian is positive definite on the directions that active constraints leave."""
    rows = np.vstack([at.A[active], at.B])[:, free]
    block = at.H[np.ix_(free, free)]
    if rows.shape[0]:
        directions = sl.null_space(rows)
        block = directions.T @ block @ directions
    if not block.size:
        return True
    values = np.linalg.eigvalsh(block)
    return bool(values[0] > 1e-10 * max(1.0, float(values[-1])))


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))
