"""One Newton direction of the semi-dual: ``(diag(c) - P' diag(1/a) P) z = e (b - c)``, solved as well as it is worth.

The system is a graph Laplacian (weights of two-step paths between targets). Three ways, chosen by what it shows:

- ``cg``: conjugate gradients with Jacobi preconditioning, on a sparsified or the full P. Best while the graph is well
connected. - ``sparse``: direct, on the bipartite form ``[[diag(a), S], [S', diag(c)]]``, whose elimination order finds
the small separators of a nearly
  degenerate plan (there CG needs thousands of iterations).
- ``dense``: Cholesky, where neither fits and m is moderate.

Sparsification is error-controlled: entries of a row whose total is at most ``delta * min(error, 0.1)`` of the row's
mass are dropped, so the direction's relative error falls with the marginal error and convergence stays superlinear
(unlike the fixed number of entries of Tang et al., ICLR 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import splu

from solvers.transport.numerics.passes import Passes, State

#: Share of a row's mass (times the error) that sparsification may drop.
DELTA = 0.1

#: Sparse products beat dense ones below this density.
DENSITY = 0.25

#: CG iterations after which the direct solvers are asked.
PATIENCE = 120

#: Largest number of non-zeros a target for the sparse factorization, and of targets for the dense one.
SPARSE_FILL = 40
LARGEST_CHOLESKY = 3000


@dataclass(frozen=True)
class Step:
    """Attributes:
    at: the potentials g after a part (at most 1) of the step.
    rise: the first-order change of the semi-dual from the state to such a g.
    """

    at: Callable[[float], torch.Tensor]
    rise: Callable[[torch.Tensor], float]


@dataclass
class Newton:
    """Computes directions and remembers what worked.

    Attributes:
        direct: CG was given up; systems are solved directly from now on.
        counts: of CG iterations and factorizations.
    """

    passes: Passes
    direct: bool = False
    counts: dict[str, int] = field(default_factory=lambda: {"cg": 0, "sparse": 0, "dense": 0})

    def step(self, state: State, damping: float = 0.0) -> Step:  # noqa: ARG002
        """A direction of ascent in g of mean 0. ``damping``: see ``FreeNewton``; where marginals are exact, none."""
        passes = self.passes
        gradient = passes.b - state.columns
        rhs = state.epsilon * gradient
        if state.P is None:
            rhs = rhs - rhs.mean()
            z, _ = self.iterate(lambda z: state.columns * z - passes.apply(state, z), state.columns, rhs, state.error)
            z = z - z.mean()
        else:
            z, _ = self.solve(state.P, passes.a, state.columns, rhs, state.error)
        return Step(lambda length: state.g + length * z, lambda g: float(torch.dot(gradient, g - state.g)))

    def shifted(self, g: torch.Tensor, f: torch.Tensor, epsilon: float) -> torch.Tensor:  # noqa: ARG002
        """g plus the constant that is best while f loses it; where marginals are exact, none is."""
        return g

    def iterate(
        self, product: Callable[[torch.Tensor], torch.Tensor], diagonal: torch.Tensor, rhs: torch.Tensor, error: float
    ) -> tuple[torch.Tensor, bool]:
        """Conjugate gradients on a system of which only products are known, as far as it is worth at this error."""
        return self._cg(product, diagonal, rhs, _forcing(error))

    def solve(
        self,
        P: torch.Tensor,
        a: torch.Tensor,
        columns: torch.Tensor,
        rhs: torch.Tensor,
        error: float,
        singular: bool = True,
        *,
        centre: bool = True,
    ) -> tuple[torch.Tensor, bool]:
        """``(diag(columns) - P' diag(1/a) P) z = rhs``, where P 1 = a. Where P' 1 = columns the system is singular,
        and solved for a right-hand side and a solution of mean 0. ``centre``: of a system that is not, too, the
        solution of mean 0 is as good as any."""
        if singular:
            rhs = rhs - rhs.mean()
        z: torch.Tensor
        S = _sparsified(P, a, error)
        m = columns.numel()
        if self.direct:
            if S is not None and S.nnz <= SPARSE_FILL * (S.shape[0] + m):
                z, solved = self._factorized(S, a, columns, rhs), True
                return (z - z.mean() if centre else z), solved
            if m <= LARGEST_CHOLESKY:
                z = self._cholesky(P, a, columns, rhs, lift=centre)
                return (z - z.mean() if centre else z), True
        z, solved = self._iterated(P, S, a, columns, rhs, _forcing(error))
        if not solved:
            self.direct = True
        return (z - z.mean() if centre else z), solved

    def _iterated(
        self,
        P: torch.Tensor,
        S: sp.csr_array | None,
        a: torch.Tensor,
        columns: torch.Tensor,
        rhs: torch.Tensor,
        rtol: float,
    ) -> tuple[torch.Tensor, bool]:
        if S is None or P.device.type != "cpu":
            diagonal = torch.maximum(columns - (P * P).T @ (1.0 / a), 1e-3 * columns)
            return self._cg(lambda z: columns * z - P.T @ ((P @ z) / a), diagonal, rhs, rtol)
        inverse = 1.0 / a.numpy()
        back = S.T.tocsr()
        squares = S.copy()
        squares.data **= 2
        c = columns.numpy()
        diagonal = torch.from_numpy(np.maximum(c - squares.T @ inverse, 1e-3 * c))

        def product(z: torch.Tensor) -> torch.Tensor:
            values = z.numpy()
            return torch.from_numpy(c * values - back @ (inverse * (S @ values)))

        return self._cg(product, diagonal, rhs, rtol)

    def _cg(
        self, product: Callable[[torch.Tensor], torch.Tensor], diagonal: torch.Tensor, rhs: torch.Tensor, rtol: float
    ) -> tuple[torch.Tensor, bool]:
        """Jacobi-preconditioned conjugate gradients from zero: every iterate is a direction of ascent."""
        z = torch.zeros_like(rhs)
        residual = rhs.clone()
        goal = rtol * float(torch.linalg.vector_norm(rhs))
        scaled = residual / diagonal
        step = scaled.clone()
        weight = float(torch.dot(residual, scaled))
        for _ in range(PATIENCE):
            self.passes.watch.check()
            image = product(step)
            curvature = float(torch.dot(step, image))
            if not curvature > 0.0:
                return (z if bool(z.any()) else scaled), False
            rate = weight / curvature
            z.add_(step, alpha=rate)
            residual.sub_(image, alpha=rate)
            self.counts["cg"] += 1
            if float(torch.linalg.vector_norm(residual)) <= goal:
                return z, True
            scaled = residual / diagonal
            new = float(torch.dot(residual, scaled))
            step.mul_(new / weight).add_(scaled)
            weight = new
        return z, False

    def _factorized(self, S: sp.csr_array, a: torch.Tensor, columns: torch.Tensor, rhs: torch.Tensor) -> torch.Tensor:
        """By sparse LU in symmetric mode of the bipartite form, with a tiny shift for its null spaces."""
        c, weights = columns.cpu().numpy(), a.cpu().numpy()
        n = len(weights)
        shift = 1.0 + 1e-13
        whole = sp.block_array([[sp.diags_array(weights * shift), S], [S.T, sp.diags_array(c * shift)]], format="csc")
        factor = splu(whole, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        self.counts["sparse"] += 1
        return torch.from_numpy(factor.solve(np.concatenate([np.zeros(n), rhs.cpu().numpy()]))[n:]).to(rhs.device)

    def _cholesky(
        self, P: torch.Tensor, a: torch.Tensor, columns: torch.Tensor, rhs: torch.Tensor, *, lift: bool
    ) -> torch.Tensor:
        """By dense Cholesky of the Hessian; ``lift``: plus a rank-one term for its null space."""
        hessian = torch.diag(columns) - P.T @ (P / a[:, None])
        if lift:
            hessian.add_(float(columns.mean()) / len(columns))
        self.counts["dense"] += 1
        for shift in (1e-13, 1e-10, 1e-7, 1e-4):
            hessian.diagonal().add_(shift * float(columns.max()))
            factor, failed = torch.linalg.cholesky_ex(hessian)
            if int(failed) == 0:
                break
        return torch.cholesky_solve(rhs[:, None], factor)[:, 0]


def _forcing(error: float) -> float:
    """The relative accuracy that a system is worth at this marginal error."""
    return min(0.1, max(1e-8, math.sqrt(error)))


def _sparsified(P: torch.Tensor, a: torch.Tensor, error: float) -> sp.csr_array | None:
    """P without its smallest entries as CSR, or None if too many stay."""
    n, m = P.shape
    # in numpy: torch takes three to seven times as long to count and to find on a CPU
    mask = ((a * (DELTA * min(error, 0.1) / m))[:, None] < P).cpu().numpy()
    per_row = np.count_nonzero(mask, axis=1)
    if int(per_row.sum()) > DENSITY * n * m:
        return None
    flat = np.flatnonzero(mask)
    pointers = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(per_row, out=pointers[1:])
    values = P.reshape(-1).cpu().numpy()[flat]
    return sp.csr_array((values, (flat % m).astype(np.int32), pointers), shape=(n, m))
