"""Coefficients of quadratic functions, found by differentiation: exact up to rounding where the degree is at most
two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch

from solvers.bilevel.engines.newton import hessian
from solvers.bilevel.problem import Function, tensor
from solvers.core.errors import InvalidProblem

if TYPE_CHECKING:
    from solvers.bilevel.problem import Bilevel, Level

#: Entries below this multiple of those of the same variables are rounding of the differentiation, not coefficients.
ROUNDING = 1e-14
#: The same, of the largest products and linear terms that a bounded box allows.
UNSEEN = 1e-15
#: Coefficients in here, the largest at least one, are left as they are.
USUAL = (1e-3, 1e4)


@dataclass(frozen=True)
class Quadratic:
    """``z'Qz/2 + c'z + constant`` over z = (x, y); Q symmetric in CSR, or None if affine."""

    Q: sp.csr_array | None
    c: np.ndarray
    constant: float

    def value(self, z: np.ndarray) -> float:
        return self.constant + float(self.c @ z) + (0.0 if self.Q is None else 0.5 * float(z @ (self.Q @ z)))

    def largest(self, begin: int = 0) -> float:
        """The largest coefficient of a term that has one of the variables from ``begin`` on; 0 if there is none."""
        sizes = self._sizes(begin)
        return float(sizes.max(initial=0.0))

    def unit(self, begin: int = 0) -> float:
        """A power of two which brings the same coefficients near one; 1 if they are near enough."""
        return unit_of(self._sizes(begin))

    def over(self, unit: float) -> Quadratic:
        """This function in other units."""
        if unit == 1.0:
            return self
        return Quadratic(None if self.Q is None else sp.csr_array(self.Q / unit), self.c / unit, self.constant / unit)

    def _sizes(self, begin: int) -> np.ndarray:
        sizes = np.abs(self.c[begin:])
        if self.Q is not None:
            sizes = np.concatenate([sizes, np.abs(self.Q[begin:].data)])
        return np.asarray(sizes[sizes > 0.0])


@dataclass(frozen=True)
class Forms:
    """Every function of a quadratic bilevel problem: objectives (minimized), inequalities (<= 0), equalities (= 0)."""

    n: int
    m: int
    upper: Quadratic
    lower: Quadratic
    upper_inequalities: tuple[Quadratic, ...]
    upper_equalities: tuple[Quadratic, ...]
    lower_inequalities: tuple[Quadratic, ...]
    lower_equalities: tuple[Quadratic, ...]

    @cached_property
    def scaled(self) -> Forms:
        """The same problem with coefficients near one, for solvers with absolute tolerances: each constraint and the
        lower objective (by its terms with y) divided by its unit, and the upper objective."""
        rows = (tuple(form.over(form.unit()) for form in part) for part in self._parts)
        upper = self.upper.over(self.upper.unit())
        lower = self.lower.over(self.lower.unit(self.n))
        return Forms(self.n, self.m, upper, lower, *rows)

    def upper_value(self, scaled: float) -> float:
        """The upper objective where that of ``scaled`` has this value."""
        return scaled * self.upper.unit()

    def lower_block(self, form: Quadratic) -> np.ndarray | None:
        """The part of Q that is quadratic in y, dense; None if there is none."""
        if form.Q is None:
            return None
        block = form.Q[self.n :, self.n :].toarray()
        return block if block.any() else None

    @cached_property
    def lower_affine(self) -> bool:
        """True if the lower constraints are affine in y for each x: then its KKT conditions need no other condition."""
        both = (*self.lower_inequalities, *self.lower_equalities)
        return all(self.lower_block(form) is None for form in both)

    @cached_property
    def lower_convex(self) -> bool:
        blocks = [self.lower_block(form) for form in (self.lower, *self.lower_inequalities)]
        if any(self.lower_block(form) is not None for form in self.lower_equalities):
            return False
        return all(block is None or _smallest(block)[0] for block in blocks)

    @cached_property
    def lower_strongly_convex(self) -> bool:
        block = self.lower_block(self.lower)
        return self.lower_convex and block is not None and _smallest(block)[1] > 0.0

    @cached_property
    def linear(self) -> bool:
        """True if every function is affine."""
        return all(form.Q is None for form in self.all)

    @property
    def all(self) -> tuple[Quadratic, ...]:
        return (self.upper, self.lower, *self.constraints)

    @property
    def constraints(self) -> tuple[Quadratic, ...]:
        return tuple(form for part in self._parts for form in part)

    @property
    def _parts(self) -> tuple[tuple[Quadratic, ...], ...]:
        return (self.upper_inequalities, self.upper_equalities, self.lower_inequalities, self.lower_equalities)


def unit_of(sizes: np.ndarray) -> float:
    """A power of two near the geometric mean of the smallest and the largest; 1 if they are usual, or none."""
    if not sizes.size or (sizes.min() >= USUAL[0] and 1.0 <= sizes.max() <= USUAL[1]):
        return 1.0
    return float(2.0 ** np.round(0.5 * (np.log2(sizes.min()) + np.log2(sizes.max()))))


def _smallest(block: np.ndarray) -> tuple[bool, float]:
    """Whether a symmetric matrix is positive semidefinite up to rounding, and its smallest eigenvalue if above that,
    both relative to each variable's own diagonal entry: a small negative one beside a large one is no rounding."""
    used = np.abs(block).max(axis=1, initial=0.0) > 0.0
    diagonal = np.diag(block)[used]
    if (diagonal <= 0.0).any():
        return False, 0.0
    root = np.sqrt(diagonal)
    values = np.linalg.eigvalsh(block[np.ix_(used, used)] / root[:, None] / root)
    noise = 1e-12 * len(values)
    least = float(values.min(initial=np.inf)) if used.all() else 0.0
    return bool(values.min(initial=0.0) >= -noise), least if least > noise else 0.0


