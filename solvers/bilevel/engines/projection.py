"""Projection of a batch of points (x, y) onto the constraints of both levels and the bounds, linearized where
curved."""

from __future__ import annotations

import torch

from solvers.bilevel.problem import Bilevel, tensor

SWEEPS = 40


class Projection:
    """``min |z - z0|^2/2`` over ``c(z) <= 0``, ``h(z) = 0`` and the box, by accelerated ascent on the multipliers.

    The constraints are linearized at z0 and scaled to unit gradients; the multipliers are kept between calls, so that
    few sweeps are enough while z0 moves slowly. Affine constraints are met up to the ascent's precision.
    """

    def __init__(self, problem: Bilevel, count: int) -> None:
        self._problem = problem
        self._low = torch.cat([tensor(problem.upper.lower), tensor(problem.lower.lower)])
        self._high = torch.cat([tensor(problem.upper.upper), tensor(problem.lower.upper)])
        z = torch.cat([tensor(problem.upper.start), tensor(problem.lower.start)])
        parts = self._parts(z)
        self._signed = torch.cat(
            [torch.full_like(part, 0.0 if free else 1.0) for part, free in zip(parts, (False, True), strict=True)]
        ).bool()
        self._size = int(self._signed.shape[0])
        self._multipliers = torch.zeros(count, self._size, dtype=torch.float64)
        self._values = torch.func.vmap(lambda z: torch.cat(self._parts(z)))
        self._jacobians = torch.func.vmap(torch.func.jacrev(lambda z: torch.cat(self._parts(z))))

    def _parts(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        n = self._problem.n
        x, y = z[:n], z[n:]
        both: list[list[torch.Tensor]] = [[], []]
        for level in (self._problem.upper, self._problem.lower):
            for place, function in enumerate((level.inequalities, level.equalities)):
                if function is not None:
                    both[place].append(function(x, y))
        none = z[:0]
        return tuple(torch.cat(part) if part else none for part in both)  # type: ignore[return-value]

    def __call__(self, X: torch.Tensor, Y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The projected points."""
        z0 = torch.cat([X, Y], dim=1).detach()
        n = X.shape[1]
        if not self._size:
            z = torch.clamp(z0, self._low, self._high)
            return z[:, :n], z[:, n:]
        J, values = self._jacobians(z0), self._values(z0)
        sizes = J.norm(dim=2, keepdim=True) + 1e-12
        J, values = J / sizes, values / sizes[:, :, 0]
        rate = 1.0 / (torch.linalg.matrix_norm(J, ord=2)[:, None] ** 2 + 1e-12)
        mu = self._multipliers
        ahead, momentum = mu, 1.0
        z = z0
        for _ in range(SWEEPS):
            z = torch.clamp(z0 - (ahead[:, None, :] @ J)[:, 0, :], self._low, self._high)
            after = ahead + rate * (values + (J @ (z - z0)[:, :, None])[:, :, 0])
            after = torch.where(self._signed, torch.clamp(after, min=0.0), after)
            faster = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum) ** 0.5)
            ahead = after + (momentum - 1.0) / faster * (after - mu)
            mu, momentum = after, faster
        self._multipliers = mu
        z = torch.clamp(z0 - (mu[:, None, :] @ J)[:, 0, :], self._low, self._high)
        return z[:, :n], z[:, n:]
