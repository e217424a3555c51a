"""Coefficients of affine and quadratic expressions, by differentiation at the origin.

The caller knows the degree (``api_schemas.expression.structure``); then the derivatives are constant, and what is found
is the expression's own coefficients up to the rounding of its operations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

#: Rows of a Jacobian or Hessian computed at once: bounds the memory of the batched backward pass.
CHUNK = 64

Flat = Callable[["torch.Tensor"], "torch.Tensor"]


def affine(function: Flat, size: int) -> tuple[np.ndarray, np.ndarray]:
    """``(A, b)`` with ``function(x) = A x + b`` for a flat x; A has a row for each element of the value, row-major.

    Args:
        function: of a float64 vector of ``size`` elements, affine.
    """
    origin = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    value = function(origin).reshape(-1)
    return jacobian_rows(value, origin, keep=False), value.detach().numpy().copy()


def quadratic(function: Flat, size: int) -> tuple[np.ndarray, np.ndarray, float]:
    """``(Q, c, d)`` with ``function(x) = x'Qx/2 + c'x + d``, Q symmetric.

    Args:
        function: of a float64 vector of ``size`` elements, a scalar of degree at most two.
    """
    origin = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    value = function(origin).reshape(())
    if not value.requires_grad:
        return np.zeros((size, size)), np.zeros(size), float(value)
    (gradient,) = torch.autograd.grad(value, origin, create_graph=True)
    hessian = jacobian_rows(gradient, origin, keep=True)
    return 0.5 * (hessian + hessian.T), gradient.detach().numpy().copy(), float(value.detach())


def jacobian_rows(values: torch.Tensor, origin: torch.Tensor, *, keep: bool) -> np.ndarray:
    """The Jacobian of a vector at the point that it was computed from, a block of rows at a time.

    Args:
        keep: keep the graph for further derivatives.
    """
    count, size = values.numel(), origin.numel()
    result = np.zeros((count, size))
    if not values.requires_grad:
        return result
    for begin in range(0, count, CHUNK):
        end = min(begin + CHUNK, count)
        seeds = torch.zeros((end - begin, count), dtype=torch.float64)
        seeds[torch.arange(end - begin), torch.arange(begin, end)] = 1.0
        (block,) = torch.autograd.grad(
            values, origin, seeds, retain_graph=keep or end < count, is_grads_batched=True, allow_unused=True
        )
        if block is not None:
            result[begin:end] = block.numpy()
    return result