def semidefinite(matrix: np.ndarray) -> bool:
    """Whether a symmetric matrix is positive semidefinite up to rounding."""
    return _smallest(matrix)[0]


def curvature(problem: Bilevel) -> tuple[bool, float]:
    """Of a lower objective whose Hessian in y is the same everywhere: whether it is positive semidefinite, and its
    smallest eigenvalue if that is clearly positive, else 0."""
    x, y = tensor(problem.upper.start), tensor(problem.lower.start).requires_grad_(True)
    value = problem.lower.objective(x, y)
    if not value.requires_grad:
        return True, 0.0
    (slope,) = torch.autograd.grad(value, y, create_graph=True)
    return _smallest(hessian(slope, y).detach().numpy())


def recover(problem: Bilevel) -> Forms:
    """The coefficients of a problem whose functions are all known to be of degree two at most.

    Raises:
        InvalidProblem: a function is not defined at the origin, or is not quadratic after all.
    """
    n, m = problem.n, problem.m
    ends = np.abs([*zip(problem.upper.lower, problem.upper.upper, strict=True)]).max(axis=1)
    reach = np.concatenate([ends, np.abs([*zip(problem.lower.lower, problem.lower.upper, strict=True)]).max(axis=1)])

    def scalar(function: Function, name: str) -> Quadratic:
        return _forms(lambda x, y: function(x, y).reshape(1), n, reach, name)[0]

    def several(level: Level, kind: str, name: str) -> tuple[Quadratic, ...]:
        function = getattr(level, kind)
        return () if function is None else tuple(_forms(function, n, reach, name))

    return Forms(
        n=n,
        m=m,
        upper=scalar(problem.upper.objective, "upper objective"),
        lower=scalar(problem.lower.objective, "lower objective"),
        upper_inequalities=several(problem.upper, "inequalities", "upper constraints"),
        upper_equalities=several(problem.upper, "equalities", "upper constraints"),
        lower_inequalities=several(problem.lower, "inequalities", "lower constraints"),
        lower_equalities=several(problem.lower, "equalities", "lower constraints"),
    )


def _forms(function: Function, n: int, reach: np.ndarray, name: str) -> list[Quadratic]:
    def of(z: torch.Tensor) -> torch.Tensor:
        return function(z[:n], z[n:])

    size = len(reach)
    origin = torch.zeros(size, dtype=torch.float64)
    generator = np.random.default_rng(0)
    # away from the origin and from points where terms cancel
    probe, other = (tensor(side * generator.uniform(1.0, 3.0, size)) for side in (1.0, -1.0))
    with torch.enable_grad():
        constant = of(origin).detach().numpy()
        jacobian = _jacobian(of, origin)
        # what is affine has the same derivatives everywhere, to the last bit
        curved = (_jacobian(of, probe) != jacobian).any(axis=1)
        result = []
        for i in range(len(constant)):
            Q = _hessian(of, origin, i, jacobian[i], reach) if curved[i] else None
            result.append(Quadratic(Q, jacobian[i], float(constant[i])))
        for point in (probe, other):
            for form, value in zip(result, of(point).detach().numpy(), strict=True):
                here = form.value(point.numpy())
                if not abs(here - value) <= 1e-8 * (1.0 + abs(value)):
                    raise InvalidProblem(f"the {name} are not quadratic, or not defined at the origin")
    return result


def _jacobian(of: Function | object, at: torch.Tensor) -> np.ndarray:
    return np.asarray(torch.func.jacrev(of)(at).detach().numpy())  # type: ignore[arg-type]


def _hessian(of: object, at: torch.Tensor, i: int, c: np.ndarray, reach: np.ndarray) -> sp.csr_array | None:
    z = at.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(of(z)[i], z, create_graph=True)  # type: ignore[operator]
    size = z.shape[0]
    rows = torch.func.vmap(lambda v: torch.autograd.grad(gradient, z, v, retain_graph=True)[0], chunk_size=512)(
        torch.eye(size, dtype=torch.float64)
    )
    dense = rows.detach().numpy()
    dense = 0.5 * (dense + dense.T)
    dense[_rounding(dense, c, reach)] = 0.0
    return sp.csr_array(dense) if dense.any() else None


def _rounding(dense: np.ndarray, c: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Which entries are rounding: beside those of the same two variables, or of no weight in the box.

    Args:
        reach: largest size of each variable within its bounds.
    """
    sizes = np.abs(dense)
    rows = np.sqrt(sizes.max(axis=1, initial=0.0))
    found = sizes <= ROUNDING * np.outer(rows, rows)
    if np.isfinite(reach).all():
        weights, linear = sizes * np.outer(reach, reach), np.abs(c) * reach
        found |= weights <= UNSEEN * np.maximum(weights.max(initial=0.0), np.minimum.outer(linear, linear))
    return np.asarray(found)
