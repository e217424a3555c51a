"""Values and derivatives of problem functions for many points at once: X is (B, n), Y is (B, m), float64."""

from __future__ import annotations

from collections.abc import Callable

import torch

from solvers.bilevel.problem import Function

Batched = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""(B, n) and (B, m) to (B,)."""


def batched(function: Function) -> Batched:
    """The function over a batch. One point goes through the function itself: vmap costs more than it gives there."""
    many = torch.func.vmap(function)

    def values(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        if X.shape[0] == 1:
            return function(X[0], Y[0]).reshape(1)
        return many(X, Y)

    return values


def gradients(function: Batched, X: torch.Tensor, Y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Values (B,) and both gradients, (B, n) and (B, m)."""
    X, Y = X.detach().requires_grad_(True), Y.detach().requires_grad_(True)
    values = function(X, Y)
    gx, gy = derivative(values.sum(), (X, Y))
    return values.detach(), gx, gy


def gradient_y(function: Batched, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """(B, m)."""
    Y = Y.detach().requires_grad_(True)
    return derivative(function(X.detach(), Y).sum(), (Y,))[0]


def gradient_x(function: Batched, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """(B, n)."""
    X = X.detach().requires_grad_(True)
    return derivative(function(X, Y.detach()).sum(), (X,))[0]


def derivative(
    value: torch.Tensor, inputs: tuple[torch.Tensor, ...], *, graph: bool = False
) -> tuple[torch.Tensor, ...]:
    """Gradients of a scalar; zero with respect to what it does not depend on."""
    if not value.requires_grad:
        return tuple(torch.zeros_like(item) for item in inputs)
    found = torch.autograd.grad(value, inputs, create_graph=graph, allow_unused=True)
    return tuple(torch.zeros_like(item) if part is None else part for part, item in zip(found, inputs, strict=True))


class Curvature:
    """The largest curvature of a function in y, for each point of a batch, by power iteration.

    The iteration keeps its vectors: as x moves, two Hessian products at each call follow the eigenvalue. A stale step
    size was measured to be the most common cause of failure of first-order bilevel methods.
    """

    #: The power iteration approaches the eigenvalue from below.
    MARGIN = 1.2

    def __init__(self, function: Batched, seed: int = 0) -> None:
        self._function = function
        self._generator = torch.Generator().manual_seed(seed)
        self._vectors: torch.Tensor | None = None

    def __call__(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        """(B, 1) estimates, at least a tiny positive number."""
        rounds = 2
        if self._vectors is None or self._vectors.shape != Y.shape:
            self._vectors = torch.randn(Y.shape, generator=self._generator, dtype=torch.float64)
            rounds = 20
        Y = Y.detach().requires_grad_(True)
        (slope,) = derivative(self._function(X.detach(), Y).sum(), (Y,), graph=True)
        estimate = torch.zeros(Y.shape[0], 1, dtype=torch.float64)
        for _ in range(rounds):
            size = self._vectors.norm(dim=1, keepdim=True)
            if not slope.requires_grad:
                break
            product = torch.autograd.grad(
                slope, Y, grad_outputs=self._vectors / (size + 1e-300), retain_graph=True, allow_unused=True
            )[0]
            if product is None:
                break
            estimate = product.norm(dim=1, keepdim=True)
            # a direction that the Hessian maps to nothing says nothing: keep some of the old one
            self._vectors = torch.where(estimate > 0.0, product, self._vectors)
        return self.MARGIN * estimate + 1e-12
