"""The total derivative of ``F(x, y*(x))`` by the implicit function theorem, matrix-free or dense.

Without constraints ``h = F_x - f_xy v`` with ``f_yy v = F_y``. With active constraints the system is that of the lower
level's KKT conditions, active ones as equations (dense); a variable at an active bound does not move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from solvers.bilevel.engines.lower import LowerPoint, bounds, constraint_values
from solvers.bilevel.engines.newton import hessian
from solvers.bilevel.engines.oracle import derivative
from solvers.bilevel.problem import Bilevel, Function

System = Literal["cg", "neumann", "dense"]


@dataclass
class Hypergradient:
    """``h`` (n), the solution ``v`` (m) of the linear system for the next one to begin from, its relative residual."""

    h: torch.Tensor
    v: torch.Tensor
    residual: float
    products: int


def hypergradient(
    problem: Bilevel,
    x: torch.Tensor,
    point: LowerPoint,
    *,
    objective: Function | None = None,
    system: System = "cg",
    begin: torch.Tensor | None = None,
    tolerance: float = 1e-8,
    max_products: int = 200,
    curvature: float = 0.0,
) -> Hypergradient:
    """At a solved lower level.

    Args:
        objective: of the upper level, by default the problem's own.
        begin: a guess of ``v``, for CG.
        curvature: the largest eigenvalue of f_yy, for Neumann's series.
    """
    x, y = x.detach().requires_grad_(True), point.y.detach().requires_grad_(True)
    value = (objective or problem.upper.objective)(x, y)
    fx, fy = derivative(value, (x, y))
    lagrangian = problem.lower.objective(x, y)
    if problem.lower.constrained:
        c, eq = constraint_values(problem, x, y)
        lagrangian = lagrangian + (point.inequality * c).sum() + (point.equality * eq).sum()
    (slope,) = derivative(lagrangian, (y,), graph=True)
    low, high = bounds(problem)
    free = torch.ones_like(y, dtype=torch.bool)
    if low is not None and high is not None:
        free = (y > low + 1e-10) & (y < high - 1e-10)
    right = torch.where(free, fy, 0.0)
    if problem.lower.constrained:
        return _with_constraints(problem, x, y, point, fx, right, slope, free)
    count = 0

    def product(v: torch.Tensor) -> torch.Tensor:
        nonlocal count
        count += 1
        if not slope.requires_grad:
            return torch.zeros_like(v)
        found = torch.autograd.grad(slope, y, grad_outputs=v, retain_graph=True, allow_unused=True)[0]
        return torch.zeros_like(v) if found is None else torch.where(free, found, 0.0)

    if system == "dense":
        matrix = hessian(slope, y)[free][:, free]
        v = torch.zeros_like(y)
        v[free] = _solve(matrix, right[free])
    elif system == "neumann":
        v = _neumann(product, right, curvature, tolerance, max_products)
    else:
        start = None if begin is None else torch.where(free, begin, 0.0)
        v = _conjugate_gradients(product, right, start, tolerance, max_products)
    size = float(right.norm())
    residual = float((product(v) - right).norm()) / size if size else 0.0
    return Hypergradient(fx - _cross(slope, x, v), v.detach(), residual, count)


def _cross(slope: torch.Tensor, x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    if not slope.requires_grad:
        return torch.zeros_like(x)
    found = torch.autograd.grad(slope, x, grad_outputs=v, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(x) if found is None else found


def _conjugate_gradients(
    product: object, right: torch.Tensor, begin: torch.Tensor | None, tolerance: float, limit: int
) -> torch.Tensor:
    v = torch.zeros_like(right) if begin is None else begin.clone()
    r = right - product(v) if begin is not None else right.clone()  # type: ignore[operator]
    p, size = r.clone(), r @ r
    goal = (tolerance * right.norm()) ** 2
    for _ in range(limit):
        if size <= goal:
            break
        image = product(p)  # type: ignore[operator]
        curved = p @ image
        if curved <= 0.0:  # the lower level is flat here: what was found so far has the least norm
            break
        alpha = size / curved
        v, r = v + alpha * p, r - alpha * image
        previous, size = size, r @ r
        p = r + (size / previous) * p
    return v


def _neumann(product: object, right: torch.Tensor, curvature: float, tolerance: float, limit: int) -> torch.Tensor:
    """``alpha sum_k (I - alpha H)^k b`` with alpha below 2 / L, or it would diverge (Lorraine et al. 2020)."""
    alpha = 1.0 / max(curvature, 1e-12)
    term, total = right.clone(), right.clone()
    for _ in range(limit):
        term = term - alpha * product(term)  # type: ignore[operator]
        total = total + term
        if term.norm() <= tolerance * right.norm():
            break
    return alpha * total


def _with_constraints(
    problem: Bilevel,
    x: torch.Tensor,
    y: torch.Tensor,
    point: LowerPoint,
    fx: torch.Tensor,
    right: torch.Tensor,
    slope: torch.Tensor,
    free: torch.Tensor,
) -> Hypergradient:
    """Dense: ``[H A'; A 0] [v; w] = [F_y; 0]`` over free variables and active constraints A."""
    c, h = constraint_values(problem, x, y)
    active = torch.cat([c[(point.inequality > 0.0) & (c.detach() > -1e-5)], h])
    size = int(free.sum())
    k = active.shape[0]
    rows = [_rows(entry, x, y) for entry in active]
    Ax = torch.stack([row[0] for row in rows]) if rows else torch.zeros(0, x.shape[0], dtype=torch.float64)
    Ay = torch.stack([row[1] for row in rows]) if rows else torch.zeros(0, y.shape[0], dtype=torch.float64)
    Ay = Ay[:, free]
    matrix = torch.zeros(size + k, size + k, dtype=torch.float64)
    matrix[:size, :size] = hessian(slope, y)[free][:, free]
    matrix[size:, :size] = Ay
    matrix[:size, size:] = Ay.T
    both = torch.cat([right[free], torch.zeros(k, dtype=torch.float64)])
    solution = _solve(matrix, both)
    v = torch.zeros_like(y)
    v[free] = solution[:size]
    total = fx - _cross(slope, x, v) - Ax.T @ solution[size:]
    norm = float(both.norm())
    residual = float((matrix @ solution - both).norm()) / norm if norm else 0.0
    return Hypergradient(total.detach(), v.detach(), residual, size)


def _rows(entry: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if not entry.requires_grad:
        return torch.zeros_like(x), torch.zeros_like(y)
    found = torch.autograd.grad(entry, (x, y), retain_graph=True, allow_unused=True)
    gx, gy = (torch.zeros_like(z) if part is None else part for part, z in zip(found, (x, y), strict=True))
    return gx, gy


def _solve(matrix: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """By LU; by least squares (of least norm) where the matrix is singular."""
    if not right.numel():
        return right
    solution: torch.Tensor
    solution, info = torch.linalg.solve_ex(matrix, right)
    good = not int(info) and bool(solution.isfinite().all())
    if good and float((matrix @ solution - right).norm()) <= 1e-6 * (1.0 + float(right.norm())):
        return solution
    least: torch.Tensor = torch.linalg.lstsq(matrix, right[:, None], driver="gelsd").solution[:, 0]
    return least
