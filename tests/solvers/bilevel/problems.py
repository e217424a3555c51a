"""Bilevel problems whose solutions are known in closed form or by exhaustive search."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.certificates import certify, settle
from solvers.bilevel.problem import Bilevel, Level, Structure, tensor
from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import Context, LocalContext

torch.set_num_threads(1)


def solve(engine: str, problem: Bilevel, context: Context | None = None, **options: Any) -> BilevelAnswer:
    """The engine's own answer, before any check."""
    options = {"log": False, **options}
    answer: BilevelAnswer = registry.load("bilevel", engine).solve(problem, options, context or LocalContext())
    return answer


def checked(engine: str, problem: Bilevel, **options: Any) -> tuple[BilevelAnswer, Certificate]:
    """The answer as the service would give it."""
    answer = solve(engine, problem, **options)
    certificate = certify(problem, answer, options)
    return settle(answer, certificate), certificate


def pbgd_toy() -> Bilevel:
    """Lower solution y = -x; local minima of F at x = 0.3824, 1.2152 (global, 0.19991) and 2.8296, on a fine grid."""

    def upper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        bent = torch.cos(4 * y + 2) / (1 + torch.exp(2 - 4 * x))
        return (bent + 0.5 * torch.log((4 * x - 2) ** 2 + 1)).sum()

    def lower(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((x + y) ** 2 + x * torch.sin(x + y) ** 2).sum()

    return Bilevel(Level.build(upper, [2.0], lower=0.0, upper=3.0), Level.build(lower, [0.0]))


def saturating_ridge(seed: int) -> Bilevel:
    """30 penalties of ridge regression, each between exp(-4) and exp(4) by a tanh, for 45 examples; 90 to validate."""
    random, d, n = np.random.default_rng(seed), 30, 45
    weights = np.zeros(d)
    weights[:6] = random.normal(size=6)
    X = random.normal(size=(3 * n, d))
    y = X @ weights + 2.0 * random.normal(size=3 * n)
    A, b, Av, bv = tensor(X[:n]), tensor(y[:n]), tensor(X[n:]), tensor(y[n:])

    def upper(_: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return ((Av @ w - bv) ** 2).mean()

    def lower(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return ((A @ w - b) ** 2).mean() + ((4.0 * torch.tanh(x / 4.0)).exp() * w * w).sum()

    known = Structure(lower_convex=True, lower_strongly_convex=True)
    return Bilevel(Level.build(upper, np.full(d, -2.0)), Level.build(lower, np.zeros(d)), known)


def lv_hba_toy(n: int = 100, *, quadratic: bool = True) -> Bilevel:
    """x = -0.3, y1 = 0.7, y2 = -0.4 in every entry and F = n/20, by hand."""

    def upper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * ((x - y[n:]) ** 2).sum() + 0.5 * ((y[:n] - 1.0) ** 2).sum()

    def lower(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * (y[:n] ** 2).sum() - x @ y[:n] + y[n:].sum()

    def total(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x.sum() + y.sum()).reshape(1)

    return Bilevel(
        Level.build(upper, np.ones(n)),
        Level.build(lower, np.ones(2 * n), equalities=total),
        Structure(quadratic=quadratic, lower_convex=True),
    )


def bda_counterexample(n: int = 3) -> Bilevel:
    """Any y2 solves the lower level; the optimum x = y1 = y2 = 1 with F = 0 needs the right one."""

    def upper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * ((x - y[n:]) ** 2).sum() + 0.5 * ((y[:n] - 1.0) ** 2).sum()

    def lower(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * (y[:n] ** 2).sum() - x @ y[:n]

    return Bilevel(Level.build(upper, np.zeros(n)), Level.build(lower, np.full(2 * n, -2.0)), Structure(quadratic=True))


def quadratic(n: int = 4, m: int = 5, seed: int = 0) -> tuple[Bilevel, np.ndarray]:
    """``|y - b|^2/2 + |x|^2/20`` over y = A^-1 B x; the solution is that of a linear system."""
    random = np.random.default_rng(seed)
    root = random.normal(size=(m, m))
    A, B, b = root @ root.T / m + np.eye(m), random.normal(size=(m, n)), random.normal(size=m)
    S = np.linalg.solve(A, B)
    best = np.linalg.solve(S.T @ S + 0.1 * np.eye(n), S.T @ b)
    tA, tB, tb = tensor(A), tensor(B), tensor(b)

    def upper(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * ((y - tb) ** 2).sum() + 0.05 * (x @ x)

    def lower(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * y @ (tA @ y) - y @ (tB @ x)

    problem = Bilevel(
        Level.build(upper, np.zeros(n)),
        Level.build(lower, np.zeros(m)),
        Structure(lower_convex=True, lower_strongly_convex=True),
    )
    return problem, best


def bard() -> Bilevel:
    """Bard 1998, example 5.1.1: optimum -12 at x = y = 4."""

    def rows(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat([3 - x - y, y - 2 * x, 2 * x + y - 12, 3 * x - 2 * y - 4])

    return Bilevel(
        Level.build(lambda x, y: (x - 4 * y).sum(), [1.0], lower=0.0),
        Level.build(lambda x, y: y.sum(), [1.0], lower=0.0, inequalities=rows),
        Structure(quadratic=True),
    )


def linear(seed: int, n: int = 3, m: int = 3, rows: int = 4, *, integer: bool = False) -> Bilevel:
    """A random bounded linear problem; both levels in boxes."""
    random = np.random.default_rng(seed)
    C, D = tensor(random.integers(-3, 4, (rows, n))), tensor(random.integers(-3, 4, (rows, m)))
    right = tensor(random.integers(4, 12, rows))
    c, d, e = (tensor(random.integers(-5, 6, k)) for k in (n, m, m))
    return Bilevel(
        Level.build(lambda x, y: c @ x + d @ y, np.zeros(n), lower=0.0, upper=4.0, integrality=integer),
        Level.build(
            lambda x, y: e @ y + 0.0 * x.sum(),
            np.zeros(m),
            lower=0.0,
            upper=5.0,
            inequalities=lambda x, y: C @ x + D @ y - right,
        ),
        Structure(quadratic=True),
    )
