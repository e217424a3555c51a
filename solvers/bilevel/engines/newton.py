"""Minimization of a smooth function over a box by the gradient-normalised rule (GNS, Semenov, Jaggi and Doikov 2026).

The step solves ``(H + lambda I) d = -g`` with ``lambda = |g| / gamma``; gamma doubles after a step that decreases the
function by ``|g_new|^2 / (8 lambda)``, and halves otherwise. There is no constant to choose. Variables at a bound
that the gradient holds there are left out of the system; the step is projected onto the box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from solvers.bilevel.engines.oracle import derivative

Scalar = Callable[["torch.Tensor"], "torch.Tensor"]

#: Up to this many variables the Hessian is formed and factorized; above, conjugate gradients on products.
DENSE = 300
CG_STEPS = 200


@dataclass(frozen=True)
class Minimum:
    """A point, its value, its projected gradient's largest entry, how many Newton steps led there, the last gamma."""

    y: torch.Tensor
    value: float
    residual: float
    steps: int
    gamma: float


def minimize(
    function: Scalar,
    start: torch.Tensor,
    *,
    lower: torch.Tensor | None = None,
    upper: torch.Tensor | None = None,
    tolerance: float = 1e-9,
    max_steps: int = 100,
    gamma: float = 1.0,
    stop: Callable[[], object] = lambda: None,
) -> Minimum:
    """A point where the projected gradient is at most ``tolerance`` (largest entry), or the best after the steps."""
    y = _project(start.detach().clone(), lower, upper)
    steps = 0
    value, gradient, graph = _evaluate(function, y)
    while True:
        residual = float((_project(y - gradient, lower, upper) - y).abs().max())
        if residual <= tolerance or steps >= max_steps or not gradient.isfinite().all() or stop():
            return Minimum(y, float(value), residual, steps, gamma)
        free = _free(y, gradient, lower, upper)
        hessian = _Hessian(*graph, free)
        moved = False
        for _ in range(40):
            steps += 1
            norm = float(gradient[free].norm())
            shift = norm / gamma
            step = hessian.solve(gradient, shift)
            if step is not None:
                trial = _project(y + step, lower, upper)
                new_value, new_gradient, new_graph = _evaluate(function, trial)
                reduced = float(value - new_value)
                wanted = float(new_gradient[free].norm()) ** 2 / (8.0 * shift)
                rounding = 1e-14 * max(1.0, abs(float(value)))
                # near the solution the decrease drowns in rounding: a smaller gradient is the better witness there
                halved = float(new_gradient[free].norm()) <= 0.5 * norm and reduced >= -rounding
                if (reduced >= wanted and reduced > 0.0) or halved:
                    y, value, gradient, graph = trial, new_value, new_gradient, new_graph
                    gamma *= 2.0
                    moved = True
                    break
                if reduced > 0.0 and reduced >= 1e-4 * float(-(gradient @ (trial - y))):
                    y, value, gradient, graph = trial, new_value, new_gradient, new_graph
                    gamma /= 2.0
                    moved = True
                    break
            gamma /= 2.0
        if not moved:
            return Minimum(y, float(value), residual, steps, gamma)


def _evaluate(
    function: Scalar, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    y = y.detach().requires_grad_(True)
    value = function(y)
    (gradient,) = derivative(value, (y,), graph=True)
    return value.detach(), gradient.detach(), (gradient, y)


class _Hessian:
    """Solves with the Hessian's part of the free variables, shifted by a multiple of the identity."""

    def __init__(self, gradient: torch.Tensor, y: torch.Tensor, free: torch.Tensor) -> None:
        self._gradient, self._y, self._free = gradient, y, free
        self._dense: torch.Tensor | None = None
        if y.shape[0] <= DENSE:
            self._dense = hessian(gradient, y)[free][:, free]

    def product(self, v: torch.Tensor) -> torch.Tensor:
        if not self._gradient.requires_grad:
            return torch.zeros_like(v)
        found = torch.autograd.grad(self._gradient, self._y, grad_outputs=v, retain_graph=True, allow_unused=True)[0]
        return torch.zeros_like(v) if found is None else found

    def solve(self, gradient: torch.Tensor, shift: float) -> torch.Tensor | None:
        """The step, zero on variables that are not free; None where the shifted Hessian is not positive definite."""
        right = torch.where(self._free, -gradient, 0.0)
        step = torch.zeros_like(right)
        if self._dense is not None:
            shifted = self._dense + shift * torch.eye(self._dense.shape[0], dtype=torch.float64)
            factor, info = torch.linalg.cholesky_ex(shifted)
            if int(info):
                return None
            step[self._free] = torch.cholesky_solve(right[self._free][:, None], factor)[:, 0]
            return step
        r, p = right.clone(), right.clone()
        size = r @ r
        goal = (min(0.1, float(size) ** 0.25) ** 2) * size
        for _ in range(CG_STEPS):
            product = torch.where(self._free, self.product(p), 0.0) + shift * p
            curvature = p @ product
            if curvature <= 0.0:
                return None
            alpha = size / curvature
            step = step + alpha * p
            r = r - alpha * product
            previous, size = size, r @ r
            if size <= goal:
                break
            p = r + (size / previous) * p
        return step


def hessian(gradient: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The dense Hessian of a gradient that carries its graph, symmetric."""
    size = y.shape[0]
    if not gradient.requires_grad:
        return torch.zeros(size, size, dtype=torch.float64)

    def row(v: torch.Tensor) -> torch.Tensor:
        found = torch.autograd.grad(gradient, y, v, retain_graph=True, allow_unused=True)[0]
        return torch.zeros_like(v) if found is None else found

    dense = torch.func.vmap(row, chunk_size=256)(torch.eye(size, dtype=torch.float64))
    return 0.5 * (dense + dense.T)


def _project(y: torch.Tensor, lower: torch.Tensor | None, upper: torch.Tensor | None) -> torch.Tensor:
    return y if lower is None and upper is None else torch.clamp(y, lower, upper)


def _free(
    y: torch.Tensor, gradient: torch.Tensor, lower: torch.Tensor | None, upper: torch.Tensor | None
) -> torch.Tensor:
    held = torch.zeros_like(y, dtype=torch.bool)
    if lower is not None:
        held |= (y <= lower) & (gradient > 0.0)
    if upper is not None:
        held |= (y >= upper) & (gradient < 0.0)
    return ~held
