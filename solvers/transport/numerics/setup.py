"""From a problem to what engines compute with: positive weights of total 1, the smaller side second, epsilon in units
of the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from solvers.core.errors import InvalidOption, InvalidProblem, OutOfMemory
from solvers.transport.memory import budget
from solvers.transport.numerics.geometry import LARGEST_DENSE, Geometry
from solvers.transport.numerics.marginals import CappedTotal, Marginal, marginal_of
from solvers.transport.numerics.passes import Passes
from solvers.transport.numerics.watch import Watch
from solvers.transport.problem import Transport

#: Below this multiple of the largest cost, double precision cannot represent the plan's exponents usefully.
SMALLEST_EPSILON = 1e-13


#: Mean cosine costs below this are rounding: all points lie in one direction.
ONE_DIRECTION = 1e-28


@dataclass
class Setup:
    """The part of a problem that carries mass.

    Attributes:
        a, b: (n',) and (m',) positive weights, divided by ``total_a`` for balanced problems, as they are for others.
        scale: what the weights were divided by.
        rows, columns: indices of the kept sources and targets in the original problem, in the geometry's orientation.
        flipped: rows are the problem's targets.
        epsilon: strength of the regularization in units of the cost; None without.
        epsilon_from: ``"problem"``, ``"relative"`` or "".
        mean_cost: ``sum a b M / (sum a sum b)``.
    """

    problem: Transport
    geometry: Geometry
    a: torch.Tensor
    b: torch.Tensor
    scale: float
    rows: np.ndarray
    columns: np.ndarray
    flipped: bool
    epsilon: float | None
    epsilon_from: str
    mean_cost: float

    @property
    def unit(self) -> float:
        """A scale of costs: their mean, or their spread where the mean is none; where all are 0, that of penalties."""
        if self.mean_cost > 0.0:
            return self.mean_cost
        strengths = (self.problem.strength_a, self.problem.strength_b)
        spread = (
            0.0 if self.problem.cost == "cosine" and self.geometry.spread() < ONE_DIRECTION else self.geometry.spread()
        )
        return spread or min(one for one in (*strengths, 1.0) if math.isfinite(one))

    @property
    def keep(self) -> bool:
        """True if matrices of the size of the plan are kept."""
        return self.geometry.dense is not None


def prepare(problem: Transport, options: Mapping[str, Any], *, flip: bool = True, matrices: float = 3.0) -> Setup:
    """See ``Setup``.

    Args:
        flip: allow to exchange sources and targets so that there are at most as many columns as rows.
        matrices: how many (n, m) matrices of doubles the engine keeps, if it keeps any.

    Raises:
        InvalidProblem: an epsilon that double precision cannot serve.
        OutOfMemory: a user's matrix with too little memory for the work on it.
    """
    device = device_of(options)
    kept_a, kept_b = np.flatnonzero(problem.a > 0.0), np.flatnonzero(problem.b > 0.0)
    flipped = flip and len(kept_b) > len(kept_a)
    x, y, M = problem.x, problem.y, problem.M
    whole = len(kept_a) == problem.n and len(kept_b) == problem.m
    if problem.cost == "matrix":
        assert M is not None
        M = M if whole else M[np.ix_(kept_a, kept_b)]
        M = M.T if flipped else M
    else:
        assert x is not None
        assert y is not None
        x, y = (x, y) if whole else (x[kept_a], y[kept_b])
        x, y = (y, x) if flipped else (x, y)
    size = len(kept_a) * len(kept_b)
    keep = size <= min(LARGEST_DENSE, budget(options) / (8.0 * matrices))
    if problem.cost == "matrix" and not keep:
        raise OutOfMemory(
            f"a cost matrix of {len(kept_a):,} x {len(kept_b):,} needs {8e-6 * matrices * size:,.0f} MB with its plans",
            pointer="/memory_limit",
            hint="points instead of a matrix: their costs are computed where they are needed",
        )
    geometry = Geometry(
        x, y, None if problem.cost != "matrix" else M, problem.cost, problem.p, device=device, keep=keep
    )
    a, b = problem.a[kept_a], problem.b[kept_b]
    scale = math.fsum(a) if problem.variant == "balanced" else 1.0
    first, second = (b, a) if flipped else (a, b)
    weights_a = torch.from_numpy(first / scale).to(device)
    weights_b = torch.from_numpy(second / scale).to(device)
    mean = geometry.mean(weights_a, weights_b) / float(weights_a.sum() * weights_b.sum())
    if problem.cost == "cosine" and mean < ONE_DIRECTION:
        mean = 0.0
    epsilon, source = None, ""
    if problem.regularization is not None:
        relative = problem.regularization.relative
        if relative and mean < 0.0:
            raise InvalidProblem(
                f"the mean cost is {mean:g}, which is no scale for a regularization",
                pointer="/relative",
                hint="an absolute regularization, or costs that are not negative",
            )
        epsilon = problem.regularization.strength * (mean if relative else 1.0)
        source = "relative" if relative else "problem"
        if epsilon == 0.0:
            epsilon, source = problem.regularization.strength, "problem"  # all costs are 0: any scale serves
        largest = geometry.spread()
        if problem.regularization.kind == "entropic" and epsilon < SMALLEST_EPSILON * largest:
            raise InvalidProblem(
                f"an epsilon of {epsilon:g} is below what double precision can serve for costs up to {largest:g}",
                pointer="/regularization",
                hint=f"at least {SMALLEST_EPSILON * largest:.3g}, or none: exact engines need no regularization",
            )
    rows, columns = (kept_b, kept_a) if flipped else (kept_a, kept_b)
    return Setup(problem, geometry, weights_a, weights_b, scale, rows, columns, flipped, epsilon, source, mean)


def passes_of(setup: Setup, watch: Watch) -> Passes:
    """Passes with the marginal rules of the problem."""
    problem = setup.problem
    rows = marginal_of(problem.variant, problem.divergence, problem.strength_a)
    columns: Marginal = marginal_of(problem.variant, problem.divergence, problem.strength_b)
    if problem.variant == "partial":
        assert problem.mass is not None
        columns = CappedTotal(setup.b, problem.mass)
    return Passes(setup.geometry, setup.a, setup.b, watch, keep=setup.keep, rows=rows, columns=columns)


def device_of(options: Mapping[str, Any]) -> torch.device:
    """Where to compute.

    Raises:
        InvalidOption: CUDA is asked for and there is none.
    """
    wish = options.get("device") or "auto"
    if wish == "cuda" and not torch.cuda.is_available():
        raise InvalidOption("there is no CUDA device here", pointer="/device", hint="auto or cpu")
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")
